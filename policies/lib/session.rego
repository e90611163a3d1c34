# Without a session there is nothing to count, spend or close: only public reads are answered.
package rules.lib_session

import future.keywords.not

deny contains {"code": "session.required"} if {
	not is_object(input.session)
	not input.action.class == "read"
}
