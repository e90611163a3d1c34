# What rules consume must be left in the mandate's budgets; a budget that the mandate does not name is empty.
package rules.lib_budget

import future.keywords.not

deny contains {"code": "session.budget", "budget": budget} if {
	some entry in data.assent.consume
	budget := object.get(entry, "budget", "")
	not covered(budget)
}

# Numbers on both sides, or it is not covered: in Rego every string is greater than every number.
covered(budget) if {
	left := input.session.remaining[budget]
	is_number(left)
	amounts := [entry.amount | some entry in data.assent.consume; entry.budget == budget]
	every amount in amounts {
		is_number(amount)
		amount >= 0
	}
	sum(amounts) <= left
}
