// Command rego is the Rego toolchain as one WASI program: it builds, checks, tests and formats rule bundles.
// One JSON request on stdin, one JSON answer on stdout; no files, no clock in its output, no network.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/util"
)

// Request names files by their path in the bundle. Library files are ours: they may use reserved names.
type Request struct {
	Command string            `json:"command"`
	Files   map[string]string `json:"files"`
	Library map[string]string `json:"library"`
	Data    map[string]any    `json:"data"`
	Codes   []string          `json:"codes"`
	Roots   []string          `json:"roots"`
	// Documents are the `data.json` files of a built bundle, by path: `rerun` mounts them as the server would.
	Documents map[string]string `json:"documents"`
}

// Problem is what is wrong, and where; line and column count from one, and are zero where there is no place.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Answer holds what the command made; OK is false when there are errors or a test failed.
type Answer struct {
	OK        bool              `json:"ok"`
	Errors    []Problem         `json:"errors"`
	Warnings  []Problem         `json:"warnings,omitempty"`
	Wasm      []byte            `json:"wasm,omitempty"`
	Combiner  string            `json:"combiner,omitempty"`
	Declares  *Declares         `json:"declares,omitempty"`
	Tests     []TestResult      `json:"tests,omitempty"`
	Inputs    []string          `json:"inputs,omitempty"`
	Asked     []*Asked          `json:"asked,omitempty"`
	Probes    []Probe           `json:"probes,omitempty"`
	Coverage  []FileCoverage    `json:"coverage,omitempty"`
	Formatted map[string]string `json:"formatted,omitempty"`
}

func main() {
	// One short run with a bounded heap: collecting less often halves its time.
	debug.SetGCPercent(400)
	var request Request
	decoder := util.NewJSONDecoder(os.Stdin)
	answer := &Answer{}
	if err := decoder.Decode(&request); err != nil {
		answer.fail(Problem{Code: "assent_request", Message: "the request cannot be read: " + err.Error()})
	} else {
		run(&request, answer)
	}
	answer.OK = len(answer.Errors) == 0
	for _, test := range answer.Tests {
		answer.OK = answer.OK && test.Pass
	}
	sortProblems(answer.Errors)
	sortProblems(answer.Warnings)
	if answer.Errors == nil {
		answer.Errors = []Problem{}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(request *Request, answer *Answer) {
	switch request.Command {
	case "format":
		formatFiles(request, answer)
	case "rerun":
		if bundle := parseBuilt(request, answer); len(answer.Errors) == 0 {
			bundle.test(ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1), answer)
		}
	case "build", "measure", "test":
		bundle := parseBundle(request, answer)
		if len(answer.Errors) == 0 {
			bundle.check(answer)
		}
		if len(answer.Errors) == 0 {
			bundle.test(newCompiler(), answer)
		}
		failed := slices.ContainsFunc(answer.Tests, func(test TestResult) bool { return !test.Pass })
		if len(answer.Errors) > 0 || failed || request.Command == "test" {
			return
		}
		bundle.build(answer)
	default:
		answer.fail(Problem{Code: "assent_request", Message: fmt.Sprintf("there is no command `%s`", request.Command)})
	}
}

func formatFiles(request *Request, answer *Answer) {
	answer.Formatted = map[string]string{}
	for _, path := range util.KeysSorted(request.Files) {
		text, err := format.SourceWithOpts(path, []byte(request.Files[path]), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			answer.failWith(path, err)
			continue
		}
		answer.Formatted[path] = string(text)
	}
}

func (a *Answer) fail(problem Problem) { a.Errors = append(a.Errors, problem) }

// failWith keeps the places that OPA's own errors carry.
func (a *Answer) failWith(path string, err error) {
	var many ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &many):
		for _, each := range many {
			a.fail(problemOf(path, each))
		}
	case errors.As(err, &one):
		a.fail(problemOf(path, one))
	default:
		a.fail(Problem{File: path, Code: "rego_error", Message: err.Error()})
	}
}

func problemOf(path string, err *ast.Error) Problem {
	message := err.Message
	if err.Details != nil {
		for _, line := range err.Details.Lines() {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "have") || strings.HasPrefix(line, "want") {
				message += "; " + line
			}
		}
	}
	if name, found := strings.CutPrefix(message, "undefined function "); found && ast.BuiltinMap[name] != nil {
		message = fmt.Sprintf("the builtin `%s` is not available to rules: %s", name, whyNot(name))
	}
	problem := Problem{File: path, Code: err.Code, Message: message}
	return problem.at(err.Location)
}

func (p Problem) at(location *ast.Location) Problem {
	if location != nil {
		p.Line, p.Column = location.Row, location.Col
		if location.File != "" {
			p.File = location.File
		}
	}
	return p
}

func sortProblems(problems []Problem) {
	sort.SliceStable(problems, func(i, j int) bool {
		a, b := problems[i], problems[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
}
