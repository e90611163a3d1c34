# Each rule of the library by itself, without a bundle around it.
package rules.library_test

import data.lib.limits

session := {
	"state": "open", "duplicate": false, "operation": "none",
	"rate": {"action_per_second": 0, "action_per_minute": 0, "session_per_minute": 0},
	"throttles": {}, "remaining": {"payments": 100},
}

asked(change) := object.union(
	{"action": {"name": "payment.send", "class": "external"}, "args": {}, "session": session, "provenance": {}},
	change,
)

rate := data.rules.lib_rate

budget := data.rules.lib_budget.deny

doubts := {argument | some reason in data.rules.lib_provenance.escalate; some argument in reason.arguments}

test_first_act_is_no_duplicate if {
	count(data.rules.lib_duplicate.deny) == 0 with input as asked({})
}

test_second_act_is_denied if {
	data.rules.lib_duplicate.deny == {{"code": "session.duplicate"}} with input as asked({"session": {"duplicate": true}})
}

test_retry_of_an_open_operation_is_no_duplicate if {
	again := asked({"session": {"duplicate": true, "operation": "same"}})
	count(data.rules.lib_duplicate.deny) == 0 with input as again
	count(data.rules.lib_duplicate.escalate) == 0 with input as again
}

test_duplicate_whose_outcome_is_unknown_goes_to_a_person if {
	again := asked({"session": {"duplicate": true, "operation": "unknown"}})
	count(data.rules.lib_duplicate.deny) == 0 with input as again
	data.rules.lib_duplicate.escalate == {{"code": "session.operation_unknown", "reviewers": ["operators"]}} with input as again
}

test_calm_agents_are_not_throttled if {
	count(rate.throttle) == 0 with input as asked({})
	count(rate.escalate) == 0 with input as asked({})
}

test_each_window_throttles_for_its_length if {
	every window, delay in {"action_per_second": 1000, "action_per_minute": 60000, "session_per_minute": 60000} {
		fast := asked({"session": {"rate": {window: 1000}}})
		rate.throttle == {{"code": "session.rate", "retry_delay_ms": delay}} with input as fast
	}
}

test_ninth_throttle_is_still_a_throttle_and_the_tenth_a_review if {
	fast := {"session": {"rate": {"action_per_second": 1000}, "throttles": {"session.rate": 9}}}
	slow := {"session": {"rate": {"action_per_second": 1000}, "throttles": {"session.rate": 10}}}
	count(rate.throttle) == 1 with input as asked(fast)
	count(rate.escalate) == 0 with input as asked(fast)
	count(rate.throttle) == 0 with input as asked(slow)
	rate.escalate == {{"code": "session.rate", "reviewers": ["operators"]}} with input as asked(slow)
}

test_limits_come_from_data if {
	fast := asked({"session": {"rate": {"action_per_second": 2}}})
	count(rate.throttle) == 1 with input as fast with data.limits as {"rate": {"action_per_second": 2}}
	count(rate.throttle) == 0 with input as fast with data.limits as {"rate": {"action_per_second": 3}}
	numbers := {"rate": {"action_per_minute": 7, "session_per_minute": 8}, "throttles_before_escalate": 9, "reviewers": ["r"]}
	limits.action_per_minute == 7 with data.limits as numbers
	limits.session_per_minute == 8 with data.limits as numbers
	limits.throttles_before_escalate == 9 with data.limits as numbers
	limits.reviewers == ["r"] with data.limits as numbers
}

test_limits_that_cannot_be_read_fall_back_to_the_defaults if {
	broken := {
		"rate": {"action_per_second": "9", "action_per_minute": null, "session_per_minute": [9]},
		"throttles_before_escalate": "never", "reviewers": [],
	}
	limits.action_per_second == 5 with data.limits as broken
	limits.action_per_minute == 60 with data.limits as broken
	limits.session_per_minute == 240 with data.limits as broken
	limits.throttles_before_escalate == 10 with data.limits as broken
	limits.reviewers == ["operators"] with data.limits as broken
}

spent(entries) := reasons if {
	reasons := budget with input as asked({}) with data.assent.consume as entries
}

short := {{"code": "session.budget", "budget": "payments"}}

test_covered_amounts_pass if {
	spent(set()) == set()
	spent({{"budget": "payments", "amount": 100}}) == set()
	spent({{"budget": "payments", "amount": 60}, {"budget": "payments", "amount": 40}}) == set()
}

test_amounts_of_one_budget_add_up if {
	spent({{"budget": "payments", "amount": 60}, {"budget": "payments", "amount": 40.01}}) == short
}

test_amounts_that_are_no_numbers_are_not_covered if {
	every amount in ["1", null, true, -1, [1], {}] {
		spent({{"budget": "payments", "amount": amount}}) == short
	}
}

test_remains_that_are_no_numbers_cover_nothing if {
	every left in ["999", null, true] {
		short_of_text := budget with input as asked({"session": {"remaining": {"payments": left}}})
			with data.assent.consume as {{"budget": "payments", "amount": 1}}
		short_of_text == short
	}
}

test_budget_that_the_mandate_does_not_name_is_empty if {
	spent({{"budget": "gifts", "amount": 0}}) == {{"code": "session.budget", "budget": "gifts"}}
	spent({{"amount": 1}}) == {{"code": "session.budget", "budget": ""}}
}

required := {{"code": "session.required"}}

test_only_public_reads_need_no_session if {
	every class in ["personal_read", "write", "external", "destructive", "code", "new"] {
		data.rules.lib_session.deny == required with input as asked({"session": null, "action": {"class": class}})
	}
	count(data.rules.lib_session.deny) == 0 with input as asked({"session": null, "action": {"class": "read"}})
}

test_session_that_is_there_suffices if {
	count(data.rules.lib_session.deny) == 0 with input as asked({})
}

test_input_without_a_session_counts_as_none if {
	data.rules.lib_session.deny == required with input as {"action": {"class": "write"}}
}

named := {"trusted_arguments": {"payment.send": ["amount", "to"]}}

traced(args, provenance) := found if {
	found := doubts with input as asked({"args": args, "provenance": provenance}) with data.limits as named
}

test_arguments_of_the_user_or_a_record_are_trusted if {
	traced({"amount": 5, "to": ["a", "b"]}, {"amount": "user", "to[0]": "trusted", "to[1]": "user"}) == set()
	traced({}, {}) == set()
}

test_other_origins_are_doubted if {
	every origin in ["untrusted", "unknown", "", "User"] {
		traced({"amount": 5}, {"amount": origin}) == {"amount"}
		traced({"to": ["a", "b"]}, {"to[0]": "user", "to[1]": origin}) == {"to"}
	}
}

test_arguments_that_nobody_traced_are_doubted if {
	traced({"amount": 5, "to": ["a"]}, {}) == {"amount", "to"}
	traced({"amount": false}, {}) == {"amount"}
}

test_several_doubts_are_one_reason if {
	said := data.rules.lib_provenance.escalate with input as asked({"args": {"amount": 5, "to": ["a"]}})
		with data.limits as named
	said == {{"code": "provenance.untrusted", "reviewers": ["operators"], "arguments": {"amount", "to"}}}
}
