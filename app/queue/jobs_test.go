package queue_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

func desk(t *testing.T, database string) *queue.Desk {
	t.Helper()
	d, err := queue.OpenDesk(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// While a process works, an operator's other process sees its jobs, has one that failed
// tried anew, and ends one that runs; somebody who waits for that one is told.
func TestAnOperatorLooksAfterJobs(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var works atomic.Bool
		begun, told := make(chan string, 9), make(chan error, 9)
		q := start(t, queue.Options{Database: database, Tries: 1, Workers: 2}, worker{
			work: func(ctx context.Context, job handlers.Job) error {
				begun <- job.Key()
				switch {
				case job.Key() == pull(2, false).Key():
					<-ctx.Done()
					return ctx.Err()
				case works.Load():
					return nil
				}
				return errors.New("no luck")
			},
			giveUp: func(ctx context.Context, _ handlers.Job, cause error) error {
				told <- errors.Join(cause, ctx.Err(), handlers.Holding(ctx))
				return nil
			},
		})
		d := desk(t, database)
		insert(t, q, pull(1, false))
		idle(t, q)
		await(t, "the first's end", told)
		insert(t, q, pull(2, false))
		await(t, "the first", begun)
		await(t, "the second", begun)
		all, err := d.List(t.Context(), 10)
		if err != nil || len(all) != 2 || all[0].State != queue.Failed || all[0].Error != "no luck" || all[1].State != queue.Running || all[1].Key != pull(2, false).Key() {
			t.Fatalf("listed %+v, %v", all, err)
		}
		works.Store(true)
		if was, err := d.Retry(t.Context(), all[0].Key); err != nil || was.State != queue.Failed {
			t.Errorf("retried %+v, %v", was, err)
		}
		if was, err := d.Cancel(t.Context(), all[1].Key); err != nil || was.State != queue.Running {
			t.Errorf("cancelled %+v, %v", was, err)
		}
		if err := await(t, "word of the cancellation", told); err.Error() != queue.ErrCancelled.Error() {
			t.Errorf("the worker of the cancelled one could tell nobody: %v", err)
		}
		idle(t, q)
		if s := stats(t, q); s.Done["plan_pull"] != 1 || s.Cancelled["plan_pull"] != 1 || len(s.Failed) != 0 {
			t.Errorf("stats are %+v", s)
		}
		if _, err := d.Show(t.Context(), all[0].Key); !errors.Is(err, queue.ErrNoJob) {
			t.Errorf("what is done is shown: %v", err)
		}
	})
}

// What waits or pauses is cancelled by a worker, which can tell of it; what failed is
// forgotten at once.
func TestCancelWhatIsNotWorked(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		told := make(chan error, 9)
		var worked atomic.Int32
		q := open(t, queue.Options{Database: database, Tries: 1})
		insert(t, q, pull(1, false), pull(2, false))
		d := desk(t, database)
		if was, err := d.Cancel(t.Context(), pull(1, false).Key()); err != nil || was.State != queue.Waiting {
			t.Errorf("cancelled %+v, %v", was, err)
		}
		if now, err := d.Show(t.Context(), pull(1, false).Key()); err != nil || !now.Cancelled || now.Payload == "" {
			t.Errorf("shown %+v, %v", now, err)
		}
		err := q.Start(t.Context(), worker{
			work:   func(context.Context, handlers.Job) error { worked.Add(1); return errors.New("no luck") },
			giveUp: func(_ context.Context, _ handlers.Job, cause error) error { told <- cause; return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		idle(t, q)
		if s := stats(t, q); worked.Load() != 1 || len(told) != 2 || s.Cancelled["plan_pull"] != 1 || s.Failed["plan_pull"] != 1 {
			t.Errorf("worked %d times, told %d, stats %+v", worked.Load(), len(told), s)
		}
		if was, err := d.Cancel(t.Context(), pull(2, false).Key()); err != nil || was.State != queue.Failed {
			t.Errorf("forgot %+v, %v", was, err)
		}
		for _, change := range []func(context.Context, string) (queue.Listed, error){d.Cancel, d.Retry, d.Show} {
			if _, err := change(t.Context(), pull(2, false).Key()); !errors.Is(err, queue.ErrNoJob) {
				t.Errorf("what was forgotten: %v", err)
			}
		}
	})
}
