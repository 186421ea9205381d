package policy

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
)

func withData(t *testing.T, rego string) *Policies {
	t.Helper()
	policies, problems := Compile(context.Background(), map[string][]byte{"a.rego": []byte(rego), "data.yaml": []byte("own: here\n")})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return policies
}

func messages(t *testing.T, p *Policies) []string {
	t.Helper()
	object := render.Object{ID: render.ObjectID{Kind: "ConfigMap", Name: "a"}}
	findings, err := p.Evaluate(context.Background(), []render.Object{object}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, finding := range findings {
		all = append(all, finding.Message)
	}
	return all
}

// One compilation serves every pull request, each with its own facts, and without
// facts they are undefined.
func TestFacts(t *testing.T) {
	policies := withData(t, `package main
deny contains msg if {
	pull := data.slipway.pull_request
	not "reviewed" in pull.labels
	msg := sprintf("#%d of %s has no label reviewed", [pull.number, pull.author])
}
deny contains msg if {
	data.slipway.target.environment == "production"
	count(data.slipway.pull_request.approvals) < 2
	msg := "production wants two approvals"
}
deny contains msg if {
	data.slipway.pull_request.labels[1] == "b"
	msg := "b is second"
}`)
	pull := func(change func(*PullRequest)) Facts {
		p := PullRequest{Number: 7, Author: "mallory", Labels: []string{"a", "reviewed"}, Approvals: []string{"alice", "bob"}}
		change(&p)
		return Facts{Target: &TargetFacts{Environment: "production"}, PullRequest: &p}
	}
	for _, test := range []struct {
		name  string
		facts Facts
		want  []string
	}{
		{"none", Facts{}, nil},
		{"all is well", pull(func(*PullRequest) {}), nil},
		{"no label", pull(func(p *PullRequest) { p.Labels = []string{"a", "b"} }), []string{"#7 of mallory has no label reviewed", "b is second"}},
		{"one approval", pull(func(p *PullRequest) { p.Approvals = []string{"bob"} }), []string{"production wants two approvals"}},
		{"no approval", pull(func(p *PullRequest) { p.Approvals = nil; p.Labels = nil }), []string{"#7 of mallory has no label reviewed", "production wants two approvals"}},
	} {
		if diff := cmp.Diff(test.want, messages(t, policies.Given(test.facts))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if diff := cmp.Diff([]string(nil), messages(t, policies)); diff != "" {
		t.Errorf("facts stayed with the policies (-want +got):\n%s", diff)
	}
}

// Only a rule that may look at the pull request has it judged again for a label.
func TestReadsPullRequest(t *testing.T) {
	for rego, want := range map[string]bool{
		`deny contains "x" if input.kind == "Secret"`:                      false,
		`deny contains "x" if data.own == "here"`:                          false,
		`deny contains "x" if data.slipway.target.environment == "prod"`:   false,
		`deny contains "x" if "a" in data.slipway.pull_request.labels`:     true,
		`deny contains "x" if data.slipway["pull_request"].draft`:          true,
		`deny contains "x" if { s := data.slipway; s.pull_request.draft }`: true,
		`deny contains "x" if { some k; data.slipway[k].draft }`:           true,
	} {
		if got := withData(t, "package main\n"+rego).ReadsPullRequest(); got != want {
			t.Errorf("%s: %v, want %v", rego, got, want)
		}
	}
	var none *Policies
	if none.ReadsPullRequest() {
		t.Error("no policies read something")
	}
}

func TestTheKeyIsOurs(t *testing.T) {
	for _, files := range []map[string][]byte{
		{"a.rego": []byte("package slipway.x\ndeny contains \"x\" if true\n")},
		{"data.yaml": []byte("slipway: {pull_request: {labels: [reviewed]}}\n")},
	} {
		if _, problems := Compile(context.Background(), files); len(problems) != 1 {
			t.Errorf("%v, want one problem", problems)
		}
	}
}
