package handlers

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// Policies that are broken on the base branch, or a configuration that names a rule which
// they have no more, fail every pull request; but not the one that mends them and does
// nothing else, or nobody could ever again.
func TestBrokenPoliciesCanBeMended(t *testing.T) {
	const (
		sound  = "package main\ndeny contains \"no\" if input.metadata.name == \"bad\"\n"
		broken = "package main\ndeny contains x if { y }\n"
		layout = "layout: '{environment}'\n"
		names  = layout + "policies: {rules: {main.deny_gone: warn}}\n"
	)
	manifest := func(name string) string { return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n" }
	type files map[string]string
	for _, test := range []struct {
		name       string
		base, head files
		want       report.Conclusion
	}{
		{"broken, and nothing is mended", files{"policies/a.rego": broken}, files{"production/a.yaml": manifest("b")}, report.Failure},
		{"broken, and mended", files{"policies/a.rego": broken}, files{"policies/a.rego": sound}, report.Success},
		{"broken, and deleted", files{"policies/a.rego": broken}, files{"policies/a.rego": ""}, report.Success},
		{"broken, and mended by halves", files{"policies/a.rego": broken, "policies/b.rego": broken}, files{"policies/a.rego": sound}, report.Failure},
		{"broken, and mended among other things", files{"policies/a.rego": broken}, files{"policies/a.rego": sound, "production/a.yaml": manifest("b")}, report.Failure},
		{"a rule that is not there, and nothing is mended", files{".slipway.yaml": names, "policies/a.rego": sound}, files{"production/a.yaml": manifest("b")}, report.Failure},
		{"a rule that is not there, and is named no more", files{".slipway.yaml": names, "policies/a.rego": sound}, files{".slipway.yaml": layout}, report.Success},
		{"a rule that is not there, and comes back", files{".slipway.yaml": names, "policies/a.rego": sound}, files{"policies/a.rego": sound + "deny_gone contains \"no\" if false\n"}, report.Success},
		{"a rule that goes, and is named still", files{".slipway.yaml": names, "policies/a.rego": sound + "deny_gone contains \"no\" if false\n"}, files{"policies/a.rego": sound}, report.Failure},
		{"a rule that goes, and its name with it", files{".slipway.yaml": names, "policies/a.rego": sound + "deny_gone contains \"no\" if false\n"}, files{".slipway.yaml": layout, "policies/a.rego": sound}, report.Success},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := rendertest.Tree(map[string]string{".slipway.yaml": layout, "production/a.yaml": manifest("a")}).With(test.base)
			planner := &Planner{Renderers: oneEngine{render.New(render.Options{})}, Policies: policy.NewCache(10, nil), Now: time.Now}
			repo := proposed{base: base, head: base.With(test.head)}
			r, err := planner.Report(t.Context(), repo, Comparison{Repository: shop, Pull: 7, Base: "abc", Head: "def", Trusted: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Conclusion(); got != test.want {
				t.Errorf("it ends in %s, want %s:\n%s", got, test.want, report.Comment(r))
			}
		})
	}
}
