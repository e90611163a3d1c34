# Arguments that decide where something goes, how much of it, or for what, come from the user or from a trusted record.
# `data.limits.trusted_arguments` names them: action → list of argument names.
package rules.lib_provenance

import data.lib.limits
import future.keywords.not

# One reason for all of them: a reviewer looks once.
escalate contains {"code": "provenance.untrusted", "reviewers": limits.reviewers, "arguments": doubtful} if {
	count(doubtful) > 0
}

doubtful contains name if {
	some name in data.limits.trusted_arguments[input.action.name]
	_ = input.args[name]
	not trusted(name)
}

trusted(name) if input.provenance[name] in good

# Each item of a list has an origin of its own, under `to[0]`, `to[1]`, …
trusted(name) if {
	is_array(input.args[name])
	every index, _ in input.args[name] {
		input.provenance[concat("", [name, "[", format_int(index, 10), "]"])] in good
	}
}

good contains origin if some origin in {"user", "trusted"}

# What else will do for actions of a class: `data.limits.accepted_origins`, class → list of origins.
good contains origin if {
	some origin in data.limits.accepted_origins[input.action.class]
	origin in {"counterparty", "referenced"}
}

# Texts for people in which every link, address and account must be somebody's: `data.limits.trusted_links`, action →
# list of argument names. The worst origin of what stands in a text is under `body~links`.
doubtful contains name if {
	some name in data.limits.trusted_links[input.action.name]
	origin := input.provenance[concat("", [name, "~links"])]
	not origin in good
}
