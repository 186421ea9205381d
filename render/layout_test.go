package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

func TestParseLayout(t *testing.T) {
	for template, want := range map[string]string{
		"apps/{application}/overlays/{environment}": "",
		"{environment}":               "",
		"env-{environment}/app":       "",
		"{application}-{environment}": "",
		"clusters/{environment}.d":    "",
		"":                            "no clean relative path",
		"/apps/{environment}":         "no clean relative path",
		"apps/{environment}/":         "no clean relative path",
		"apps//{environment}":         "no clean relative path",
		"../{environment}":            "no clean relative path",
		"apps/{application}":          "has no {environment}",
		"apps":                        "has no {environment}",
		"{environment}/{environment}": "has {environment} twice",
		"{cluster}/{environment}":     "which is none",
		"{environment":                "a brace without its other",
		"environment}":                "a brace without its other",
		"{{environment}}":             "a brace without its other",
		"apps/*/{environment}":        "has a wildcard",
		"{application}{environment}":  "nothing between",
		"apps/{}/{environment}":       "which is none",
		"apps/{Environment}":          "which is none",
	} {
		layout, problem := render.ParseLayout(template)
		switch {
		case want == "" && (problem != nil || layout.String() != template):
			t.Errorf("%q: %v", template, problem)
		case want != "" && (problem == nil || !strings.Contains(problem.Message, want) || problem.Hint == ""):
			t.Errorf("%q: %v, want %q", template, problem, want)
		}
	}
}

// files makes a tree of one small file in each directory or of the file named.
func files(names ...string) *rendertest.MapTree {
	all := map[string]string{}
	for _, name := range names {
		if !strings.Contains(name[strings.LastIndexByte(name, '/')+1:], ".") {
			name += "/kustomization.yaml"
		}
		all[name] = "resources: []\n"
	}
	return rendertest.Tree(all)
}

func paths(targets []render.Target) []string {
	var all []string
	for _, target := range targets {
		all = append(all, fmt.Sprintf("%s %s", target, target.Path))
	}
	return all
}

func TestTargets(t *testing.T) {
	tree := files("apps/web/overlays/production", "apps/web/overlays/staging", "apps/web/overlays/eu-west", "apps/web/overlays/dev",
		"apps/api/overlays/staging", "apps/web/overlays/base", "apps/web/overlays/empty/README.md", "apps/web/overlays/.hidden",
		"apps/web/overlays/file.yaml", "apps/web/base", "env-qa/app/a.yaml", "env-/app/a.yaml", "one-two-prod/Chart.yaml").With(map[string]string{"linked/prod/a.yaml": "symlink ../../apps/web/base/a.yaml"})
	tests := map[string]struct {
		template     string
		environments []render.Environment
		want         []string
	}{
		"conventional order": {"apps/{application}/overlays/{environment}", nil, []string{
			"dev/web apps/web/overlays/dev", "staging/api apps/api/overlays/staging", "staging/web apps/web/overlays/staging",
			"eu-west/web apps/web/overlays/eu-west", "production/web apps/web/overlays/production",
		}},
		"given order, and only these": {"apps/{application}/overlays/{environment}", []render.Environment{"production", "staging"}, []string{
			"production/web apps/web/overlays/production", "staging/api apps/api/overlays/staging", "staging/web apps/web/overlays/staging",
		}},
		"base where it is asked for": {"apps/{application}/overlays/{environment}", []render.Environment{"base"}, []string{"base/web apps/web/overlays/base"}},
		"text around a placeholder":  {"env-{environment}/app", nil, []string{"qa env-qa/app"}},
		"two in one segment":         {"{application}-{environment}", []render.Environment{"prod"}, []string{"prod/one-two one-two-prod"}},
		"a link alone":               {"linked/{environment}", nil, []string{"prod linked/prod"}},
		"nothing there":              {"clusters/{environment}", nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			layout, problem := render.ParseLayout(test.template)
			if problem != nil {
				t.Fatal(problem)
			}
			if diff := cmp.Diff(test.want, paths(layout.Targets(tree, test.environments))); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
		})
	}
	if got := (render.Layout{}).Targets(tree, nil); got != nil {
		t.Errorf("the zero layout has targets %v", got)
	}
}

