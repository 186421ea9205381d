package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/slipwayhq/slipway/render"
)

// maxMistakes is how many of the compiler's errors are reported at once.
const maxMistakes = 100

// Policies are the compiled rules of a directory. They are immutable and safe for
// concurrent use.
type Policies struct {
	rules    []rule // sorted by name
	store    storage.Store
	query    rego.PreparedEvalQuery // every rule at once
	single   []rego.PreparedEvalQuery
	compiler *ast.Compiler

	// Of policies that are compiled elsewhere, instead: by whom, of what, the rules' names.
	runner Runner
	files  map[string][]byte
	names  []string
	// readsPull is set where a rule may look at the pull request's facts.
	readsPull bool
	facts     Facts
}

// A rule is one name under which results are given; several definitions may share it.
type rule struct {
	name   string // package.rule
	level  Level
	result ast.Ref // data.package.rule
	set    bool    // it is a set, hence always defined
	file   string
	line   int
	// exceptions is the package's exception rule, nil where it has none; exempt is
	// what it must name to silence this rule.
	exceptions ast.Ref
	exempt     string
}

// Rules returns the names of all rules, sorted.
func (p *Policies) Rules() []string {
	if p.runner != nil {
		return p.names
	}
	names := make([]string, len(p.rules))
	for i, rule := range p.rules {
		names[i] = rule.name
	}
	return names
}

// Compile compiles the policies among files, path to content: *.rego, of which
// *_test.rego are left to [Test], and *.yaml, *.yml and *.json as data. What lies
// in a directory called testdata is passed over, and so is every other file. All mistakes are reported at once, in the order of file and line;
// with any the Policies are nil. No rules at all are no mistake.
func Compile(ctx context.Context, files map[string][]byte) (*Policies, []render.Problem) {
	modules, problems := parse(files, func(file string) bool { return !strings.HasSuffix(file, "_test.rego") })
	data, dataProblems := documents(files)
	problems = append(problems, dataProblems...)
	if len(problems) > 0 {
		return nil, sortProblems(problems)
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1)
	compiler.SetErrorLimit(maxMistakes)
	compiler.Compile(modules)
	problems = slices.Concat(usesOfOff(modules), clashes(modules, data), claims(modules, data))
	for _, problem := range compileProblems(compiler.Errors) {
		if !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	rules, ruleProblems := findRules(modules)
	problems = append(problems, ruleProblems...)
	if len(problems) > 0 {
		return nil, sortProblems(problems)
	}
	policies := &Policies{
		rules: rules, compiler: compiler, readsPull: readsPullRequest(modules),
		store: factStore{inmem.NewFromObjectWithOpts(data, inmem.OptRoundTripOnWrite(false))},
	}
	if err := policies.prepare(ctx); err != nil {
		return nil, []render.Problem{{Message: "the policies cannot be prepared: " + err.Error()}}
	}
	return policies, nil
}

// parse reads the wanted Rego files.
func parse(files map[string][]byte, wanted func(string) bool) (map[string]*ast.Module, []render.Problem) {
	modules := make(map[string]*ast.Module)
	var problems []render.Problem
	for _, file := range sortedKeys(files) {
		if !isRego(file) || !wanted(file) {
			continue
		}
		options := ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true, Capabilities: capabilities()}
		module, err := ast.ParseModuleWithOpts(file, string(files[file]), options)
		switch {
		case err != nil:
			problems = append(problems, parseProblems(file, files[file], err)...)
		case module == nil:
			problems = append(problems, render.Problem{File: file, Line: 1, Message: "the file has no package", Hint: "start it with package main"})
		default:
			modules[file] = module
		}
	}
	return modules, problems
}

// IsFile reports whether a path, by its name, is one that [Compile] or [Test]
// reads. What lies in a directory called testdata is not.
func IsFile(name string) bool { return isRego(name) || isData(name) }

func isRego(name string) bool { return path.Ext(name) == ".rego" && !skipped(name) }

func isData(name string) bool {
	ext := path.Ext(name)
	return (ext == ".yaml" || ext == ".yml" || ext == ".json") && !skipped(name)
}

func skipped(name string) bool { return slices.Contains(strings.Split(name, "/"), "testdata") }

