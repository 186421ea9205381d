package handlers

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// moving is a repository in which somebody pushes while it is read.
type moving struct {
	history
	before []render.Commit // what the first looks at HEAD find
}

func (m *moving) Open(ctx context.Context, repo Repository, refs []string, commits []render.Commit) (Repo, error) {
	if _, err := m.history.Open(ctx, repo, refs, commits); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *moving) Resolve(ctx context.Context, ref string) (render.Commit, error) {
	if ref == "HEAD" && len(m.before) > 0 {
		head := m.before[0]
		m.before = m.before[1:]
		return head, nil
	}
	return m.history.Resolve(ctx, ref)
}

// A delivery says which branch was the default one when it was made. It may come days
// later, and then nothing is applied of a branch that is the default one no more.
func TestOnlyTheDefaultBranchIsApplied(t *testing.T) {
	for _, test := range []struct {
		name     string
		branches map[string]render.Commit
		before   []render.Commit
		read     bool
	}{
		{"the default branch", map[string]render.Commit{"HEAD": "m1", "refs/heads/main": "m1"}, nil, true},
		{"pushed to while it is read", map[string]render.Commit{"HEAD": "m1", "refs/heads/main": "m1"}, []render.Commit{"m0"}, true},
		{"another is the default now", map[string]render.Commit{"HEAD": "t1", "refs/heads/main": "m1"}, nil, false},
		{"it is gone", map[string]render.Commit{"HEAD": "t1"}, nil, false},
	} {
		git := &moving{history: history{branches: test.branches}, before: test.before}
		w := &Worker{Trees: git, Planner: &Planner{Renderers: oneEngine{render.New(render.Options{})}, Now: time.Now}, Log: slog.New(slog.DiscardHandler)}
		_, err := w.rollout(t.Context(), shop)
		if read := len(git.read) > 0; read != test.read || (err != nil) == read || err != nil && !errors.Is(err, ErrGone) {
			t.Errorf("%s: read %v, %v", test.name, git.read, err)
		}
		if err := w.Work(t.Context(), DeployBranch{Repository: shop}); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
