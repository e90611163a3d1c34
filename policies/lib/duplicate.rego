# The same business act twice in one session.
package rules.lib_duplicate

import data.lib.limits
import future.keywords.not

deny contains {"code": "session.duplicate"} if {
	repeated
	not input.session.operation == "unknown"
}

# The first attempt may have taken effect or not: only a person can find out.
escalate contains {"code": "session.operation_unknown", "reviewers": limits.reviewers} if {
	repeated
	input.session.operation == "unknown"
}

# The same operation while its outcome is open is a retry of one permit, not a second act.
repeated if {
	input.session.duplicate
	not input.session.operation == "same"
}
