package main

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// pure are the builtins that the WebAssembly module brings itself, but for what reads a clock or rolls dice, and but
// for replace and strings.replace_n, whose search for an empty text never ends in the module, and for json.filter and
// json.remove, which bring that search with them.
var pure = strings.Fields(`
	abs all and any array.concat array.flatten array.reverse array.slice assign base64.decode base64.encode
	base64.is_valid base64url.decode base64url.encode bits.and bits.lsh bits.negate bits.or bits.rsh bits.xor ceil
	concat contains count div endswith eq equal floor format_int glob.match graph.reachable gt gte indexof
	internal.member_2 internal.member_3 internal.template_string internal.test_case intersection is_array is_boolean
	is_null is_number is_object is_set is_string json.is_valid json.marshal json.unmarshal lower lt lte max min minus
	mul neq net.cidr_contains net.cidr_intersects numbers.range object.filter object.get object.keys object.remove
	object.union object.union_n or plus product regex.find_all_string_submatch_n regex.is_valid regex.match rem round
	sort split startswith strings.reverse substring sum to_number trim trim_left trim_prefix trim_right trim_space
	trim_suffix type_name union upper walk`)

// whyNot says why rules may not call a builtin of OPA.
func whyNot(name string) string {
	switch name {
	case "replace", "strings.replace_n":
		return "on an empty text to search for the module would never end"
	case "json.filter", "json.remove":
		return "in the module they bring `replace` with them, which need not end"
	}
	return "they are pure and see time as `input.time`"
}

// host are the builtins that the service provides in place of the module; pure and synchronous, every one.
var host = []string{"sprintf"}

// slow are builtins that build an automaton at each call.
var slow = []string{"glob.match", "regex.match", "regex.find_all_string_submatch_n", "regex.is_valid"}

func capabilities() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	all.Builtins = slices.DeleteFunc(all.Builtins, func(b *ast.Builtin) bool {
		return !slices.Contains(pure, b.Name) && !slices.Contains(host, b.Name)
	})
	all.AllowNet = []string{}
	return all
}
