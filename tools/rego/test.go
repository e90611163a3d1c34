package main

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/util"
)

// TestResult is one rule that begins with `test_`.
type TestResult struct {
	Name     string `json:"name"`
	Package  string `json:"package"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Pass     bool   `json:"pass"`
	Error    string `json:"error,omitempty"`
	Duration int64  `json:"duration_us"`
}

// FileCoverage counts the lines of one rule file that some test reached.
type FileCoverage struct {
	File      string `json:"file"`
	Covered   int    `json:"covered"`
	Uncovered []int  `json:"uncovered"`
}

// test runs every test rule against the bundle's data, under the builtins that production has.
func (b *Bundle) test(answer *Answer) {
	ctx := context.Background()
	data := b.data
	if data == nil {
		data = map[string]any{}
	}
	store := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))
	reached := cover.New()
	runner := tester.NewRunner().SetStore(store).SetCompiler(newCompiler()).SetModules(b.modules).SetParallel(1).
		SetTimeout(5 * time.Second).CapturePrintOutput(false).SetCoverageQueryTracer(reached).SetCoverageRuns(nil)
	err := storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		results, err := runner.RunTests(ctx, txn)
		if err != nil {
			return err
		}
		for result := range results {
			answer.Tests = append(answer.Tests, resultOf(result))
		}
		return nil
	})
	if err != nil {
		answer.failWith("", err)
		return
	}
	sort.Slice(answer.Tests, func(i, j int) bool {
		a, b := answer.Tests[i], answer.Tests[j]
		return a.File < b.File || a.File == b.File && a.Line < b.Line
	})
	b.cover(reached, answer)
}

func resultOf(result *tester.Result) TestResult {
	test := TestResult{Name: result.Name, Package: strings.TrimPrefix(result.Package, "data."), File: result.Location.File, Line: result.Location.Row,
		Pass: result.Pass(), Duration: result.Duration.Microseconds()}
	if result.Error != nil {
		test.Error = result.Error.Error()
	} else if result.FailedAt != nil {
		test.Error = "does not hold: " + result.FailedAt.String()
	} else if !test.Pass {
		test.Error = "does not hold"
	}
	return test
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
