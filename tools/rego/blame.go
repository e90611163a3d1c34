package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"
)

// failTyped reports what compiling found, at places of the author's: the library is right by itself, and what is wrong
// inside it is fed to it, by what the author's rules consume. Its own places are named only where there are no others.
func (b *Bundle) failTyped(found ast.Errors, answer *Answer) {
	theirs := slices.DeleteFunc(slices.Clone(found), b.inOurs)
	for _, err := range theirs {
		answer.fail(problemOf("", err))
	}
	if len(theirs) == len(found) {
		return
	}
	misfits := b.misfits()
	answer.Errors = append(answer.Errors, misfits...)
	if len(theirs)+len(misfits) > 0 {
		return
	}
	for _, err := range found {
		problem := problemOf("", err)
		problem.Message += ": found in the library, caused by the bundle's rules"
		answer.fail(problem)
	}
}

func (b *Bundle) inOurs(err *ast.Error) bool {
	return err.Location != nil && b.isOurs(err.Location.File)
}

// isOurs holds for the combiner, too, which is compiled under no name.
func (b *Bundle) isOurs(path string) bool {
	_, ours := b.request.Library[path]
	return ours || path == combinerPath || path == ""
}

// misfits are the author's rules that consume what cannot be counted, as far as types show. Each is typed by itself,
// under a name of its own: the set that they share has one type for all of them.
func (b *Bundle) misfits() []Problem {
	type twin struct {
		rule *ast.Rule
		ref  ast.Ref
	}
	twins := []twin{}
	modules := map[string]*ast.Module{}
	for path, module := range b.rules() {
		modules[path] = module.Copy()
	}
	for _, path := range util.KeysSorted(modules) {
		module := modules[path]
		if b.isOurs(path) || !strings.HasPrefix(module.Package.Path.String(), "data.rules.") {
			continue
		}
		for _, rule := range b.modules[path].Rules {
			if partOf(rule) == "consume" {
				ref := module.Package.Path.Append(ast.StringTerm(addTwin(module, rule)))
				twins = append(twins, twin{rule, ref})
			}
		}
	}
	compiler := newCompiler()
	compiler.Compile(modules)
	problems := []Problem{}
	for _, each := range twins {
		set := compiler.TypeEnv.GetByRef(each.ref)
		if set == nil {
			// What is wrong was found before types were.
			continue
		}
		amount := types.Select(types.Values(set), "amount")
		if amount != nil && types.Contains(amount, types.N) {
			continue
		}
		message := "`amount` of an entry of `consume` is a number"
		if amount != nil {
			message += fmt.Sprintf("; have: %s", types.Sprint(amount))
		}
		problems = append(problems, Problem{Code: "assent_rule", Message: message}.at(each.rule.Head.Location))
	}
	return problems
}
