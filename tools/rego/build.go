package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/util"
)

const (
	entrypoint   = "assent/verdict"
	combinerPath = "assent/combiner.rego"
)

// The strictest word wins. Each branch counts what it passes over, so that a set which is undefined, whatever the
// cause, ends in the last branch: a deny.
const verdict = `
verdict := {"effect": "deny", "reasons": sort(deny), "oblige": [], "consume": []} if {
	count(deny) > 0
} else := {"effect": "throttle", "reasons": sort(throttle), "oblige": [], "consume": []} if {
	count(deny) == 0
	count(throttle) > 0
} else := {"effect": "escalate", "reasons": sort(escalate), "oblige": sort(oblige), "consume": sort(consume)} if {
	count(deny) + count(throttle) == 0
	count(escalate) > 0
} else := {"effect": "allow", "reasons": sort(allow), "oblige": sort(oblige), "consume": sort(consume)} if {
	count(deny) + count(throttle) + count(escalate) == 0
	count(allow) > 0
} else := {"effect": "deny", "reasons": [{"code": "policy.unspoken"}], "oblige": [], "consume": []}
`

// combine writes the package that asks every rule package by name: a lookup by variable costs 5–10 µs more.
func combine(modules map[string]*ast.Module) string {
	says := map[string][]string{}
	for path, module := range modules {
		name := strings.TrimPrefix(module.Package.Path.String(), "data.")
		if isTest(path) || !strings.HasPrefix(name, "rules.") {
			continue
		}
		for _, rule := range module.Rules {
			part := partOf(rule)
			if slices.Contains(parts, part) && !slices.Contains(says[part], name) {
				says[part] = append(says[part], name)
			}
		}
	}
	var text strings.Builder
	text.WriteString("# Generated from the rule packages; never edited.\npackage assent\n")
	for _, part := range parts {
		names := says[part]
		slices.Sort(names)
		if len(names) == 0 {
			fmt.Fprintf(&text, "\n%s := set()\n", part)
			continue
		}
		for i, name := range names {
			names[i] = fmt.Sprintf("data.%s.%s", name, part)
		}
		fmt.Fprintf(&text, "\n%s := %s\n", part, strings.Join(names, " | "))
	}
	text.WriteString(verdict)
	return text.String()
}

// build plans and compiles the rules; the same sources give the same bytes. To measure, each rule gets an entry
// point of its own beside the verdict.
func (b *Bundle) build(answer *Answer) {
	entrypoints := []string{entrypoint}
	input := &bundle.Bundle{Data: map[string]any{}}
	input.SetRegoVersion(ast.RegoV1)
	input.Manifest.Init()
	for _, path := range util.KeysSorted(b.rules()) {
		text := b.source(path)
		module, err := ast.ParseModuleWithOpts(path, text, ast.ParserOptions{Capabilities: capabilities(), RegoVersion: ast.RegoV1})
		if err != nil {
			answer.failWith(path, err)
			return
		}
		if b.request.Command == "measure" {
			for _, probe := range b.addProbes(module) {
				answer.Probes = append(answer.Probes, probe)
				entrypoints = append(entrypoints, probe.Entrypoint)
			}
		}
		input.Modules = append(input.Modules, bundle.ModuleFile{URL: path, Path: path, Raw: []byte(text), Parsed: module})
	}
	if b.request.Command == "measure" {
		idle := ast.MustParseModuleWithOpts(idleRego, ast.ParserOptions{RegoVersion: ast.RegoV1})
		input.Modules = append(input.Modules, bundle.ModuleFile{URL: idlePath, Path: idlePath, Raw: []byte(idleRego), Parsed: idle})
		answer.Probes = append(answer.Probes, Probe{Entrypoint: idleRule, Slow: []string{}})
		entrypoints = append(entrypoints, idleRule)
	}
	compiler := compile.New().WithBundle(input).WithTarget(compile.TargetWasm).WithEntrypoints(entrypoints...).
		WithCapabilities(capabilities()).WithRegoVersion(ast.RegoV1)
	if err := compiler.Build(context.Background()); err != nil {
		answer.failWith("", err)
		return
	}
	answer.Wasm = compiler.Bundle().WasmModules[0].Raw
}

func (b *Bundle) source(path string) string {
	if path == combinerPath {
		return b.combiner
	}
	if text, ours := b.request.Library[path]; ours {
		return text
	}
	return b.request.Files[path]
}
