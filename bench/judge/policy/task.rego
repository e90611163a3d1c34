package rules.task

allow contains {"code": "policy.within_task"} if {
	input.authority.permits
	input.session.state == "open"
}
