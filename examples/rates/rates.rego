package rules.rates

import future.keywords.not

allow contains {"code": "policy.listed"} if {
	input.action.name == "exchange_rate.read"
	input.authority.permits
}

deny contains {"code": "policy.not_listed"} if not data.rates.listed[input.args.to]
