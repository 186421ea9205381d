package queue_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// From an SQLite file into another database: what was not done is worked there, once and
// as it was asked for; what failed for good can be looked at and retried; a delivery
// that comes again has no second effect, and a clock does not strike twice.
func TestMove(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		file := filepath.Join(t.TempDir(), "old.db")
		struck := 0
		hourly := func(q *queue.Queue) {
			t.Helper()
			if err := queue.Strike(q, t.Context(), "sweep", time.Hour, func(time.Time, time.Time) []handlers.Job { struck++; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		old := start(t, queue.Options{Database: file, Tries: 1}, worker{work: func(context.Context, handlers.Job) error { return errors.New("it broke") }})
		insert(t, old, pull(1, false))
		idle(t, old)
		hourly(old)
		if _, err := queue.Move(t.Context(), file, queue.Options{Database: database}); !errors.Is(err, queue.ErrLocked) {
			t.Errorf("moved while it is worked: %v", err)
		}
		stop(t, old)
		old = open(t, queue.Options{Database: file})
		insert(t, old, pull(2, true))
		insert(t, old, pull(2, false))
		command := handlers.RunCommands{Repository: repo, Comment: 3, Body: "/plan"}
		if _, err := old.Take(t.Context(), "d1", command); err != nil {
			t.Fatal(err)
		}
		stop(t, old)

		moved, err := queue.Move(t.Context(), file, queue.Options{Database: database})
		if err != nil {
			t.Fatal(err)
		}
		if want := (queue.Moved{Jobs: 2, Failed: 1, Deliveries: 1}); moved != want {
			t.Errorf("moved %+v, want %+v", moved, want)
		}
		if _, err := queue.Move(t.Context(), file, queue.Options{Database: database}); !errors.Is(err, queue.ErrInUse) {
			t.Errorf("moved twice: %v", err)
		}
		var mu sync.Mutex
		var worked []handlers.Job
		q := start(t, queue.Options{Database: database}, worker{work: func(_ context.Context, job handlers.Job) error {
			mu.Lock()
			defer mu.Unlock()
			worked = append(worked, job)
			return nil
		}})
		if duplicate, err := q.Take(t.Context(), "d1", command); !duplicate || err != nil {
			t.Errorf("the delivery came again: duplicate %t, %v", duplicate, err)
		}
		idle(t, q)
		desk, err := queue.OpenDesk(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		left, err := desk.List(t.Context(), 9)
		if err != nil || len(left) != 1 || left[0].State != queue.Failed || left[0].Error != "it broke" {
			t.Errorf("left are %+v, %v", left, err)
		}
		_, err = desk.Retry(t.Context(), pull(1, false).Key())
		if err := errors.Join(err, desk.Close()); err != nil {
			t.Fatal(err)
		}
		idle(t, q)
		byKey := map[string]handlers.Job{}
		for _, job := range worked {
			byKey[job.Key()] = job
		}
		want := map[string]handlers.Job{command.Key(): command, pull(1, false).Key(): pull(1, false), pull(2, true).Key(): pull(2, true)}
		if diff := cmp.Diff(want, byKey); diff != "" || len(worked) != 3 {
			t.Errorf("worked (-want +got):\n%s", diff)
		}
		if hourly(q); struck != 1 {
			t.Errorf("the clock struck %d times within an hour", struck)
		}
	})
}
