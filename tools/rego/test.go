package main

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/util"
)

const maxExcerpt = 120

// TestResult is one rule that begins with `test_`. Line and Column are where it begins; those of At where it stopped.
type TestResult struct {
	Name     string `json:"name"`
	Package  string `json:"package"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Pass     bool   `json:"pass"`
	Error    string `json:"error,omitempty"`
	At       *Place `json:"at,omitempty"`
	Duration int64  `json:"duration_us"`
}

// Place counts from one.
type Place struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// FileCoverage counts the lines of one rule file that some test reached.
type FileCoverage struct {
	File      string `json:"file"`
	Covered   int    `json:"covered"`
	Uncovered []int  `json:"uncovered"`
}

// test runs every test rule against the bundle's data, under the builtins that production has.
func (b *Bundle) test(compiler *ast.Compiler, answer *Answer) {
	ctx := context.Background()
	data := b.data
	if data == nil {
		data = map[string]any{}
	}
	store := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))
	seen := newTracer()
	// One at a time: the tracer belongs to the test that runs.
	runner := tester.NewRunner().SetStore(store).SetCompiler(compiler).SetModules(b.modules).SetParallel(1).
		SetTimeout(5 * time.Second).CapturePrintOutput(false).SetCoverageQueryTracer(seen).SetCoverageRuns(nil)
	var results []*tester.Result
	err := storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		running, err := runner.RunTests(ctx, txn)
		if err != nil {
			return err
		}
		for result := range running {
			results = append(results, result)
		}
		return nil
	})
	if err != nil {
		answer.failWith("", err)
		return
	}
	for _, result := range results {
		answer.Tests = append(answer.Tests, resultOf(result, seen))
	}
	sort.Slice(answer.Tests, func(i, j int) bool {
		a, b := answer.Tests[i], answer.Tests[j]
		return a.File < b.File || a.File == b.File && a.Line < b.Line
	})
	asked := seen.inputs.sorted()
	answer.Inputs = []string{}
	for _, ask := range asked[:min(len(asked), maxWarming)] {
		answer.Inputs = append(answer.Inputs, ask.Input)
	}
	if failed := slices.ContainsFunc(answer.Tests, func(test TestResult) bool { return !test.Pass }); !failed {
		if answer.Asked, err = judge(ctx, compiler, store, asked); err != nil {
			answer.failWith("", err)
			return
		}
	}
	b.cover(seen.Cover, answer)
}

func resultOf(result *tester.Result, seen *tracer) TestResult {
	at := result.Location
	test := TestResult{Name: result.Name, Package: strings.TrimPrefix(result.Package, "data."), File: at.File, Line: at.Row, Column: at.Col,
		Pass: result.Pass(), Duration: result.Duration.Microseconds()}
	stopped := seen.failed[placeOf(at)]
	switch {
	case test.Pass:
		return test
	case result.Skip:
		test.Error = "is skipped: take `todo_` off its name"
	case result.Error != nil:
		test.Error = result.Error.Error()
	case stopped != nil:
		test.Error = "does not hold: " + excerpt(stopped.Text)
	default:
		test.Error = "does not hold"
	}
	if stopped != nil {
		test.At = &Place{Line: stopped.Row, Column: stopped.Col}
	}
	return test
}

// excerpt is the first line of what stands at a place.
func excerpt(text []byte) string {
	line, _, more := strings.Cut(string(text), "\n")
	if runes := []rune(line); len(runes) > maxExcerpt {
		line, more = string(runes[:maxExcerpt]), true
	}
	if more {
		return line + " …"
	}
	return line
}

func (b *Bundle) cover(reached *cover.Cover, answer *Answer) {
	rules := b.rules()
	delete(rules, combinerPath)
	report := reached.Report(rules)
	for _, path := range util.KeysSorted(rules) {
		file := report.Files[path]
		lines := FileCoverage{File: path, Covered: file.CoveredLines, Uncovered: []int{}}
		for _, span := range file.NotCovered {
			for row := span.Start.Row; row <= span.End.Row; row++ {
				lines.Uncovered = append(lines.Uncovered, row)
			}
		}
		slices.Sort(lines.Uncovered)
		lines.Uncovered = slices.Compact(lines.Uncovered)
		answer.Coverage = append(answer.Coverage, lines)
	}
}