func TestRecognise(t *testing.T) {
	tests := map[string]struct {
		tree    *rendertest.MapTree
		layouts []string
		targets []string
	}{
		"overlays by application": {
			files("apps/web/base", "apps/web/overlays/staging", "apps/web/overlays/production", "apps/api/overlays/production"),
			[]string{"apps/{application}/overlays/{environment}"},
			[]string{"staging/web apps/web/overlays/staging", "production/api apps/api/overlays/production", "production/web apps/web/overlays/production"},
		},
		"overlays at the top": {
			files("base", "overlays/dev", "overlays/prod", "overlays/common"),
			[]string{"overlays/{environment}"}, []string{"dev overlays/dev", "prod overlays/prod"},
		},
		"deploy is no application": {
			files("deploy/base", "deploy/overlays/dev", "deploy/overlays/prod"),
			[]string{"deploy/overlays/{environment}"}, []string{"dev deploy/overlays/dev", "prod deploy/overlays/prod"},
		},
		"applications at the top": {
			files("web/overlays/dev", "api/overlays/dev", "api/overlays/prod"),
			[]string{"{application}/overlays/{environment}"}, []string{"dev/api api/overlays/dev", "dev/web web/overlays/dev", "prod/api api/overlays/prod"},
		},
		"many environments": {
			files("base", "components/non-prod", "envs/prod-eu", "envs/qa", "envs/staging-us", "envs/integration-gpu", "variants/prod"),
			[]string{"envs/{environment}"},
			[]string{"integration-gpu envs/integration-gpu", "qa envs/qa", "staging-us envs/staging-us", "prod-eu envs/prod-eu"},
		},
		"clusters of applications": {
			files("clusters/prod/web/a.yaml", "clusters/prod/api/a.yaml", "clusters/test/web"),
			[]string{"clusters/{environment}/{application}"}, []string{"test/web clusters/test/web", "prod/api clusters/prod/api", "prod/web clusters/prod/web"},
		},
		"a cluster that is built whole": {
			files("clusters/prod", "clusters/prod/web", "clusters/staging", "clusters/staging/web"),
			[]string{"clusters/{environment}"}, []string{"staging clusters/staging", "prod clusters/prod"},
		},
		"Flux's example": {
			files("apps/base/podinfo", "apps/staging", "apps/production", "infrastructure/controllers", "clusters/staging/apps.yaml", "clusters/production/apps.yaml", "clusters/staging/flux-system"),
			[]string{"apps/{environment}"}, []string{"staging apps/staging", "production apps/production"},
		},
		"environments below applications, no overlays": {
			files("apps/web/base", "apps/web/dev", "apps/web/prod", "apps/web/templates/a.yaml", "apps/web/test/fixture.yaml"),
			[]string{"apps/{application}/{environment}"}, []string{"dev/web apps/web/dev", "prod/web apps/web/prod"},
		},
		"two layouts side by side": {
			files("apps/web/overlays/dev", "apps/web/overlays/prod", "clusters/dev", "clusters/prod"),
			[]string{"apps/{application}/overlays/{environment}", "clusters/{environment}"},
			[]string{"dev/web apps/web/overlays/dev", "prod/web apps/web/overlays/prod", "dev clusters/dev", "prod clusters/prod"},
		},
		"a program's source":         {files("cmd/main.go", "test/data.yaml", "dev/docker-compose.yaml", "web/test/a.yaml", "web/prod/a.yaml", ".github/workflows/ci.yaml"), nil, nil},
		"overlays of no environment": {files("overlays/one", "overlays/two"), nil, nil},
		"only bases":                 {files("apps/web/overlays/base", "apps/web/overlays/components"), nil, nil},
		"empty environments":         {files("envs/prod/README.md", "envs/dev/notes.txt"), nil, nil},
		"nothing":                    {files("README.md"), nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			layouts, ok := render.Recognise(test.tree)
			var templates, targets []string
			for _, layout := range layouts {
				templates = append(templates, layout.String())
				targets = append(targets, paths(layout.Targets(test.tree, nil))...)
				if !strings.Contains(layout.Reason(), layout.String()) {
					t.Errorf("reason is %q", layout.Reason())
				}
			}
			if ok != (len(test.layouts) > 0) {
				t.Errorf("ok is %v", ok)
			}
			if diff := cmp.Diff(test.layouts, templates); diff != "" {
				t.Errorf("layouts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.targets, targets); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseLayout(f *testing.F) {
	f.Add("apps/{application}/overlays/{environment}")
	f.Add("{environment}-{application}")
	f.Add("{a}{")
	tree := files("apps/web/overlays/dev", "dev", "web-prod")
	f.Fuzz(func(t *testing.T, template string) {
		layout, problem := render.ParseLayout(template)
		if problem != nil {
			if layout != (render.Layout{}) || problem.Message == "" {
				t.Errorf("%q gives both %v and %v", template, layout, problem)
			}
			return
		}
		for _, target := range layout.Targets(tree, nil) {
			if target.Environment == "" {
				t.Errorf("%q: target %v has no environment", template, target)
			}
			if _, ok := tree.Stat(target.Path); !ok {
				t.Errorf("%q: target %v is not there", template, target)
			}
		}
	})
}
