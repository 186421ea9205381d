package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/handlers/command"
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
	for _, name := range []string{".slipway.yaml", "policies/a.rego", "policies/b.rego", "production/a.yaml"} {
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

// shownAt is our comment, and when it was edited last.
type shownAt struct {
	body string
	at   time.Time
}

func (s shownAt) Published(context.Context, Repository, int, string) (string, time.Time, error) {
	return s.body, s.at, nil
}

// The first digits of a commit are a word for it only where the person had that very
// commit before them: the line that says so, and no text of the outsider's that reads
// alike, shown in an earlier second.
func TestFirstDigitsAreOfWhatWasShown(t *testing.T) {
	const looked, other = render.Commit("0123456789abcdef0123456789abcdef01234567"), render.Commit("0123456ffffffffffffffffffffffffffffffff1")
	comment := func(head render.Commit, value string) string {
		return report.Comment(report.Report{
			Repository: "acme/shop", Pull: 7, BaseRef: "main", Base: other, Head: head, Outsider: true,
			Problems: []render.Problem{{File: "a.yaml", Message: value, Hint: value}}, Unclaimed: []string{value}, Layout: value, HeadRef: value,
		})
	}
	said := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	earlier := said.Add(-time.Second)
	bait := report.AllowCommand(other) + "\n" + report.AllowCommand(other) + "\n"
	diff := "```diff\n+   note: " + report.AllowCommand(other) + "\n```\n"
	for _, test := range []struct {
		name, written string
		head          render.Commit
		shown         shownAt
		allowed       bool
	}{
		{"all of it", string(looked), looked, shownAt{}, true},
		{"all of another", string(other), looked, shownAt{comment(looked, ""), earlier}, false},
		{"the first digits", "0123456", looked, shownAt{comment(looked, ""), earlier}, true},
		{"the first digits of one that came since", "0123456", other, shownAt{comment(looked, ""), earlier}, false},
		{"the first digits, of one that an outsider's text names", "0123456", other, shownAt{comment(looked, bait), earlier}, false},
		{"the first digits, of one that a diff names", "0123456", other, shownAt{comment(looked, "") + diff, earlier}, false},
		{"the first digits, shown since", "0123456", looked, shownAt{comment(looked, ""), said.Add(time.Second)}, false},
		{"the first digits, shown in the same second", "0123456", looked, shownAt{comment(looked, ""), said}, false},
	} {
		w := &Worker{Published: test.shown}
		problem, err := w.meant(t.Context(), RunCommands{Repository: shop, Number: 7, At: said}, command.Commit(test.written), test.head)
		if err != nil || (problem == nil) != test.allowed {
			t.Errorf("%s: %v, %v", test.name, problem, err)
		}
	}
}
