package rules.links_test

test_links_of_nobody_are_doubtful if {
	data.rules.links.doubtful == {"body~links"} with input as {"provenance": {"body~links": "unknown", "to": "untrusted"}}
}

test_links_of_somebody_are_not if {
	data.rules.links.escalate == set() with input as {"provenance": {"body~links": "referenced", "to": "untrusted"}}
}
