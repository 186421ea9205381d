package handlers

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// only has every ref at one commit, and one tree of a few files.
type only struct{ proposed }

func (o only) Open(context.Context, Repository, []string, []render.Commit) (Repo, error) {
	return o, nil
}

func (only) Resolve(context.Context, string) (render.Commit, error) { return "m1", nil }

// quiet keeps comments to itself.
type quiet struct{}

func (quiet) Publish(context.Context, Repository, int, string) error { return nil }

// A gate says of which pull request it concluded, and into which branch: the same head
// may be another's, to whose base other policies belong.
func TestAGateSaysWhatItIsAbout(t *testing.T) {
	tree := rendertest.Tree(map[string]string{"README.md": "x"})
	checks := &gates{}
	w := &Worker{
		Trees: only{proposed{base: tree, head: tree}}, Queue: new(inserted), Checks: checks, Comments: quiet{},
		Pulls:   openPulls{7: pullAt(7, "open", "abc")},
		Planner: &Planner{Renderers: oneEngine{render.New(render.Options{})}, Now: time.Now},
	}
	if err := w.Work(t.Context(), PlanPull{Repository: shop, Number: 7}); err != nil {
		t.Fatal(err)
	}
	if err := w.planShared(t.Context(), PlanHead{Repository: shop, Head: "abc"}); err != nil {
		t.Fatal(err)
	}
	if err := w.GiveUp(t.Context(), PlanPull{Repository: shop, Number: 7}, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"#7 into main", ""}, checks.started); diff != "" {
		t.Errorf("starts are about (-want +got):\n%s", diff)
	}
	this := []string{"#7 into main"}
	if diff := cmp.Diff([][]string{this, this, this}, checks.about); diff != "" {
		t.Errorf("conclusions are about (-want +got):\n%s", diff)
	}
}
