# Numbers of the library, each with a default that holds when `data.limits` says nothing or cannot be read.
package lib.limits

default action_per_second := 5

action_per_second := number if {
	number := data.limits.rate.action_per_second
	is_number(number)
}

default action_per_minute := 60

action_per_minute := number if {
	number := data.limits.rate.action_per_minute
	is_number(number)
}

default session_per_minute := 240

session_per_minute := number if {
	number := data.limits.rate.session_per_minute
	is_number(number)
}

default throttles_before_escalate := 10

throttles_before_escalate := number if {
	number := data.limits.throttles_before_escalate
	is_number(number)
}

# Who decides what the library escalates.
default reviewers := ["operators"]

reviewers := groups if {
	groups := data.limits.reviewers
	is_array(groups)
	count(groups) > 0
}
