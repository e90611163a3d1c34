package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

var effects = []string{"deny", "throttle", "escalate", "allow"}
var parts = append(slices.Clone(effects), "oblige", "consume")

// required are the members of an entry of each set.
var required = map[string][]string{
	"deny": {"code"}, "throttle": {"code"}, "escalate": {"code"}, "allow": {"code"},
	"oblige": {"name"}, "consume": {"budget", "amount"},
}

// lent are the codes of ours that rules may use.
var lent = []string{
	"authority.exceeded", "provenance.untrusted", "session.budget", "session.duplicate", "session.operation_unknown",
	"session.rate", "session.required", "session.task_closed",
}

var segment = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// checkModule holds the rules of the house that OPA does not know.
func (b *Bundle) checkModule(path string, module *ast.Module, answer *Answer) {
	refuse := func(location *ast.Location, code, format string, arguments ...any) {
		answer.fail(Problem{File: path, Code: code, Message: fmt.Sprintf(format, arguments...)}.at(location))
	}
	_, ours := b.request.Library[path]
	name, problem := packageName(module)
	inTest := strings.HasSuffix(name, "_test")
	switch {
	case problem != "":
		refuse(module.Package.Location, "assent_package", "%s", problem)
		return
	case !ours && (strings.HasPrefix(name, "rules.lib_") || name == "lib.limits" || strings.HasPrefix(name, "lib.limits.")):
		refuse(module.Package.Location, "assent_package", "packages `rules.lib_…` and `lib.limits` belong to the library: choose another name")
	case isTest(path) && !inTest:
		refuse(module.Package.Location, "assent_package", "a test file's package ends in `_test`, so that tests add nothing to the rules")
	case !isTest(path) && inTest:
		refuse(module.Package.Location, "assent_package", "a package that ends in `_test` belongs in a file that ends in `_test.rego`")
	}
	if isTest(path) {
		return
	}
	if strings.HasPrefix(name, "rules.") {
		for _, rule := range module.Rules {
			b.checkRule(rule, refuse)
		}
	}
	ast.WalkExprs(module, func(expr *ast.Expr) bool {
		if expr.Negated && hidden(expr) {
			refuse(expr.Location, "assent_negation", "where what is asked about is missing, this `not` says nothing: add `import future.keywords.not`")
		}
		return false
	})
	ast.WalkRefs(module, func(ref ast.Ref) bool {
		b.checkDataRef(ref, ours, refuse)
		return false
	})
}

// checkSays refuses rules that never speak: the library only ever tightens, so every ask would be denied.
func (b *Bundle) checkSays(answer *Answer) {
	if b.request.Files == nil || len(answer.Errors) > 0 {
		return
	}
	first := ""
	for _, path := range util.KeysSorted(b.request.Files) {
		module := b.modules[path]
		if isTest(path) || !strings.HasPrefix(module.Package.Path.String(), "data.rules.") {
			continue
		}
		if first == "" {
			first = path
		}
		for _, rule := range module.Rules {
			if slices.Contains(effects, partOf(rule)) {
				return
			}
		}
	}
	if first == "" {
		answer.fail(Problem{File: "manifest.json", Code: "assent_no_rules",
			Message: "no `.rego` file beside it has a package `rules.<name>`: every ask would be denied"})
		return
	}
	answer.fail(Problem{File: first, Code: "assent_no_rules",
		Message: "no rule of the bundle adds to `deny`, `throttle`, `escalate` or `allow`: every ask would be denied"}.at(b.modules[first].Package.Location))
}

// partOf is the name of the set that a rule adds to.
func partOf(rule *ast.Rule) string { return string(rule.Head.Ref()[0].Value.(ast.Var)) }

// hidden says whether a plain negation looks something up outside itself: OPA moves such lookups before the `not`,
// so that `not f(input.x)` is undefined, and a deny rule silent, where `input.x` is missing.
func hidden(expr *ast.Expr) bool {
	found := false
	look := func(ref ast.Ref) bool {
		found = found || len(ref) > 1
		return found
	}
	if !expr.IsCall() {
		if term, ok := expr.Terms.(*ast.Term); ok {
			if ref, ok := term.Value.(ast.Ref); ok {
				for _, part := range ref[1:] {
					ast.WalkRefs(part, look)
				}
				return found
			}
			ast.WalkRefs(term, look)
		}
		return found
	}
	comparison := expr.IsEquality() || expr.Operator().Equal(ast.Equal.Ref())
	for _, operand := range expr.Operands() {
		if ref, ok := operand.Value.(ast.Ref); ok && comparison {
			for _, part := range ref[1:] {
				ast.WalkRefs(part, look)
			}
			continue
		}
		ast.WalkRefs(operand, look)
	}
	return found
}

// packageName gives `rules.payments`, or says why the package is refused.
func packageName(module *ast.Module) (string, string) {
	var names []string
	for _, term := range module.Package.Path[1:] {
		text, ok := term.Value.(ast.String)
		if !ok || !segment.MatchString(string(text)) {
			return "", "package names are lower case letters, digits and `_`"
		}
		names = append(names, string(text))
	}
	name := strings.Join(names, ".")
	if len(names) < 2 || len(names) > 4 || names[0] != "rules" && names[0] != "lib" {
		return "", fmt.Sprintf("package `%s` is refused: rules live in `rules.<name>`, helpers in `lib.<name>`", name)
	}
	return name, ""
}

type refusal func(location *ast.Location, code, format string, arguments ...any)

// checkRule: what decides is a set of objects, so that packages add up and never overwrite one another.
func (b *Bundle) checkRule(rule *ast.Rule, refuse refusal) {
	ref := rule.Head.Ref()
	name := partOf(rule)
	if !slices.Contains(parts, name) {
		return
	}
	if rule.Default || len(ref) != 1 || rule.Head.RuleKind() != ast.MultiValue {
		refuse(rule.Head.Location, "assent_rule", "`%s` is a set: write `%s contains {…} if { … }`", name, name)
		return
	}
	object, literal := rule.Head.Key.Value.(ast.Object)
	if !literal {
		if ast.IsScalar(rule.Head.Key.Value) {
			refuse(rule.Head.Location, "assent_rule", "an entry of `%s` is an object with `%s`", name, strings.Join(required[name], "` and `"))
		}
		return
	}
	for _, member := range required[name] {
		if object.Get(ast.StringTerm(member)) == nil {
			refuse(rule.Head.Location, "assent_rule", "an entry of `%s` needs `%s`", name, member)
		}
	}
	if !slices.Contains(effects, name) {
		return
	}
	if code := object.Get(ast.StringTerm("code")); code != nil && ast.IsScalar(code.Value) {
		text, _ := code.Value.(ast.String)
		if !slices.Contains(lent, string(text)) && !slices.Contains(b.request.Codes, string(text)) {
			refuse(rule.Head.Location, "assent_code", "the code %s is not declared in manifest.json", code)
		}
	}
}

// checkDataRef: rules read rules, helpers and the data that the bundle declares.
func (b *Bundle) checkDataRef(ref ast.Ref, ours bool, refuse refusal) {
	if !ref[0].Equal(ast.DefaultRootDocument) || len(ref) < 2 {
		return
	}
	root, literal := ref[1].Value.(ast.String)
	switch {
	case !literal:
		refuse(ref[0].Location, "assent_data", "`data` is read by name: `%s` is not", ref)
	case ours && root == "assent", root == "rules", root == "lib", slices.Contains(b.request.Roots, string(root)):
	default:
		refuse(ref[0].Location, "assent_data", "`data.%s` is not among the data that manifest.json declares", string(root))
	}
}
