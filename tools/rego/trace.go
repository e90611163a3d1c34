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
	maxInputs     = 64
	maxInputBytes = 8 * 1024
)

// tracer watches the tests: which lines they reach, where they fail, and with what input they ask.
type tracer struct {
	*cover.Cover
	inputs inputs
	last   *ast.Term
	// The tests under way, by the query that evaluates each, and the last expression of each that failed.
	tests  map[uint64]string
	failed map[string]*ast.Location
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
		t.inputs.add(input)
	}
	switch event.Op {
	case topdown.EnterOp:
		if rule, ok := event.Node.(*ast.Rule); ok && strings.HasPrefix(partOf(rule), "test_") {
			t.tests[event.QueryID] = placeOf(rule.Location)
		}
	case topdown.FailOp:
		if test, ok := t.tests[event.QueryID]; ok && event.Location != nil {
			t.failed[test] = event.Location
		}
	}
}

// inputs are asks that tests made, as canonical text by digest. At most `maxInputs`, those of the smallest digests: a
// sample that does not depend on the order in which tests run.
type inputs map[string]string

func (in inputs) add(input *ast.Term) {
	object, ok := input.Value.(ast.Object)
	if !ok || object.Get(ast.StringTerm("action")) == nil {
		return
	}
	value, err := ast.JSON(object)
	if err != nil {
		return
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil || text.Len() > maxInputBytes {
		return
	}
	digest := sha256.Sum256(text.Bytes())
	in[string(digest[:])] = strings.TrimSpace(text.String())
	if len(in) > maxInputs {
		delete(in, slices.Max(util.Keys(in)))
	}
}

func (in inputs) texts() []string {
	texts := []string{}
	for _, digest := range util.KeysSorted(in) {
		texts = append(texts, in[digest])
	}
	return texts
}
