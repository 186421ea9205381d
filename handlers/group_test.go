package handlers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// A history is a repository whose branches are at commits, and that remembers what was
// asked of it.
type history struct {
	Repo     // whatever else is asked of it panics
	branches map[string]render.Commit
	bases    map[[2]render.Commit]render.Commit // of two commits

	read []render.Commit
}

func (h *history) Open(_ context.Context, _ Repository, refs []string, _ []render.Commit) (Repo, error) {
	for _, ref := range refs {
		if h.branches[ref] == "" {
			return nil, fmt.Errorf("%s: %w", ref, ErrGone)
		}
	}
	return h, nil
}

func (h *history) Resolve(_ context.Context, ref string) (render.Commit, error) {
	return h.branches[ref], nil
}

func (h *history) MergeBase(_ context.Context, a, b render.Commit) (render.Commit, error) {
	return h.bases[[2]render.Commit{a, b}], nil
}

func (h *history) Tree(_ context.Context, commit render.Commit) (render.Tree, error) {
	h.read = append(h.read, commit)
	return rendertest.Tree(map[string]string{"README.md": "x"}), nil
}

func (h *history) Changed(context.Context, render.Tree, render.Tree) ([]string, error) {
	return nil, nil
}

// A re-run says by a branch's name alone that a commit is a merge group's. A fork's
// branch, and one that somebody pushed, may have any name, so Git is asked; and a group
// of several is judged whole, from where its base branch is, not from its own last but
// one commit.
func TestARerunIsAGroupOnlyWhereGitSaysSo(t *testing.T) {
	const queue = "gh-readonly-queue/main/pr-7-def"
	rerun := RerunEvent{Repository: shop, Head: "g2", HeadBranch: queue}
	planned := []Job{PlanPull{Repository: shop, Number: 7, Again: true}}
	for _, test := range []struct {
		name     string
		branches map[string]render.Commit
		pulls    openPulls
		read     []render.Commit
		jobs     []Job
	}{
		{"a group of two", map[string]render.Commit{"refs/heads/" + queue: "g2", "refs/heads/main": "m1"}, openPulls{}, []render.Commit{"m0", "g2"}, nil},
		{"a fork's branch", map[string]render.Commit{"refs/heads/main": "m1"}, openPulls{7: pullAt(7, "open", "g2")}, nil, planned},
		{"a branch that is elsewhere", map[string]render.Commit{"refs/heads/" + queue: "g3", "refs/heads/main": "m1"}, openPulls{}, nil, nil},
		{"a base that there is not", map[string]render.Commit{"refs/heads/" + queue: "g2"}, openPulls{}, nil, nil},
		{"the head of a pull request", map[string]render.Commit{"refs/heads/" + queue: "g2", "refs/heads/main": "m1"}, openPulls{7: pullAt(7, "open", "g2")}, nil, planned},
	} {
		t.Run(test.name, func(t *testing.T) {
			git := &history{
				branches: test.branches, bases: map[[2]render.Commit]render.Commit{{"m1", "g2"}: "m0"},
			}
			queue, checks := new(inserted), &gates{}
			w := &Worker{
				Trees: git, Queue: queue, Checks: checks, Pulls: test.pulls,
				Planner: &Planner{Renderers: oneEngine{render.New(render.Options{})}, Now: time.Now},
			}
			for _, job := range rerun.Jobs() {
				if err := w.Work(t.Context(), job); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.read, git.read); diff != "" {
				t.Errorf("trees that were read (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.jobs, []Job(*queue)); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
			if got := len(checks.written) > 0; got != (test.read != nil) {
				t.Errorf("the gate concluded: %q", checks.written)
			}
		})
	}
}
