package promotion_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/deploy/promotion"
	"github.com/slipwayhq/slipway/fixtures/repositories"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/edit"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// promote promotes all applications of one environment to another over one tree,
// and checks what every promotion must keep.
func promote(t *testing.T, engine *render.Engine, tree *rendertest.MapTree, layout string, from, to render.Environment) ([]promotion.Part, *rendertest.MapTree) {
	t.Helper()
	ctx := context.Background()
	l, problem := render.ParseLayout(layout)
	if problem != nil {
		t.Fatal(problem)
	}
	all := l.Targets(tree, nil)
	before := renderAll(t, engine, tree, all)
	var pairs []promotion.Pair
	for i, source := range all {
		for _, target := range all {
			if source.Environment == from && target.Environment == to && source.Application == target.Application {
				pairs = append(pairs, promotion.Pair{From: before[i], To: target})
			}
		}
	}
	parts, err := promotion.Images(ctx, engine, tree, all, pairs)
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string]string{}
	touched := map[render.Target]bool{}
	for _, part := range parts {
		for _, e := range part.Edits {
			if _, twice := changed[e.Path]; twice {
				t.Errorf("%s is edited by two parts", e.Path)
			}
			changed[e.Path] = string(e.Content)
			touched[part.To] = true
		}
	}
	edited := tree.With(changed)
	after := renderAll(t, engine, edited, all)
	for i, target := range all {
		if (before[i].Digest != after[i].Digest) != touched[target] {
			t.Errorf("%s: touched %v, changed %v", target, touched[target], !touched[target])
		}
	}
	expectEqualImages(t, parts, all, before, after)
	return parts, edited
}

// expectEqualImages wants each promoted target's images to be the source's.
func expectEqualImages(t *testing.T, parts []promotion.Part, all []render.Target, before, after []*render.Rendered) {
	t.Helper()
	for _, part := range parts {
		if part.Problem != nil || len(part.Left) > 0 {
			continue
		}
		source, target := images(before[slices.Index(all, part.From)]), images(after[slices.Index(all, part.To)])
		if diff := cmp.Diff(source, target); diff != "" {
			t.Errorf("%s is not what %s is (-want +got):\n%s", part.To, part.From, diff)
		}
	}
}

func images(rendered *render.Rendered) []string {
	var all []string
	for _, image := range edit.ImagesOf(rendered) {
		all = append(all, image.Object.Kind+" "+image.Field+" "+image.Reference.String())
	}
	return all
}

func renderAll(t *testing.T, engine *render.Engine, tree render.Tree, targets []render.Target) []*render.Rendered {
	t.Helper()
	all, err := engine.RenderAll(context.Background(), tree, targets)
	if err != nil {
		t.Fatal(err)
	}
	for _, rendered := range all {
		if rendered.Problem != nil {
			t.Fatalf("%s: %v", rendered.Target, rendered.Problem)
		}
	}
	return all
}

// lines are those that differ between two versions of the files, new ones with +.
func lines(before, after *rendertest.MapTree) []string {
	var all []string
	old := before.Files()
	for name, content := range after.Files() {
		a, b := strings.Split(old[name], "\n"), strings.Split(content, "\n")
		for i := range b {
			if i >= len(a) || a[i] != b[i] {
				all = append(all, fmt.Sprintf("%s:%d:%s", name, i+1, b[i]))
			}
		}
		if len(a) != len(b) {
			all = append(all, fmt.Sprintf("%s has %d lines, had %d", name, len(b), len(a)))
		}
	}
	slices.Sort(all)
	return all
}

// The example of the documentation goes all the way, one line at a time.
func TestWebApp(t *testing.T) {
	engine := render.New(render.Options{})
	const layout = "apps/{application}/overlays/{environment}"
	tree := rendertest.Tree(repositories.WebApp())
	for _, step := range []struct {
		from, to render.Environment
		want     []string
	}{
		{"dev", "staging", []string{"apps/web-app/overlays/staging/kustomization.yaml:17:    newTag: 1.8.0"}},
		{"staging", "production", []string{"apps/web-app/overlays/production/kustomization.yaml:17:    newTag: 1.8.0"}},
		{"staging", "production", nil},
	} {
		parts, edited := promote(t, engine, tree, layout, step.from, step.to)
		for _, part := range parts {
			if part.Problem != nil || len(part.Left) > 0 {
				t.Errorf("%s: %v, left %v", part.To, part.Problem, part.Left)
			}
			if (len(part.Changes) > 0) != (step.want != nil) {
				t.Errorf("changes: %v", part.Changes)
			}
		}
		if diff := cmp.Diff(step.want, lines(tree, edited)); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", step.from, step.to, diff)
		}
		tree = edited
	}
}

// Forty applications of all kinds: each overlay gets one line another, and all
// is proved.
func TestMonorepo(t *testing.T) {
	engine := render.New(render.Options{})
	tree := rendertest.Tree(repositories.Monorepo(40))
	for _, step := range [][2]render.Environment{{"dev", "staging"}, {"staging", "production"}} {
		parts, edited := promote(t, engine, tree, "apps/{application}/overlays/{environment}", step[0], step[1])
		if len(parts) != 40 {
			t.Fatalf("%d parts", len(parts))
		}
		for _, part := range parts {
			if part.Problem != nil || len(part.Left) > 0 || len(part.Edits) != 1 {
				t.Errorf("%s: %v, left %v, %d edits", part.To, part.Problem, part.Left, len(part.Edits))
			}
		}
		for _, line := range lines(tree, edited) {
			if !strings.Contains(line, "/overlays/"+string(step[1])+"/kustomization.yaml:") || !strings.Contains(line, ":    newTag: ") {
				t.Error(line)
			}
		}
		tree = edited
	}
}

func TestPlainYAML(t *testing.T) {
	tree := rendertest.Tree(repositories.Plain())
	_, edited := promote(t, render.New(render.Options{}), tree, "clusters/{environment}", "staging", "production")
	want := []string{
		"clusters/production/catalogue/catalogue.yaml:21:          image: ghcr.io/acme/catalogue:2.4.0",
		"clusters/production/checkout/statefulset.yaml:19:          image: ghcr.io/acme/checkout:2.4.0",
		"clusters/production/cleanup.yml:16:              image: ghcr.io/acme/cleanup:2.4.0",
	}
	if diff := cmp.Diff(want, lines(tree, edited)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
