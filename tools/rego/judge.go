package main

import (
	"context"
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const question = "verdict = data.assent.verdict"

// judge asks the interpreter for the verdict of every input, with the bundle's own data and nothing mocked: what the
// compiled module is held to. Sources that define no verdict, as a built bundle may carry, leave nothing to compare.
func judge(ctx context.Context, compiler *ast.Compiler, store storage.Store, asked []*Asked) ([]*Asked, error) {
	if len(compiler.GetRulesWithPrefix(ast.MustParseRef("data.assent.verdict"))) == 0 {
		return nil, nil
	}
	queries := compiler.QueryCompiler()
	query, err := queries.Compile(ast.MustParseBody(question))
	if err != nil {
		return nil, err
	}
	return asked, storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		for _, ask := range asked {
			answers, err := topdown.NewQuery(query).WithQueryCompiler(queries).WithCompiler(compiler).WithStore(store).
				WithTransaction(txn).WithInput(ask.term).Run(ctx)
			// Two values for one rule: the module aborts, which is no verdict either.
			if err != nil || len(answers) != 1 {
				continue
			}
			// Numbers keep the text that they were made from, and `to_number("0123")` is none in JSON: no verdict, as the
			// module's would be.
			verdict, err := ast.JSON(answers[0][ast.Var("verdict")].Value)
			if err != nil {
				continue
			}
			if _, err := json.Marshal(verdict); err == nil {
				ask.Verdict = verdict
			}
		}
		return nil
	})
}
