package queue_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// What a job noted is known to whoever works its key next: the next process, and the job
// that overtook it, whether that came before the note or after.
func TestANoteOutlivesItsJob(t *testing.T) {
	planned := func(before ...render.Commit) handlers.PlanPull {
		return handlers.PlanPull{Repository: repo, Number: 1, Before: before}
	}
	onEach(t, func(t *testing.T, database string) {
		begun, proceed := make(chan handlers.Job, 3), make(chan []render.Commit)
		noted := make(chan error, 3)
		q := start(t, queue.Options{Database: database}, worker{work: func(ctx context.Context, job handlers.Job) error {
			begun <- job
			for before := range proceed {
				noted <- handlers.Note(ctx, planned(before...))
			}
			<-ctx.Done()
			return ctx.Err()
		}})
		insert(t, q, planned())
		await(t, "the first", begun)
		proceed <- []render.Commit{"a"}
		if err := await(t, "the note", noted); err != nil {
			t.Fatal(err)
		}
		close(proceed)
		insert(t, q, planned("b"))
		if diff := cmp.Diff(handlers.Job(planned("a", "b")), await(t, "what overtook it", begun)); diff != "" {
			t.Errorf("what overtook it (-want +got):\n%s", diff)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if err := q.Stop(ended); err != nil {
			t.Fatal(err)
		}
		var next *queue.Queue
		again, ready := make(chan handlers.Job, 3), make(chan struct{})
		next = start(t, queue.Options{Database: database}, worker{work: func(ctx context.Context, job handlers.Job) error {
			again <- job
			<-ready
			if len(job.(handlers.PlanPull).Before) > 2 {
				return nil
			}
			insert(t, next, planned("d"))
			noted <- handlers.Note(context.WithoutCancel(ctx), planned("a", "b", "c"))
			return ctx.Err()
		}})
		close(ready)
		if diff := cmp.Diff(handlers.Job(planned("a", "b")), await(t, "the next process's", again)); diff != "" {
			t.Errorf("the next process (-want +got):\n%s", diff)
		}
		if err := await(t, "the late note", noted); err != nil {
			t.Fatal(err)
		}
		got := await(t, "what had overtaken it", again).(handlers.PlanPull)
		if len(got.Before) == 0 || !slices.Contains(got.Before, "c") || !slices.Contains(got.Before, "d") {
			t.Errorf("what had overtaken it knows %q, want c and d", got.Before)
		}
		idle(t, next)
	})
}
