package handlers

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// Two directories that the layouts give one name are two of which nobody knows what a
// plan, a record and a person's word of that name would be about: neither is planned or
// applied, and both are named. The others are.
func TestTwoDirectoriesOfOneName(t *testing.T) {
	const manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	base := rendertest.Tree(map[string]string{
		".slipway.yaml":        "layout: ['apps/{application}/{environment}', '{environment}/{application}']\nenvironments:\n  live:\n",
		"apps/web/live/a.yaml": manifest,
		"live/api/a.yaml":      manifest,
	})
	head := base.With(map[string]string{"live/web/a.yaml": strings.Replace(manifest, "a}", "b}", 1), "live/api/a.yaml": strings.Replace(manifest, "a}", "b}", 1)})
	planner := &Planner{Renderers: oneEngine{render.New(render.Options{})}, Now: time.Now}
	git := proposed{base: base, head: head}

	r, err := planner.Report(t.Context(), git, Comparison{Repository: shop, Pull: 7, Base: "abc", Head: "def", Trusted: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, part := range r.Parts {
		got[part.Target.Path] = ""
		if part.Problem != nil {
			got[part.Target.Path] = part.Problem.Error()
		}
	}
	const problem = "live/web is the name of several directories, apps/web/live and live/web"
	if diff := cmp.Diff(map[string]string{"live/api": "", "live/web": "live/web: " + problem + "; keep one of them, or let layout in .slipway.yaml give them names of their own"}, got); diff != "" {
		t.Errorf("planned (-want +got):\n%s", diff)
	}

	w := &Worker{Planner: planner}
	rollout, err := w.rolloutOf(t.Context(), shop, proposed{base: head}, "def")
	if err != nil {
		t.Fatal(err)
	}
	got = map[string]string{}
	for target, rendered := range maps.All(rollout.rendered) {
		got[target.Path] = ""
		if rendered.Problem != nil {
			got[target.Path] = rendered.Problem.Message
		}
	}
	if diff := cmp.Diff(map[string]string{"live/api": "", "live/web": problem, "apps/web/live": problem}, got); diff != "" {
		t.Errorf("to be applied (-want +got):\n%s", diff)
	}
}
