package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

func pull(number int, again bool) handlers.PlanPull {
	return handlers.PlanPull{Repository: handlers.Repository{Owner: "acme", Name: "shop"}, Number: number, Again: again}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// insert fails the test where the queue does not take the jobs.
func insert(t *testing.T, q *queue.Memory, jobs ...handlers.Job) {
	t.Helper()
	if err := q.Insert(t.Context(), jobs...); err != nil {
		t.Fatal(err)
	}
}

func TestOneKeyIsNeverWorkedTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most, done := map[string]int{}, 0, map[string]int{}
		q := queue.New(queue.Options{Workers: 8, Log: quiet(), Work: func(_ context.Context, job handlers.Job) error {
			mu.Lock()
			running[job.Key()]++
			most = max(most, running[job.Key()])
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running[job.Key()]--
			done[job.Key()]++
			mu.Unlock()
			return nil
		}})
		for i := range 200 {
			insert(t, q, pull(i%10, false))
			time.Sleep(10 * time.Millisecond)
		}
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.Stop(t.Context())
		if most != 1 {
			t.Errorf("one key was worked %d times at once", most)
		}
		for i := range 10 {
			if n := done[pull(i, false).Key()]; n == 0 || n == 20 {
				t.Errorf("key %d was worked %d times: want some, but not every insertion", i, n)
			}
		}
	})
}

func TestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var worked []handlers.PlanPull
		var causes []error
		q := queue.New(queue.Options{Workers: 1, Log: quiet(), Work: func(ctx context.Context, job handlers.Job) error {
			worked = append(worked, job.(handlers.PlanPull))
			select {
			case <-ctx.Done():
				causes = append(causes, context.Cause(ctx))
				return ctx.Err()
			case <-time.After(time.Minute):
				return nil
			}
		}})
		insert(t, q, pull(1, true))
		synctest.Wait()
		insert(t, q, pull(1, false), pull(1, false)) // the first is being worked; the second is replaced
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.Stop(t.Context())
		if len(worked) != 2 || len(causes) != 1 || !errors.Is(causes[0], handlers.ErrSuperseded) {
			t.Fatalf("worked %v with causes %v: want the first superseded and one more", worked, causes)
		}
		if !worked[1].Again {
			t.Error("the re-run that the replaced job asked for was forgotten")
		}
		if stats := q.Stats(); stats.Superseded != 1 || stats.Done != 1 {
			t.Errorf("stats are %+v", stats)
		}
	})
}

func TestAFollowerWaitsForWhatIsBeingWorked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deploy := func(head render.Commit) handlers.DeployBranch {
			return handlers.DeployBranch{Repository: handlers.Repository{Owner: "acme", Name: "shop", DefaultBranch: "main"}, Head: head}
		}
		var ends []error
		q := queue.New(queue.Options{Log: quiet(), Work: func(ctx context.Context, _ handlers.Job) error {
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
			}
			ends = append(ends, ctx.Err())
			return ctx.Err()
		}})
		insert(t, q, deploy("1"))
		synctest.Wait()
		insert(t, q, deploy("")) // the clock: it waits
		time.Sleep(90 * time.Second)
		insert(t, q, deploy("2")) // a push: it interrupts the clock's
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.Stop(t.Context())
		if len(ends) != 3 || ends[0] != nil || ends[1] == nil || ends[2] != nil {
			t.Errorf("the jobs ended with %v, want the second alone interrupted", ends)
		}
	})
}

func TestFailuresAreTriedAgainThenGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		var givenUp []error
		start := time.Now()
		cause := errors.New("no such luck")
		q := queue.New(queue.Options{Tries: 4, Pause: 2 * time.Second, Log: quiet(),
			Work: func(context.Context, handlers.Job) error {
				at = append(at, time.Since(start))
				if len(at) == 2 {
					panic("a bug")
				}
				return cause
			},
			GiveUp: func(_ context.Context, _ handlers.Job, err error) error {
				givenUp = append(givenUp, err)
				return nil
			},
		})
		insert(t, q, pull(1, false))
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.Stop(t.Context())
		if len(at) != 4 || len(givenUp) != 1 || !errors.Is(givenUp[0], cause) {
			t.Fatalf("tried at %v, given up with %v", at, givenUp)
		}
		for i := range len(at) - 1 { // each pause is twice the last, give or take half of it
			pause, nominal := at[i+1]-at[i], 2*time.Second<<i
			if pause < nominal/2 || pause > nominal*3/2 {
				t.Errorf("pause %d is %s, want about %s", i, pause, nominal)
			}
		}
		if failures := q.Failures(); len(failures) != 4 || !failures[0].GivenUp || failures[1].GivenUp {
			t.Errorf("failures are %+v", failures)
		}
	})
}

// limited is what a rate limit looks like.
type limited struct{ until time.Time }

func (l limited) Error() string        { return "rate limited" }
func (l limited) NotBefore() time.Time { return l.until }

func TestARateLimitSnoozesAndIsNeverTheLastTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		tries := 0
		q := queue.New(queue.Options{Tries: 2, Log: quiet(), Work: func(context.Context, handlers.Job) error {
			tries++
			if time.Since(start) < 3*time.Hour {
				return fmt.Errorf("plan: %w", limited{time.Now().Add(time.Hour)})
			}
			return nil
		}})
		insert(t, q, pull(1, false))
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.Stop(t.Context())
		if stats := q.Stats(); tries != 4 || stats.Done != 1 || stats.GivenUp != 0 {
			t.Errorf("%d tries, stats %+v: want a try an hour and success at last", tries, stats)
		}
	})
}

func TestANewJobDoesNotWaitForTheOldOnesPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		q := queue.New(queue.Options{Pause: time.Hour, Log: quiet(), Work: func(context.Context, handlers.Job) error {
			at = append(at, time.Since(start))
			if len(at) == 1 {
				return errors.New("not yet")
			}
			return nil
		}})
		insert(t, q, pull(1, false))
		time.Sleep(time.Second)
		insert(t, q, pull(1, false))
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.Stop(t.Context())
		if len(at) != 2 || at[1] != time.Second {
			t.Errorf("worked at %v, want at once when the new job came", at)
		}
	})
}

func TestStopLetsWorkFinishThenCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ends := map[string]error{}
		q := queue.New(queue.Options{Workers: 2, Log: quiet(), Work: func(ctx context.Context, job handlers.Job) error {
			wait := time.Second
			if job.Key() == pull(2, false).Key() {
				wait = time.Hour
			}
			var err error
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-time.After(wait):
			}
			mu.Lock()
			defer mu.Unlock()
			ends[job.Key()] = err
			return err
		}})
		insert(t, q, pull(1, false), pull(2, false), pull(3, false))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if forgotten := q.Stop(ctx); forgotten != 2 {
			t.Errorf("%d jobs forgotten, want the one that waited and the one that was cut off", forgotten)
		}
		if ends[pull(1, false).Key()] != nil || ends[pull(2, false).Key()] == nil || len(ends) != 2 {
			t.Errorf("ends are %v: want the first done, the second cancelled, the third not begun", ends)
		}
		if err := q.Insert(t.Context(), pull(4, false)); !errors.Is(err, queue.ErrStopped) {
			t.Errorf("a stopped queue answered %v", err)
		}
	})
}
