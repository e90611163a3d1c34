# What an agent may look at.
package rules.reads

import data.lib.finance
import future.keywords.not

allow contains {"code": "policy.within_task"} if {
	input.action.name in {"invoice.read", "vendor.lookup", "customer.read"}
	finance.within_task
}

# Needs no session: nobody's data.
allow contains {"code": "policy.public_read"} if {
	input.action.name == "exchange_rate.read"
	input.authority.permits
}

# A customer whom the user did not name for this task.
deny contains {"code": "policy.out_of_task"} if {
	input.action.name == "customer.read"
	not declared(input.args.customer)
}

deny contains {"code": "policy.out_of_task"} if {
	input.action.name == "customer.read"
	input.resource.type == "customer"
	not declared(input.resource.id)
}

declared(customer) if {
	some value in input.task.declared
	value == customer
}
