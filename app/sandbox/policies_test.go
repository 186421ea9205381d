package sandbox

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

func object(name string) render.Object {
	return render.NewObject(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}, "data": map[string]any{"replicas": int64(3), "share": 0.5},
	}, render.Origin{File: "app/" + name + ".yaml", Line: 1}, nil)
}

// evaluate compiles and evaluates, in this process or by a runner.
func evaluate(t *testing.T, runner policy.Runner, rego string, objects ...render.Object) ([]policy.Finding, []render.Problem) {
	t.Helper()
	policies, problems, err := policy.NewCache(1, runner).Compile(t.Context(), map[string][]byte{"policies/main.rego": []byte(rego), "policies/data.yaml": []byte("names: [a]\n")})
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	findings, err := policies.Evaluate(t.Context(), objects, func(o render.Object, field string) (string, int) { return o.Origin.File + "#" + field, 7 })
	if err != nil {
		t.Fatal(err)
	}
	return findings, nil
}

// TestPoliciesSameAsInProcess asks the same policies both ways.
func TestPoliciesSameAsInProcess(t *testing.T) {
	p := newPool(t, Options{})
	for name, rego := range map[string]string{
		"findings": `package main
deny contains {"msg": sprintf("%v %v %v", [input.metadata.name, input.data.replicas, input.data.share]), "field": "data.replicas", "hint": "less"} if input.metadata.name in data.names
warn_b contains "warned" if input.data.replicas > 2
deny_c contains "level" if false`,
		"broken":   "package main\ndeny contains x if x := to_number(input.metadata.name)\n",
		"mistakes": "package main\ndeny contains x if { y }\ndeny contains http.send({})\n",
		"none":     "package main\n",
	} {
		wantFindings, wantProblems := evaluate(t, nil, rego, object("a"), object("b"))
		gotFindings, gotProblems := evaluate(t, p.Runner(), rego, object("a"), object("b"))
		if diff := cmp.Diff(wantFindings, gotFindings); diff != "" {
			t.Errorf("%s: findings (-in process +in a worker):\n%s", name, diff)
		}
		if diff := cmp.Diff(wantProblems, gotProblems); diff != "" {
			t.Errorf("%s: problems (-in process +in a worker):\n%s", name, diff)
		}
		if len(wantFindings)+len(wantProblems) == 0 && name != "none" {
			t.Errorf("%s gives nothing, so that it proves nothing", name)
		}
	}
}

// TestHostilePolicies takes memory without end, and reaches for what is outside;
// each denies, or does not compile, and the next policies are judged.
func TestHostilePolicies(t *testing.T) {
	p := newPool(t, Options{Memory: 96 << 20})
	for name, test := range map[string]struct{ rego, want string }{
		"memory": {`package main
long := concat("", ["x" | some i in numbers.range(1, 100000)])
deny contains "x" if count([sprintf("%s%d", [long, i]) | some i in numbers.range(1, 5000)]) > 0`,
			"the policies took more than the 96 MiB of memory that are allowed; this object was not judged"},
		"network":     {"package main\ndeny contains x if x := http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1\"}).body\n", "http.send is off"},
		"environment": {"package main\ndeny contains x if x := opa.runtime().env.PATH\n", "opa.runtime is off"},
		"recursion":   {"package main\nf(x) := f(x)\ndeny contains x if x := f(1)\n", "recursive"},
		"fine":        {"package main\ndeny contains \"denied\"\n", "denied"},
	} {
		findings, problems := evaluate(t, p.Runner(), test.rego, object("a"))
		var said []string
		for _, finding := range findings {
			if finding.Level != policy.Deny {
				t.Errorf("%s: %+v does not deny", name, finding)
			}
			said = append(said, finding.Message)
		}
		for _, problem := range problems {
			said = append(said, problem.Message)
		}
		if !strings.Contains(strings.Join(said, "\n"), test.want) {
			t.Errorf("%s: said %q, want %q", name, said, test.want)
		}
	}
}

// A liar is a runner that was taken over.
type liar struct{ verdicts [][]policy.Verdict }

func (liar) Compile(context.Context, map[string][]byte) (policy.Summary, []render.Problem, error) {
	return policy.Summary{Rules: []string{"main.deny"}}, nil, nil
}

func (l liar) Judge(context.Context, map[string][]byte, policy.Facts, []map[string]any) ([][]policy.Verdict, string, error) {
	return l.verdicts, "", nil
}

// TestVerdictsAreNotBelieved: what no rule can say denies.
func TestVerdictsAreNotBelieved(t *testing.T) {
	for name, verdicts := range map[string][][]policy.Verdict{
		"too few":       {},
		"unknown level": {{{Rule: "main.deny", Level: "fine"}}},
		"unknown rule":  {{{Rule: "main.other", Level: policy.Info}}},
		"too many":      {make([]policy.Verdict, 10_000)},
	} {
		findings, _ := evaluate(t, liar{verdicts}, "package main\n", object("a"))
		if len(findings) == 0 || findings[0].Level != policy.Deny || !findings[0].Broken {
			t.Errorf("%s: findings %+v", name, findings)
		}
		if len(findings) > 300 {
			t.Errorf("%s: %d findings", name, len(findings))
		}
	}
}
