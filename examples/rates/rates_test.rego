package rules.rates_test

asked(currency) := {
	"action": {"name": "exchange_rate.read", "class": "read"},
	"authority": {"permits": true},
	"args": {"from": "EUR", "to": currency},
}

test_dollars if data.assent.verdict.effect == "allow" with input as asked("USD")

test_gold if data.assent.verdict.effect == "deny" with input as asked("XAU")
