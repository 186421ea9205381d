package github_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/github"
	"github.com/slipwayhq/slipway/app/queue"
	standin "github.com/slipwayhq/slipway/fixtures/github"
)

// accounts are a queue's, as the service gives them to the App.
type accounts struct{ q *queue.Queue }

func (a accounts) Spend(ctx context.Context, spendings []github.Spending) (time.Duration, error) {
	all := make([]queue.Spending, len(spendings))
	for i, s := range spendings {
		all[i] = queue.Spending(s)
	}
	return a.q.Spend(ctx, all)
}

// Two replicas create together what one may: with a ledger in the database that they
// share, over the wire. Without, each creates as much.
func TestTwoReplicasOverTheWire(t *testing.T) {
	for _, shared := range []bool{true, false} {
		w := newWorld(t, standin.Options{})
		q, err := queue.New(t.Context(), queue.Options{Database: filepath.Join(t.TempDir(), "queue.db")})
		w.must(err)
		t.Cleanup(func() { w.must(q.Stop(context.Background())) })
		var replicas []*github.App
		for range 2 {
			w.restartWith(func(s *github.Settings) {
				s.Pace.CreationsPerHour, s.Pace.Patience = 10, time.Millisecond // five at once
				if shared {
					s.Ledger = accounts{q}
				}
			})
			replicas = append(replicas, w.slipway)
		}
		comment, err := w.repo.Comment("alice", w.pull, "/plan")
		w.must(err)
		created := 0
		for i := range 30 {
			err := replicas[i%2].Reactions().React(t.Context(), w.where, comment, []string{"eyes", "rocket"}[i%2])
			switch {
			case err == nil:
				created++
			case !errors.Is(err, github.ErrRateLimited):
				t.Fatal(err)
			}
		}
		if want := map[bool]int{true: 5, false: 10}[shared]; created != want {
			t.Errorf("shared %t: %d were created, want %d", shared, created, want)
		}
	}
}
