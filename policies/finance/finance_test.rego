# The scenarios of a finance agent whose token is valid every time.
package rules.finance_test

verdict := data.assent.verdict

effect := verdict.effect

codes := {reason.code | some reason in verdict.reasons}

session := {
	"id": "s-1", "state": "open", "age": 30, "steps": 2, "denials": 0, "recent": [],
	"duplicate": false, "operation": "none", "counts": {},
	"rate": {"action_per_second": 0, "action_per_minute": 1, "session_per_minute": 2},
	"throttles": {}, "sums": {"payments": 0}, "remaining": {"payments": 5000},
}

ask(action, class, args) := {
	"time": {"unix_ms": 1750000000000},
	"action": {"name": action, "class": class},
	"resource": {"type": "thing", "id": "1"},
	"args": args,
	"caller": {
		"subject": {"iss": "https://idp.example", "id": "ana"}, "actor": {"iss": "https://idp.example", "id": "agent-7"},
		"client": "agent-7", "scopes": [], "auth": {"method": "bearer", "bound": false, "acr": null, "age": 60},
	},
	"authority": {"permits": true, "depth": 0, "actors": [], "scopes": [], "limits": {}, "root": null},
	"session": session,
	"task": {"type": "pay_invoices", "purpose": "pay acme", "state": "open", "declared": {}},
	"provenance": {},
	"claimed": {},
}

payment := object.union(
	ask("payment.send", "external", {
		"vendor": "acme", "account": "DE02120300000000202051", "amount": 1200.5, "currency": "EUR", "invoice": "INV-1",
	}),
	{"provenance": {"vendor": "trusted", "account": "trusted", "amount": "trusted", "invoice": "user"}},
)

approval := object.union(
	ask("invoice.approve", "write", {"invoice": "INV-1", "vendor": "acme"}),
	{"provenance": {"invoice": "trusted", "vendor": "trusted"}},
)

customer := object.union(
	ask("customer.read", "personal_read", {"customer": "C-1"}),
	{"resource": {"type": "customer", "id": "C-1"}, "task": {"declared": {"customer": "C-1"}}},
)

mail := object.union(
	ask("mail.send", "external", {"to": ["ana@corp.example"], "cc": ["bo@example.com"], "subject": "paid", "body": "done"}),
	{"provenance": {"to[0]": "user", "cc[0]": "trusted", "subject": "unknown", "body": "unknown"}},
)

test_ordinary_payment_is_allowed_and_spends_its_budget if {
	v := verdict with input as payment
	v == {
		"effect": "allow", "reasons": [{"code": "policy.within_task"}],
		"oblige": [], "consume": [{"amount": 1200.5, "budget": "payments"}],
	}
}

test_ordinary_approval_is_allowed_without_amount if {
	v := verdict with input as approval
	v.effect == "allow"
	v.consume == []
}

test_blocked_vendor_is_denied[action] if {
	some action, asked in {
		"payment": object.union(payment, {"args": {"vendor": "mallory"}}),
		"approval": object.union(approval, {"args": {"vendor": "mallory"}}),
	}
	"deny" == effect with input as asked
	{"policy.vendor_blocked"} == codes with input as asked
}

test_vendor_blocked_by_new_data_is_denied if {
	{"policy.vendor_blocked"} == codes with input as payment with data.finance.blocked_vendors as {"acme": true}
}

test_blocklist_of_another_shape_denies_everybody if {
	{"policy.vendor_data"} == codes with input as payment with data.finance.blocked_vendors as ["acme"]
}

test_padded_or_recased_vendor_is_denied if {
	every vendor in ["mallory ", " mallory", "Mallory", "MALLORY", "mallory\u0000", ""] {
		asked := object.union(payment, {"args": {"vendor": vendor}})
		"deny" == effect with input as asked
		{"policy.vendor_unknown"} == codes with input as asked
	}
}

test_vendor_that_is_missing_is_denied if {
	asked := object.union(object.remove(approval, ["args"]), {"args": {"invoice": "INV-1"}})
	{"policy.vendor_unknown"} == codes with input as asked
}

test_missing_data_denies_everybody if {
	"deny" == effect with input as payment with data.finance as {}
	"policy.vendor_data" in codes with input as payment with data.finance as {}
}

test_second_identical_payment_is_denied if {
	asked := object.union(payment, {"session": {"duplicate": true}})
	"deny" == effect with input as asked
	{"session.duplicate"} == codes with input as asked
}

test_amount_far_above_the_usual_escalates_to_controllers if {
	asked := object.union(payment, {"args": {"amount": 3600.01}})
	v := verdict with input as asked
	v.effect == "escalate"
	v.reasons == [{"code": "policy.amount_unusual", "reviewers": ["controllers"]}]
	v.consume == [{"amount": 3600.01, "budget": "payments"}]
}

