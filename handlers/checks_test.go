package handlers

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers/report"
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
	return []int{4, 3, 2, 1}, nil
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
	w := &Worker{Trees: noTrees{}, Pulls: openPulls{ // #3 does not exist, the base branch of #4 neither
		1: pull(1, "open", "abc"), 2: pull(2, "closed", "abc"), 4: pull(4, "open", "abc"),
	}}
	own := []report.Check{{Name: report.GateName, Conclusion: report.Success, Title: "own"}}
	got, err := w.shared(context.Background(), PlanPull{Number: 1}, pull(1, "open", "abc"), own)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(own, got); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
}
