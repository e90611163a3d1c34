package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

const (
	// How many inputs a new instance is warmed with, and with how many the compiled module is compared.
	maxWarming    = 64
	maxInputs     = 512
	maxInputBytes = 8 * 1024
)

// Asked is an input that tests asked with, the first of them by its place, and what the rules say of it here, in the
// interpreter, with the bundle's own data. No verdict: there is none, or asking for it failed.
type Asked struct {
	Input   string `json:"input"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Verdict any    `json:"verdict,omitempty"`

	term *ast.Term
}

// tracer watches the tests: which lines they reach, where they fail, and with what input they ask.
type tracer struct {
	*cover.Cover
	inputs inputs
	last   *ast.Term
	// The tests under way, by the query that evaluates each, and the last expression of each that failed.
	tests  map[uint64]string
	failed map[string]*ast.Location
	// The test that runs.
	test *ast.Location
}

func newTracer() *tracer {
	return &tracer{Cover: cover.New(), inputs: inputs{}, tests: map[uint64]string{}, failed: map[string]*ast.Location{}}
}

func placeOf(location *ast.Location) string {
	return fmt.Sprintf("%s:%d:%d", location.File, location.Row, location.Col)
}

// TraceEvent is called at every step of every test.
func (t *tracer) TraceEvent(event topdown.Event) {
	t.Cover.TraceEvent(event)
	// At any step: where the index rules every rule out, none is entered.
	if input := event.Input(); input != nil && input != t.last {
		t.last = input
		t.inputs.add(input, t.test)
	}
	switch event.Op {
	case topdown.EnterOp:
		if rule, ok := event.Node.(*ast.Rule); ok && strings.HasPrefix(partOf(rule), "test_") {
			t.tests[event.QueryID] = placeOf(rule.Location)
			t.test, t.last = rule.Location, nil
		}
	case topdown.FailOp:
		if test, ok := t.tests[event.QueryID]; ok && event.Location != nil {
			t.failed[test] = event.Location
		}
	}
}

// inputs are asks that tests made, by the digest of their canonical text. At most `maxInputs`, those of the smallest
// digests: a sample that does not depend on the order in which tests run.
type inputs map[string]*Asked

func (in inputs) add(input *ast.Term, test *ast.Location) {
	object, ok := input.Value.(ast.Object)
	if !ok || test == nil || object.Get(ast.StringTerm("action")) == nil {
		return
	}
	text, err := canonical(object)
	if err != nil || len(text) > maxInputBytes {
		return
	}
	sum := sha256.Sum256([]byte(text))
	digest := string(sum[:])
	if known := in[digest]; known != nil {
		if test.File < known.File || test.File == known.File && test.Row < known.Line {
			known.File, known.Line, known.Column = test.File, test.Row, test.Col
		}
		return
	}
	in[digest] = &Asked{Input: text, File: test.File, Line: test.Row, Column: test.Col, term: input}
	if len(in) > maxInputs {
		delete(in, slices.Max(util.Keys(in)))
	}
}

func canonical(value ast.Value) (string, error) {
	plain, err := ast.JSON(value)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(plain)
	return strings.TrimSpace(text.String()), err
}

// sorted gives them by digest.
func (in inputs) sorted() []*Asked {
	found := []*Asked{}
	for _, digest := range util.KeysSorted(in) {
		found = append(found, in[digest])
	}
	return found
}