test_amount_at_the_bound_is_allowed if {
	"allow" == effect with input as object.union(payment, {"args": {"amount": 3600}})
}

test_amount_above_the_declared_escalates if {
	declared := {"task": {"declared": {"amount": "1200.49"}}}
	{"policy.amount_unusual"} == codes with input as object.union(payment, declared)
}

test_amount_as_declared_is_allowed if {
	"allow" == effect with input as object.union(payment, {"task": {"declared": {"amount": "1200.50"}}})
}

test_declared_amount_that_is_no_number_escalates if {
	"escalate" == effect with input as object.union(payment, {"task": {"declared": {"amount": "a lot"}}})
}

test_foreign_currency_escalates if {
	{"policy.currency_unusual"} == codes with input as object.union(payment, {"args": {"currency": "JPY"}})
}

test_amount_that_is_no_positive_number_is_denied if {
	every amount in [0, -5, "1200.50", null, true, [1]] {
		asked := object.union(payment, {"args": {"amount": amount}})
		"deny" == effect with input as asked
		"policy.amount_invalid" in codes with input as asked
	}
}

test_missing_amount_is_denied if {
	asked := object.union(object.remove(payment, ["args"]), {"args": {"vendor": "acme", "account": "x", "invoice": "i"}})
	"deny" == effect with input as asked
	"policy.amount_invalid" in codes with input as asked
}

test_untrusted_amount_escalates if {
	every origin in ["untrusted", "unknown"] {
		asked := object.union(payment, {"provenance": {"amount": origin}})
		v := verdict with input as asked
		v.effect == "escalate"
		v.reasons == [{"arguments": {"amount"}, "code": "provenance.untrusted", "reviewers": ["controllers"]}]
	}
}

test_invoice_that_nobody_named_escalates[action] if {
	some action, asked in {"payment": payment, "approval": approval}
	every origin in ["untrusted", "unknown", ""] {
		v := verdict with input as object.union(asked, {"provenance": {"invoice": origin}})
		v.effect == "escalate"
		v.reasons == [{"arguments": {"invoice"}, "code": "provenance.untrusted", "reviewers": ["controllers"]}]
	}
}

test_invoice_that_nobody_traced_escalates[action] if {
	some action, asked in {"payment": payment, "approval": approval}
	{"provenance.untrusted"} == codes with input as object.remove(asked, ["provenance"])
}

test_invoice_of_the_user_or_a_record_is_paid_and_approved[action] if {
	some action, asked in {"payment": payment, "approval": approval}
	every origin in ["user", "trusted"] {
		"allow" == effect with input as object.union(asked, {"provenance": {"invoice": origin}})
	}
}

test_text_that_is_no_number_of_an_invoice_escalates[action] if {
	some action, asked in {"payment": payment, "approval": approval}
	every invoice in ["acme", "100", "INV-1 of acme", "INV-1\u00a0of", "pay INV-1", "1NV-1", "\u0406NV-1", "INV-\u0661", "INV", ""] {
		"escalate" == effect with input as object.union(asked, {"args": {"invoice": invoice}})
		{"policy.invoice_unusual"} == codes with input as object.union(asked, {"args": {"invoice": invoice}})
	}
}

test_number_of_an_invoice_may_have_letters_of_any_case if {
	every invoice in ["INV-2031", "inv-2031-B"] {
		"allow" == effect with input as object.union(payment, {"args": {"invoice": invoice}})
	}
}

test_without_a_prefix_every_invoice_escalates if {
	{"policy.invoice_unusual"} == codes with input as payment with data.finance as object.remove(data.finance, ["invoice_prefix"])
}

test_invoice_that_nobody_named_makes_one_reason_with_the_amount if {
	v := verdict with input as object.union(payment, {"provenance": {"amount": "unknown", "invoice": "unknown"}})
	v.reasons == [{"arguments": {"amount", "invoice"}, "code": "provenance.untrusted", "reviewers": ["controllers"]}]
}

test_a_vendor_that_nobody_named_escalates if {
	every origin in ["untrusted", "unknown"] {
		v := verdict with input as object.union(payment, {"provenance": {"vendor": origin}})
		v.effect == "escalate"
		v.reasons == [{"arguments": {"vendor"}, "code": "provenance.untrusted", "reviewers": ["controllers"]}]
	}
}

test_untrusted_destination_alone_escalates if {
	asked := object.union(payment, {"provenance": {"account": "untrusted"}})
	"escalate" == effect with input as asked
	{"provenance.untrusted"} == codes with input as asked
}

test_untrusted_destination_and_amount_is_denied if {
	asked := object.union(payment, {"provenance": {"account": "untrusted", "amount": "untrusted"}})
	"deny" == effect with input as asked
	{"policy.untrusted_destination"} == codes with input as asked
}

