package rules.task_test

test_allowed_within_an_open_session if {
	data.rules.task.allow == {{"code": "policy.within_task"}} with input as {"authority": {"permits": true}, "session": {"state": "open"}}
}
