package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Probe is a copy of one rule under a name of its own, so that it can be evaluated without the others.
type Probe struct {
	File       string   `json:"file"`
	Line       int      `json:"line"`
	Column     int      `json:"column"`
	Rule       string   `json:"rule"`
	Entrypoint string   `json:"entrypoint"`
	Slow       []string `json:"slow"`
}

// The probe that does nothing: what every evaluation costs, reading the input included.
const (
	idlePath  = "assent/idle.rego"
	idleRule  = "assent/probe/idle"
	idleRego  = "package assent.probe\n\nidle := true\n"
	probeName = "assent_probe_%d_%d"
)

// addProbes copies what a module adds to the sets into rules of their own, in place: there, they mean the same.
func (b *Bundle) addProbes(module *ast.Module) []Probe {
	name := strings.TrimPrefix(module.Package.Path.String(), "data.")
	if !strings.HasPrefix(name, "rules.") {
		return nil
	}
	var probes []Probe
	for _, rule := range slices.Clone(module.Rules) {
		if !slices.Contains(parts, partOf(rule)) {
			continue
		}
		at := rule.Location
		probe := addTwin(module, rule)
		probes = append(probes, Probe{File: at.File, Line: at.Row, Column: at.Col, Rule: name + "." + partOf(rule),
			Entrypoint: strings.ReplaceAll(name, ".", "/") + "/" + probe, Slow: b.slowBelow(at)})
	}
	return probes
}

// addTwin adds a copy of the rule to its module, under a name of its own, which it gives.
func addTwin(module *ast.Module, rule *ast.Rule) string {
	name := fmt.Sprintf(probeName, rule.Location.Row, rule.Location.Col)
	twin := rule.Copy()
	twin.Head.SetRef(ast.Ref{ast.VarTerm(name)})
	twin.Module = module
	module.Rules = append(module.Rules, twin)
	return name
}

// slowBelow names the slow builtins that a rule calls, by itself or through others.
func (b *Bundle) slowBelow(at *ast.Location) []string {
	found := map[string]struct{}{}
	seen := map[*ast.Rule]struct{}{}
	var look func(rule *ast.Rule)
	look = func(rule *ast.Rule) {
		if _, again := seen[rule]; again {
			return
		}
		seen[rule] = struct{}{}
		ast.WalkTerms(rule, func(term *ast.Term) bool {
			if ref, ok := term.Value.(ast.Ref); ok && slices.Contains(slow, ref.String()) {
				found[ref.String()] = struct{}{}
			}
			return false
		})
		for next := range b.compiler.Graph.Dependencies(rule) {
			if other, ok := next.(*ast.Rule); ok {
				look(other)
			}
		}
	}
	for _, rule := range b.compiler.Modules[at.File].Rules {
		if rule.Location.Row == at.Row && rule.Location.Col == at.Col {
			look(rule)
		}
	}
	return util.KeysSorted(found)
}
