package handlers

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
)

// openPulls are pull requests by number; one that is not there is gone.
type openPulls map[int]Pull

func (p openPulls) Pull(_ context.Context, _ Repository, number int) (Pull, error) {
	pull, ok := p[number]
	if !ok {
		return Pull{}, ErrGone
	}
	return pull, nil
}

func (p openPulls) PullsAt(context.Context, Repository, render.Commit) ([]int, error) {
	return slices.Sorted(maps.Keys(p)), nil
}

func (p openPulls) Heads(context.Context, Repository, time.Time) (heads []Head, err error) {
	for _, number := range slices.Sorted(maps.Keys(p)) {
		heads = append(heads, Head{Number: number, Open: p[number].State == "open", Commit: p[number].Head.Commit})
	}
	return heads, nil
}

// noTrees has lost every base branch.
type noTrees struct{}

func (noTrees) Open(context.Context, Repository, []string, []render.Commit) (Repo, error) {
	return nil, ErrGone
}

// Whatever became of other pull requests with the same head, the gate concludes.
func TestGateConcludesThoughOthersAreGone(t *testing.T) {
	pull := func(number int, state string, head render.Commit) Pull {
		return Pull{Number: number, State: state, Base: Ref{Branch: "main"}, Head: Ref{Commit: head}}
	}
	checks := &gates{}
	w := &Worker{Trees: noTrees{}, Checks: checks, Pulls: openPulls{ // #3 does not exist, the base branch of the others neither
		1: pull(1, "open", "abc"), 2: pull(2, "closed", "abc"), 4: pull(4, "open", "abc"),
	}}
	err := w.planShared(t.Context(), PlanHead{Head: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"abc failure What was to be planned is gone"}, checks.written); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
}
