# What leaves the house as text.
package rules.messages

import data.lib.finance
import future.keywords.not

allow contains {"code": "policy.within_task"} if {
	input.action.name in {"mail.send", "report.write"}
	finance.within_task
}

escalate contains {"code": "policy.recipient_external", "reviewers": ["controllers"]} if {
	input.action.name == "mail.send"
	some recipient in recipients
	not in_house(recipient)
}

recipients contains recipient if some recipient in input.args.to

recipients contains recipient if some recipient in input.args.cc

in_house(recipient) if {
	[_, domain] := split(recipient, "@")
	data.finance.mail_domains[domain]
}
