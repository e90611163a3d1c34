# Whom money may go to.
package rules.vendors

import data.lib.finance
import future.keywords.not

deny contains {"code": "policy.vendor_blocked"} if {
	finance.moves_money
	data.finance.blocked_vendors[input.args.vendor]
}

# A vendor that the books do not know, also for a blank more or another case.
deny contains {"code": "policy.vendor_unknown"} if {
	finance.moves_money
	not data.finance.usual_amounts[input.args.vendor]
}

# A blocklist that is missing or of another shape would block nobody.
deny contains {"code": "policy.vendor_data"} if {
	finance.moves_money
	not is_object(data.finance.blocked_vendors)
}

deny contains {"code": "policy.vendor_data"} if {
	finance.moves_money
	not is_object(data.finance.usual_amounts)
}
