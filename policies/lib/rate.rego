# Machine speed: throttle first; when one cause was throttled too often, a person looks at it.
package rules.lib_rate

import data.lib.limits

throttle contains {"code": "session.rate", "retry_delay_ms": delay} if {
	delay := longest_delay
	throttles < limits.throttles_before_escalate
}

escalate contains {"code": "session.rate", "reviewers": limits.reviewers} if {
	too_fast
	throttles >= limits.throttles_before_escalate
}

too_fast if longest_delay

# Until the window that is full has moved on.
longest_delay := 60000 if {
	input.session.rate.action_per_minute >= limits.action_per_minute
} else := 60000 if {
	input.session.rate.session_per_minute >= limits.session_per_minute
} else := 1000 if {
	input.session.rate.action_per_second >= limits.action_per_second
}

default throttles := 0

throttles := input.session.throttles["session.rate"]
