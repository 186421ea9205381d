package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/slipwayhq/slipway/render"
)

// An Outcome says how a test of a policy ended.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "pass"
	Failed  Outcome = "fail"
	Broke   Outcome = "error" // it could not be evaluated
	Skipped Outcome = "skip"  // its name begins with todo_
)

// A TestResult is how one test_ rule of a *_test.rego file ended.
type TestResult struct {
	Name     string        `json:"name"` // package.rule
	Outcome  Outcome       `json:"outcome"`
	File     string        `json:"file"`
	Line     int           `json:"line"` // of what failed, where that is known; else of the test
	Duration time.Duration `json:"duration"`
	// Message is the expression that did not hold, or why the test could not be evaluated.
	Message string `json:"message,omitempty"`
	// Output is what the test printed.
	Output string `json:"output,omitempty"`
}

// Results are of all tests, in the order of file, line and name.
type Results []TestResult

// Counts returns how many tests ended in each way.
func (r Results) Counts() map[Outcome]int {
	counts := make(map[Outcome]int)
	for _, result := range r {
		counts[result.Outcome]++
	}
	return counts
}

// OK reports whether no test failed or broke.
func (r Results) OK() bool {
	counts := r.Counts()
	return counts[Failed] == 0 && counts[Broke] == 0
}

// testTime bounds one test.
const testTime = 10 * time.Second

// Test runs the tests among files, path to content, by the same compiler that
// [Compile] uses: what is off there is off here. With any problem there
// are no results.
func Test(ctx context.Context, files map[string][]byte) (Results, []render.Problem) {
	if _, problems := Compile(ctx, files); len(problems) > 0 {
		return nil, problems
	}
	modules, problems := parse(files, func(string) bool { return true })
	if len(problems) > 0 {
		return nil, sortProblems(problems)
	}
	data, _ := documents(files) // sound: Compile has read them
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1).WithEnablePrintStatements(true)
	store := inmem.NewFromObjectWithOpts(data, inmem.OptRoundTripOnWrite(false))
	transaction, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, []render.Problem{{Message: "the tests' data cannot be read: " + err.Error()}}
	}
	defer store.Abort(ctx, transaction)
	runner := tester.NewRunner().SetCompiler(compiler).SetStore(store).SetModules(modules).
		CapturePrintOutput(true).EnableTracing(true).RaiseBuiltinErrors(true).SetTimeout(testTime)
	ran, err := runner.RunTests(ctx, transaction)
	if err != nil {
		return nil, sortProblems(fromErrors("", err))
	}
	var results Results
	for result := range ran {
		results = append(results, testResult(result))
	}
	if err := ctx.Err(); err != nil {
		return nil, []render.Problem{{Message: "the tests were interrupted: " + err.Error()}}
	}
	slices.SortFunc(results, func(a, b TestResult) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return results, nil
}

func testResult(result *tester.Result) TestResult {
	r := TestResult{
		Name:     strings.TrimPrefix(result.Package, "data.") + "." + result.Name,
		Outcome:  Passed,
		Duration: result.Duration,
		Output:   string(result.Output),
	}
	if result.Location != nil {
		r.File, r.Line = result.Location.File, result.Location.Row
	}
	switch {
	case result.Skip:
		r.Outcome = Skipped
	case result.Error != nil:
		r.Outcome, r.Message = Broke, result.Error.Error()
		var at *topdown.Error
		if errors.As(result.Error, &at) {
			r.Message = at.Message
			if at.Location != nil {
				r.File, r.Line = at.Location.File, at.Location.Row
			}
		}
	case result.Fail:
		r.Outcome = Failed
		if at := failedAt(result); at != nil {
			r.Line = at.Row
			r.Message = fmt.Sprintf("%s does not hold", strings.TrimSpace(string(at.Text)))
		}
	}
	return r
}

// failedAt is the last expression of the test's own file that did not hold.
func failedAt(result *tester.Result) *ast.Location {
	for _, event := range slices.Backward(result.Trace) {
		expression, ok := event.Node.(*ast.Expr)
		if ok && event.Op == topdown.FailOp && expression.Location != nil && result.Location != nil && expression.Location.File == result.Location.File {
			return expression.Location
		}
	}
	return nil
}