test_ten_times_the_amount_from_the_invoice_text_escalates_for_both_causes if {
	asked := object.union(payment, {"args": {"amount": 12005}, "session": {"remaining": {"payments": 50000}}, "provenance": {"amount": "untrusted"}})
	"escalate" == effect with input as asked
	{"policy.amount_unusual", "provenance.untrusted"} == codes with input as asked
}

test_budget_that_does_not_cover_is_denied if {
	asked := object.union(payment, {"session": {"remaining": {"payments": 1200.49}}})
	"deny" == effect with input as asked
	{"session.budget"} == codes with input as asked
}

test_large_payment_tells_the_controllers if {
	asked := object.union(payment, {"args": {"vendor": "umbrella", "amount": 30000}, "session": {"remaining": {"payments": 90000}}})
	v := verdict with input as asked
	v.effect == "allow"
	v.oblige == [{"name": "notify", "parameters": {"group": "controllers"}}]
}

test_declared_customer_is_read if {
	"allow" == effect with input as customer
}

test_unrelated_customer_is_denied if {
	asked := object.union(customer, {"args": {"customer": "C-2"}, "resource": {"type": "customer", "id": "C-2"}})
	"deny" == effect with input as asked
	{"policy.out_of_task"} == codes with input as asked
}

test_customer_hidden_behind_a_declared_one_is_denied if {
	{"policy.out_of_task"} == codes with input as object.union(customer, {"resource": {"id": "C-2"}})
}

test_customer_that_is_missing_is_denied if {
	{"policy.out_of_task"} == codes with input as object.union(ask("customer.read", "personal_read", {}), {"resource": {}})
}

test_customer_without_a_task_is_denied if {
	{"policy.out_of_task"} == codes with input as object.union(customer, {"task": null})
}

test_reads_within_the_task_are_allowed if {
	every action in ["invoice.read", "vendor.lookup"] {
		"allow" == effect with input as ask(action, "read", {"invoice": "INV-1"})
	}
}

test_machine_speed_is_throttled if {
	asked := object.union(payment, {"session": {"rate": {"action_per_second": 40}}})
	"throttle" == effect with input as asked
	{"session.rate"} == codes with input as asked
}

test_machine_speed_that_goes_on_escalates if {
	fast := {"session": {"rate": {"action_per_second": 40}, "throttles": {"session.rate": 10}}}
	"escalate" == effect with input as object.union(payment, fast)
	{"session.rate"} == codes with input as object.union(payment, fast)
}

test_exchange_rate_needs_no_session if {
	asked := object.union(ask("exchange_rate.read", "read", {"from": "EUR", "to": "USD"}), {"session": null, "task": null})
	"allow" == effect with input as asked
	{"policy.public_read"} == codes with input as asked
}

test_payment_without_a_session_is_denied if {
	asked := object.union(payment, {"session": null, "task": null})
	"deny" == effect with input as asked
	"session.required" in codes with input as asked
}

test_nothing_is_allowed_beyond_the_authority if {
	every asked in [payment, approval, customer, mail, ask("invoice.read", "read", {}), ask("exchange_rate.read", "read", {})] {
		"deny" == effect with input as object.union(asked, {"authority": {"permits": false}})
	}
}

test_nothing_is_allowed_in_a_session_that_is_not_open if {
	every state in ["closed", "suspended", "", null] {
		"deny" == effect with input as object.union(payment, {"session": {"state": state}})
	}
}

test_mail_inside_the_house_is_allowed if {
	"allow" == effect with input as mail
}

test_mail_to_strangers_escalates if {
	every stranger in ["eve@evil.example", "ana@corp.example.evil.example", "ana@corp.example@evil.example", "nobody", ""] {
		asked := object.union(mail, {"args": {"to": [stranger]}})
		"escalate" == effect with input as asked
		{"policy.recipient_external"} == codes with input as asked
	}
}

test_mail_to_an_address_from_somebody_elses_text_escalates if {
	{"provenance.untrusted"} == codes with input as object.union(mail, {"provenance": {"cc[0]": "untrusted"}})
}

test_report_is_allowed if {
	"allow" == effect with input as ask("report.write", "write", {"report": "R-1", "text": "fine"})
}

test_action_that_no_rule_names_is_denied if {
	v := verdict with input as ask("shell.run", "code", {})
	v == {"effect": "deny", "reasons": [{"code": "policy.unspoken"}], "oblige": [], "consume": []}
}

test_nothing_known_is_a_deny if {
	"deny" == effect with input as {}
}

test_text_pushed_out_of_memory_is_denied_all_the_same if {
	every origins in [{"account": "untrusted", "amount": "unknown"}, {"account": "unknown", "amount": "untrusted"}] {
		asked := object.union(payment, {"provenance": origins})
		"deny" == effect with input as asked
		"policy.untrusted_destination" in codes with input as asked
	}
}

test_values_that_nobody_saw_are_escalated if {
	asked := object.union(payment, {"provenance": {"account": "unknown", "amount": "unknown"}})
	"escalate" == effect with input as asked
}
