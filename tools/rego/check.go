package main

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// What rules can see: a misspelt path of `input` is then an error with its place, not a rule that never fires.
//
//go:embed input.schema.json
var inputSchema []byte

// Bundle is a parsed request.
type Bundle struct {
	request  *Request
	modules  map[string]*ast.Module
	data     map[string]any
	combiner string
	compiler *ast.Compiler
}

// Declares says what the rules turned out to use.
type Declares struct {
	Packages []string `json:"packages"`
	Codes    []string `json:"codes"`
	Builtins []string `json:"builtins"`
}

func isTest(path string) bool { return strings.HasSuffix(path, "_test.rego") }

func parseBundle(request *Request, answer *Answer) *Bundle {
	b := &Bundle{request: request, modules: map[string]*ast.Module{}, data: request.Data}
	b.parse(request.Library, answer)
	b.parse(request.Files, answer)
	for _, path := range util.KeysSorted(b.modules) {
		b.checkModule(path, b.modules[path], answer)
	}
	b.checkSays(answer)
	return b
}

// parseBuilt takes the sources of a bundle that is built already: what its packages are called is its own affair.
func parseBuilt(request *Request, answer *Answer) *Bundle {
	b := &Bundle{request: request, modules: map[string]*ast.Module{}, data: map[string]any{}}
	b.parse(request.Files, answer)
	for _, path := range util.KeysSorted(request.Documents) {
		var value map[string]any
		if err := util.UnmarshalJSON([]byte(request.Documents[path]), &value); err != nil {
			answer.fail(Problem{File: path, Code: "assent_sources", Message: "is not a JSON object"})
			continue
		}
		steps := strings.Split(path, "/")
		mount(b.data, steps[:len(steps)-1], value)
	}
	return b
}

// mount adds a document where its folder says. Which of two claims to one place wins is moot: loading refuses both.
func mount(at map[string]any, steps []string, value map[string]any) {
	for _, step := range steps {
		inner, ok := at[step].(map[string]any)
		if !ok {
			inner = map[string]any{}
			at[step] = inner
		}
		at = inner
	}
	maps.Copy(at, value)
}

func (b *Bundle) parse(files map[string]string, answer *Answer) {
	options := ast.ParserOptions{Capabilities: capabilities(), RegoVersion: ast.RegoV1}
	for _, path := range util.KeysSorted(files) {
		module, err := ast.ParseModuleWithOpts(path, files[path], options)
		if err != nil {
			answer.failWith(path, err)
			continue
		}
		b.modules[path] = module
	}
}

// check compiles everything but tests as strictly as OPA can, and notes what the rules use.
func (b *Bundle) check(answer *Answer) {
	b.combiner = combine(b.modules)
	b.modules[combinerPath] = ast.MustParseModuleWithOpts(b.combiner, ast.ParserOptions{RegoVersion: ast.RegoV1})
	b.compiler = newCompiler().WithStrict(true)
	if b.compiler.Compile(b.rules()); b.compiler.Failed() {
		b.failTyped(b.compiler.Errors, answer)
		return
	}
	declares := &Declares{Packages: []string{}, Codes: []string{}, Builtins: []string{}}
	for _, path := range util.KeysSorted(b.rules()) {
		b.note(path, declares, answer)
	}
	slices.Sort(declares.Packages)
	slices.Sort(declares.Codes)
	declares.Packages, declares.Codes = slices.Compact(declares.Packages), slices.Compact(declares.Codes)
	for _, builtin := range b.compiler.Required.Builtins {
		if slices.Contains(host, builtin.Name) {
			declares.Builtins = append(declares.Builtins, builtin.Name)
		}
	}
	answer.Combiner, answer.Declares = b.combiner, declares
}

func newCompiler() *ast.Compiler {
	schemas := ast.NewSchemaSet()
	var schema any
	if err := util.UnmarshalJSON(inputSchema, &schema); err != nil {
		panic(err)
	}
	schemas.Put(ast.SchemaRootRef, schema)
	return ast.NewCompiler().WithCapabilities(capabilities()).WithSchemas(schemas).
		WithDefaultRegoVersion(ast.RegoV1)
}

// rules are the modules that reach the build.
func (b *Bundle) rules() map[string]*ast.Module {
	found := map[string]*ast.Module{}
	for path, module := range b.modules {
		if !isTest(path) {
			found[path] = module
		}
	}
	return found
}

func (b *Bundle) note(path string, declares *Declares, answer *Answer) {
	module := b.modules[path]
	declares.Packages = append(declares.Packages, strings.TrimPrefix(module.Package.Path.String(), "data."))
	for _, rule := range module.Rules {
		if rule.Head.Key == nil {
			continue
		}
		if object, ok := rule.Head.Key.Value.(ast.Object); ok {
			if code := object.Get(ast.StringTerm("code")); code != nil {
				if text, ok := code.Value.(ast.String); ok {
					declares.Codes = append(declares.Codes, string(text))
				}
			}
		}
	}
	ast.WalkTerms(module, func(term *ast.Term) bool {
		if ref, ok := term.Value.(ast.Ref); ok && slices.Contains(slow, ref.String()) {
			answer.Warnings = append(answer.Warnings, Problem{File: path, Code: "assent_slow",
				Message: fmt.Sprintf("`%s` builds its automaton at every call (2 to 20 µs, by pattern): match before policy, or compare", ref)}.at(term.Location))
		}
		return false
	})
}