// parseProblems says what is wrong with a file; of one in Rego's old syntax that is
// the syntax, once.
func parseProblems(file string, content []byte, err error) []render.Problem {
	problems := fromErrors(file, err)
	old := ast.ParserOptions{RegoVersion: ast.RegoV0}
	if _, oldErr := ast.ParseModuleWithOpts(file, string(content), old); oldErr == nil && len(problems) > 0 {
		return []render.Problem{{
			File: file, Line: problems[0].Line, Message: "this is Rego v0, the old syntax",
			Hint: "write deny contains msg if { … }: if before each rule's body, contains before what a set gets; opa fmt --write --v0-v1 does it",
		}}
	}
	return problems
}

// fromErrors turns the parser's and the compiler's errors into problems.
func fromErrors(file string, err error) []render.Problem {
	var list ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &list):
		return compileProblems(list)
	case errors.As(err, &one):
		return compileProblems(ast.Errors{one})
	}
	return []render.Problem{{File: file, Message: oneLine(err.Error())}}
}

func compileProblems(list ast.Errors) []render.Problem {
	var problems []render.Problem
	for _, e := range list {
		problem := render.Problem{Message: oneLine(e.Message)}
		if e.Location != nil {
			problem.File, problem.Line = e.Location.File, e.Location.Row
		}
		if name, found := isOff(e.Message); found && e.Location != nil {
			problem = turnedOff(name, e.Location)
		}
		if !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	return problems
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func sortProblems(problems []render.Problem) []render.Problem {
	slices.SortStableFunc(problems, func(a, b render.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return problems
}

// conftest's names of rules that give results.
var (
	denies = regexp.MustCompile(`^(deny|violation)(_[a-zA-Z0-9]+)*$`)
	warns  = regexp.MustCompile(`^warn(_[a-zA-Z0-9]+)*$`)
	prefix = regexp.MustCompile(`^(deny|violation|warn)_?`)
)

func levelOf(name string) (Level, bool) {
	switch {
	case denies.MatchString(name):
		return Deny, true
	case warns.MatchString(name):
		return Warn, true
	}
	return "", false
}

// findRules lists what gives results, and refuses what looks so but never would.
func findRules(modules map[string]*ast.Module) ([]rule, []render.Problem) {
	found := make(map[string]rule)
	exceptions := make(map[string]ast.Ref) // by package
	var problems []render.Problem
	for _, file := range sortedKeys(modules) {
		module := modules[file]
		pkg := packageName(module)
		for _, definition := range module.Rules {
			head := definition.Head
			name := string(head.Ref()[0].Value.(ast.Var))
			if name == "exception" {
				exceptions[pkg] = module.Package.Path.Append(ast.StringTerm(name))
				continue
			}
			level, gives := levelOf(name)
			if !gives || len(head.Args) > 0 {
				continue
			}
			if problem := misshapen(definition, name); problem != nil {
				problems = append(problems, *problem)
				continue
			}
			full := pkg + "." + name
			if _, known := found[full]; !known {
				found[full] = rule{
					name: full, level: level, set: head.Key != nil, result: module.Package.Path.Append(ast.StringTerm(name)),
					file: file, line: definition.Loc().Row, exempt: prefix.ReplaceAllString(name, ""),
				}
			}
		}
	}
	rules := make([]rule, 0, len(found))
	for _, full := range sortedKeys(found) {
		r := found[full]
		r.exceptions = exceptions[full[:strings.LastIndexByte(full, '.')]]
		rules = append(rules, r)
	}
	return rules, problems
}

// misshapen says why a definition with a result's name would never give one.
func misshapen(definition *ast.Rule, name string) *render.Problem {
	head := definition.Head
	problem := &render.Problem{File: definition.Loc().File, Line: definition.Loc().Row, Hint: fmt.Sprintf("write %s contains msg if { … msg := \"what is wrong\" }", name)}
	if len(head.Ref()) > 1 {
		problem.Message = fmt.Sprintf("%s gives no message", head.Ref())
		return problem
	}
	if head.Key == nil && head.Value != nil {
		switch head.Value.Value.(type) {
		case ast.Boolean, ast.Number, ast.Null:
			problem.Message = fmt.Sprintf("%s is %s, which is no message", name, head.Value)
			return problem
		}
	}
	return nil
}

// packageName prints a package the way it is written, without data.
func packageName(module *ast.Module) string {
	return strings.TrimPrefix(module.Package.Path.String(), "data.")
}
