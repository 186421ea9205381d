package policy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"
	"golang.org/x/sync/errgroup"
)

// MaxTime bounds one Judge: the rules, over all objects of a target.
const MaxTime = 30 * time.Second

// Further limits of one Judge.
const (
	maxResults  = 100  // of one rule for one object
	maxMessage  = 1000 // bytes
	maxParallel = 4
)

// prepare compiles the queries: one that asks every rule at once, and one for each
// rule, to find out which is to blame when evaluating them together fails.
func (p *Policies) prepare(ctx context.Context) error {
	if len(p.rules) == 0 {
		return nil
	}
	terms := make([]*ast.Term, len(p.rules))
	p.single = make([]rego.PreparedEvalQuery, len(p.rules))
	for i, rule := range p.rules {
		terms[i] = rule.ask()
		var err error
		if p.single[i], err = p.prepared(ctx, ast.ArrayTerm(terms[i])); err != nil {
			return fmt.Errorf("prepare %s: %w", rule.name, err)
		}
	}
	var err error
	p.query, err = p.prepared(ctx, ast.ArrayTerm(terms...))
	return err
}

func (p *Policies) prepared(ctx context.Context, ask *ast.Term) (rego.PreparedEvalQuery, error) {
	body := ast.NewBody(ast.Equality.Expr(ast.VarTerm("results"), ask))
	return rego.New(
		rego.ParsedQuery(body),
		rego.Compiler(p.compiler),
		rego.Capabilities(capabilities()),
		rego.Store(p.store),
	).PrepareForEval(ctx)
}

// ask is [values, excepted]. Values are the rule's own set or, of any other rule,
// a list of its one value, empty where the rule is undefined. Excepted is a list
// that is not empty where an exception names the rule.
func (r rule) ask() *ast.Term {
	list := func(body ast.Body) *ast.Term { return ast.ArrayComprehensionTerm(ast.VarTerm("x"), body) }
	values := ast.NewTerm(r.result)
	if !r.set {
		values = list(ast.NewBody(ast.Equality.Expr(ast.VarTerm("x"), ast.NewTerm(r.result))))
	}
	excepted := ast.ArrayTerm()
	if r.exceptions != nil { // exception[_][_] == exempt
		named := r.exceptions.Append(ast.VarTerm("$a")).Append(ast.VarTerm("$b"))
		excepted = list(ast.NewBody(
			ast.Equality.Expr(ast.StringTerm(r.exempt), ast.NewTerm(named)),
			ast.Equality.Expr(ast.VarTerm("x"), ast.BooleanTerm(true)),
		))
	}
	return ast.ArrayTerm(values, excepted)
}

// Judge asks every rule about every input, a masked object, and returns what they
// say, by index. A rule that cannot be evaluated for an input gives a verdict that
// denies, never silence. An error means that ctx ended.
func (p *Policies) Judge(ctx context.Context, inputs []map[string]any) ([][]Verdict, error) {
	verdicts := make([][]Verdict, len(inputs))
	if len(p.rules) == 0 || len(inputs) == 0 {
		return verdicts, ctx.Err()
	}
	ctx, err := withFacts(ctx, p.facts)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	workers := min(runtime.GOMAXPROCS(0), maxParallel, len(inputs))
	var group errgroup.Group
	for worker := range workers {
		group.Go(func() error {
			transaction, err := p.store.NewTransaction(limited)
			if err != nil {
				return fmt.Errorf("read the policies' data: %w", err)
			}
			defer p.store.Abort(limited, transaction)
			for i := worker; i < len(inputs); i += workers {
				e := evaluation{policies: p, input: inputs[i], transaction: transaction}
				verdicts[i] = e.run(limited)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("evaluate policies: %w", err)
	}
	return verdicts, nil
}

// An evaluation is of all rules about one object.
type evaluation struct {
	policies    *Policies
	input       map[string]any
	transaction storage.Transaction
	verdicts    []Verdict
}

func (e *evaluation) run(ctx context.Context) []Verdict {
	input, err := ast.InterfaceToValue(e.input)
	if err != nil {
		e.broken("input", "", 0, fmt.Sprintf("the object cannot be given to policies: %v", err))
		return e.verdicts
	}
	results, err := e.ask(ctx, e.policies.query, input)
	switch {
	case ctx.Err() != nil:
		e.late()
	case err == nil:
		for i, rule := range e.policies.rules {
			e.collect(rule, results[i])
		}
	default: // some rule fails; ask each alone
		for i, rule := range e.policies.rules {
			results, err := e.ask(ctx, e.policies.single[i], input)
			switch {
			case ctx.Err() != nil:
				e.late()
				return e.verdicts
			case err != nil:
				e.failed(rule, err)
			default:
				e.collect(rule, results[0])
			}
		}
	}
	return e.verdicts
}

// ask evaluates one query and returns what ask's terms gave. Errors of built-in
// functions make their expression undefined, as in conftest, and are findings too.
func (e *evaluation) ask(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value) ([]any, error) {
	var mistakes []topdown.Error
	set, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalTransaction(e.transaction), rego.EvalBuiltinErrorList(&mistakes))
	if err != nil {
		return nil, err
	}
	for _, mistake := range mistakes {
		e.mistake(mistake)
	}
	if len(set) != 1 {
		return nil, errors.New("the rules gave no result")
	}
	results, ok := set[0].Bindings["results"].([]any)
	if !ok {
		return nil, errors.New("the rules gave a result of another shape")
	}
	return results, nil
}

// late says that time ran out before the object was judged.
func (e *evaluation) late() {
	e.verdicts = []Verdict{stopped(TooSlow)}
}

// failed says that a rule could not be evaluated.
func (e *evaluation) failed(rule rule, err error) {
	var place *topdown.Error
	file, line, message := rule.file, rule.line, err.Error()
	if errors.As(err, &place) {
		message = place.Message
		if place.Location != nil {
			file, line = place.Location.File, place.Location.Row
		}
	}
	e.broken(rule.name, file, line, "the rule could not be evaluated: "+message)
}

// mistake says that a built-in function got what it cannot take. The place is the
// expression's, which may stand in a helper that several rules use.
func (e *evaluation) mistake(mistake topdown.Error) {
	file, line := "", 0
	if mistake.Location != nil {
		file, line = mistake.Location.File, mistake.Location.Row
	}
	e.broken(e.policies.nameAt(file, line), file, line, "the rule could not be evaluated: "+mistake.Message)
}

// nameAt names the rule that stands at a place, result-giving or helper.
func (p *Policies) nameAt(file string, line int) string {
	module, known := p.compiler.Modules[file]
	if !known {
		return "policy"
	}
	name := packageName(module)
	best := 0
	for _, definition := range module.Rules {
		if row := definition.Loc().Row; row <= line && row > best {
			best = row
			name = packageName(module) + "." + string(definition.Head.Ref()[0].Value.(ast.Var))
		}
	}
	return name
}

func (e *evaluation) broken(rule, file string, line int, message string) {
	verdict := Verdict{Rule: rule, Level: Deny, File: file, Line: line, Message: clip(oneLine(message)), Broken: true}
	if !slices.Contains(e.verdicts, verdict) {
		e.verdicts = append(e.verdicts, verdict)
	}
}
