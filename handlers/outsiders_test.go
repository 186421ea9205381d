package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// proposed is a repository with one branch, and with what merging a proposal gives.
type proposed struct {
	Repo // whatever else is asked of it panics
	base *rendertest.MapTree
	head *rendertest.MapTree
}

func (p proposed) Tree(context.Context, render.Commit) (render.Tree, error) { return p.base, nil }

func (p proposed) Merge(context.Context, render.Commit, render.Commit) (render.Tree, []string, error) {
	return p.head, nil, nil
}

func (p proposed) Changed(context.Context, render.Tree, render.Tree) (paths []string, err error) {
	for _, name := range []string{".slipway.yaml", "production/a.yaml"} {
		before, _ := p.base.Stat(name)
		if after, _ := p.head.Stat(name); before != after {
			paths = append(paths, name)
		}
	}
	return paths, nil
}

// oneEngine renders for everybody.
type oneEngine struct{ engine *render.Engine }

func (e oneEngine) Engine(Repository, []render.SensitiveField) *render.Engine { return e.engine }

// Where there is no sandbox, not a byte of what a stranger wrote is read, whoever
// allows the commit, and the report says why.
func TestNoSandboxNoRenderingOfOutsiders(t *testing.T) {
	const head = render.Commit("0123456789abcdef0123456789abcdef01234567")
	for _, test := range []struct {
		name                         string
		unconfined, outside, trusted bool
		rendered                     bool
	}{
		{"a stranger's, in a sandbox", false, true, false, true},
		{"a stranger's, without one", true, true, false, false},
		{"a stranger's, without one, allowed", true, true, true, false},
		{"the repository's own, without one", true, false, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := rendertest.Tree(map[string]string{
				".slipway.yaml":     "layout: '{environment}'\n",
				"production/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
			})
			repo := proposed{base: base, head: base.With(map[string]string{"production/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"})}
			planner := &Planner{Renderers: oneEngine{render.New(render.Options{})}, Unconfined: test.unconfined, Now: time.Now}
			r, err := planner.Report(t.Context(), repo, Comparison{Repository: shop, Pull: 7, Base: "abc", Head: head, Outside: test.outside, Trusted: test.trusted})
			if err != nil {
				t.Fatal(err)
			}
			read, fetched := repo.head.Asked()
			if got := len(r.Parts) == 1; got != test.rendered {
				t.Errorf("rendered: %v, want %v: %+v", got, test.rendered, r)
			}
			if !test.rendered && len(read)+len(fetched) > 0 {
				t.Errorf("read of the stranger's tree: %v %v", read, fetched)
			}
			comment := report.Comment(r)
			if got := strings.Contains(comment, "no sandbox in which what an outsider wrote could be rendered"); got == test.rendered {
				t.Errorf("that nothing was rendered is said: %v\n%s", got, comment)
			}
			if got := strings.Contains(comment, report.AllowCommand(head)); got != (test.rendered && !test.trusted) {
				t.Errorf("how to allow it is said: %v\n%s", got, comment)
			}
			if got := report.Checks(r)[0].Conclusion; (!test.trusted || !test.rendered) && got != "action_required" {
				t.Errorf("the gate is %s", got)
			}
		})
	}
}
