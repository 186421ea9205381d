package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/slipwayhq/slipway/render"
)

// Facts are what rules may know beside the object: data.slipway.
type Facts struct {
	// Target is what the objects are rendered for; data.slipway.target.
	Target *TargetFacts `json:"target,omitempty"`
	// PullRequest is what is judged; data.slipway.pull_request. Nil, and undefined
	// to rules, where there is none: a merge group, a terminal, an apply.
	PullRequest *PullRequest `json:"pull_request,omitempty"`
}

// TargetFacts say which target is judged.
type TargetFacts struct {
	Environment string `json:"environment"`
	Application string `json:"application"` // empty where the layout has none
}

// A PullRequest is the facts of one, as GitHub has them when it is judged.
type PullRequest struct {
	Number int      `json:"number"`
	Author string   `json:"author"`
	Base   string   `json:"base"` // the branch to merge into
	Head   string   `json:"head"` // the branch's name, of the author's choice
	Draft  bool     `json:"draft"`
	Fork   bool     `json:"fork"`   // the head branch lives in another repository
	Labels []string `json:"labels"` // sorted
	// Approvals are the logins, sorted, of the people who may write and whose last
	// word on this very head is an approval; the author's never counts.
	Approvals []string `json:"approvals"`
}

// reserved is the key under data that is ours.
const reserved = "slipway"

// ReadsPullRequest reports whether any rule may look at the facts of the pull
// request, so that a label or a review can change what is found.
func (p *Policies) ReadsPullRequest() bool { return p != nil && p.readsPull }

// Given returns the same policies with facts to look at. They are immutable, too.
func (p *Policies) Given(facts Facts) *Policies {
	given := *p
	given.facts = facts
	return &given
}

// readsPullRequest reports whether modules refer to data.slipway.pull_request, or to
// something that may turn out to be it.
func readsPullRequest(modules map[string]*ast.Module) bool {
	reads := false
	for _, module := range modules {
		ast.WalkRefs(module, func(ref ast.Ref) bool {
			if !ref[0].Equal(ast.DefaultRootDocument) {
				return false
			}
			reads = reads || mayBe(ref[1:], reserved, "pull_request")
			return false
		})
	}
	return reads
}

// mayBe reports whether a reference may go through, or end above, a path.
func mayBe(terms []*ast.Term, path ...string) bool {
	for i, want := range path {
		if i == len(terms) {
			return true
		}
		if name, ok := terms[i].Value.(ast.String); ok && string(name) != want {
			return false
		}
	}
	return true
}

// claims reports packages and data that take the key that is ours.
func claims(modules map[string]*ast.Module, data map[string]any) []render.Problem {
	var problems []render.Problem
	const hint = "choose another name: data.slipway is what Slipway says of the pull request and the target"
	if _, taken := data[reserved]; taken {
		problems = append(problems, render.Problem{Message: `a data file has the key "slipway"`, Hint: hint})
	}
	for _, file := range sortedKeys(modules) {
		module := modules[file]
		if len(module.Package.Path) > 1 && module.Package.Path[1].Equal(ast.StringTerm(reserved)) {
			problems = append(problems, render.Problem{File: file, Line: module.Package.Loc().Row, Message: "the package is called slipway", Hint: hint})
		}
	}
	return problems
}

type factsKey struct{}

// withFacts has evaluations see the facts, in the form that data has.
func withFacts(ctx context.Context, facts Facts) (context.Context, error) {
	if facts.PullRequest != nil { // what there is none of is empty, not null
		pull := *facts.PullRequest
		pull.Labels = append([]string{}, pull.Labels...)
		pull.Approvals = append([]string{}, pull.Approvals...)
		facts.PullRequest = &pull
	}
	content, err := json.Marshal(facts)
	if err != nil {
		return nil, fmt.Errorf("write facts: %w", err)
	}
	var document map[string]any
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	return context.WithValue(ctx, factsKey{}, document), nil
}

// A factStore is the policies' own data and, under one key, the facts of the
// evaluation that reads. So one compilation serves every pull request.
type factStore struct{ storage.Store }

// Read implements [storage.Store].
func (s factStore) Read(ctx context.Context, transaction storage.Transaction, path storage.Path) (any, error) {
	if len(path) == 0 || path[0] != reserved { // a rule cannot ask for all of data, which has itself
		return s.Store.Read(ctx, transaction, path)
	}
	facts, _ := ctx.Value(factsKey{}).(map[string]any)
	return below(facts, path[1:])
}

// below is what stands at a path of a document.
func below(document map[string]any, path storage.Path) (any, error) {
	if document == nil {
		return nil, &storage.Error{Code: storage.NotFoundErr, Message: "there are no facts"}
	}
	var node any = document
	for i, key := range path {
		switch typed := node.(type) {
		case map[string]any:
			value, ok := typed[key]
			if !ok {
				return nil, &storage.Error{Code: storage.NotFoundErr, Message: "no such fact"}
			}
			node = value
		case []any:
			at, err := strconv.Atoi(key)
			if err != nil || at < 0 || at >= len(typed) {
				return nil, &storage.Error{Code: storage.NotFoundErr, Message: "no such fact"}
			}
			node = typed[at]
		default:
			return nil, &storage.Error{Code: storage.NotFoundErr, Message: fmt.Sprintf("no fact lies below %s", path[:i])}
		}
	}
	return node, nil
}
