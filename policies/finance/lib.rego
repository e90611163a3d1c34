# Words that the finance rules share.
package lib.finance

moves_money if input.action.name == "payment.send"

moves_money if input.action.name == "invoice.approve"

# The action is inside the authority, and a session is there to count it.
within_task if {
	input.authority.permits
	input.session.state == "open"
}
