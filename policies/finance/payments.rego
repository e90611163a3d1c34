# Approving invoices and paying them.
package rules.payments

import data.lib.finance
import future.keywords.not

allow contains {"code": "policy.within_task"} if {
	finance.moves_money
	finance.within_task
}

consume contains {"budget": "payments", "amount": input.args.amount} if input.action.name == "payment.send"

# Large amounts go ahead, and the controllers hear of them.
oblige contains {"name": "notify", "parameters": {"group": "controllers"}} if {
	finance.moves_money
	input.args.amount > data.finance.notify_above
}

deny contains {"code": "policy.amount_invalid"} if {
	input.action.name == "payment.send"
	not payable
}

payable if {
	is_number(input.args.amount)
	input.args.amount > 0
}

escalate contains {"code": "policy.amount_unusual", "reviewers": ["controllers"]} if {
	priced
	not usual
}

escalate contains {"code": "policy.amount_unusual", "reviewers": ["controllers"]} if {
	priced
	input.task.declared.amount
	not as_declared
}

escalate contains {"code": "policy.currency_unusual", "reviewers": ["controllers"]} if {
	finance.moves_money
	input.args.currency
	not input.args.currency == data.finance.currency
}

# An approval may leave the amount to the invoice; a payment always states it.
priced if {
	finance.moves_money
	input.args.amount
}

usual if input.args.amount <= data.finance.usual_amounts[input.args.vendor] * data.finance.usual_factor

as_declared if input.args.amount <= to_number(input.task.declared.amount) * data.finance.declared_factor

# Every word of the user's counts as the user's, also `acme`, `100` or `INV-1 of acme`: none of them is the number of
# an invoice, and each would pay the same one again.
escalate contains {"code": "policy.invoice_unusual", "reviewers": ["controllers"]} if {
	finance.moves_money
	not numbered
}

numbered if {
	startswith(upper(input.args.invoice), data.finance.invoice_prefix)
	trim(upper(input.args.invoice), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

# An amount, account, invoice or vendor that is neither the user's nor a record's is escalated by the library
# (`data.limits.trusted_arguments`): `1NV-1` and `INV-777` are no duplicates of `INV-1`, and nobody named them; nor did
# anybody name the vendor under whose label a blocked one's invoice would pass.
# Both not, and one of them out of somebody else's text: no reviewer should be asked to see through that. A text long
# enough to push the other out of what a session remembers makes it unknown, not better.
deny contains {"code": "policy.untrusted_destination"} if {
	input.action.name == "payment.send"
	foreign[input.provenance.amount]
	foreign[input.provenance.account]
	"untrusted" in {input.provenance.amount, input.provenance.account}
}

foreign := {"untrusted", "unknown"}
