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

good := {"user", "trusted"}
