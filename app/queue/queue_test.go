package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

func TestOneKeyIsNeverWorkedTwiceAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var mu sync.Mutex
		running, most, done := map[string]int{}, 0, map[string]int{}
		q := start(t, queue.Options{Database: database, Workers: 8}, worker{work: func(_ context.Context, job handlers.Job) error {
			mu.Lock()
			running[job.Key()]++
			most = max(most, running[job.Key()])
			mu.Unlock()
			time.Sleep(10 * time.Millisecond) // work takes time
			mu.Lock()
			running[job.Key()]--
			done[job.Key()]++
			mu.Unlock()
			return nil
		}})
		var inserting sync.WaitGroup
		for range 4 {
			inserting.Go(func() {
				for i := range 50 {
					if err := q.Insert(t.Context(), pull(i%10, false)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		inserting.Wait()
		idle(t, q)
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
	onEach(t, func(t *testing.T, database string) {
		begun := make(chan handlers.PlanPull, 3)
		causes := make(chan error, 3)
		release := make(chan struct{})
		q := start(t, queue.Options{Database: database, Workers: 1}, worker{work: func(ctx context.Context, job handlers.Job) error {
			begun <- job.(handlers.PlanPull)
			select {
			case <-ctx.Done():
				causes <- context.Cause(ctx)
				return ctx.Err()
			case <-release:
				return nil
			}
		}})
		insert(t, q, pull(1, true))
		await(t, "the first", begun)
		insert(t, q, pull(1, false), pull(1, false)) // the first is being worked; the second is replaced
		if cause := await(t, "the first's end", causes); !errors.Is(cause, handlers.ErrSuperseded) {
			t.Errorf("the first was cancelled because of %v", cause)
		}
		if second := await(t, "the second", begun); !second.Again {
			t.Error("the re-run that the replaced job asked for was forgotten")
		}
		close(release)
		idle(t, q)
		if s := stats(t, q); s.Superseded["plan_pull"] != 1 || s.Done["plan_pull"] != 1 || len(begun) != 0 {
			t.Errorf("stats are %+v, and %d more were worked", s, len(begun))
		}
	})
}

func TestAFollowerWaitsForWhatIsBeingWorked(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		deploy := func(head render.Commit) handlers.DeployBranch {
			return handlers.DeployBranch{Repository: repo, Head: head}
		}
		begun, ends := make(chan handlers.Job, 3), make(chan error, 3)
		release := make(chan struct{})
		q := start(t, queue.Options{Database: database}, worker{work: func(ctx context.Context, job handlers.Job) error {
			begun <- job
			select {
			case <-ctx.Done():
			case <-release:
			}
			ends <- ctx.Err()
			return ctx.Err()
		}})
		insert(t, q, deploy("1"))
		await(t, "the first", begun)
		insert(t, q, deploy("")) // the clock: it waits
		release <- struct{}{}
		if err := await(t, "the first's end", ends); err != nil {
			t.Errorf("the clock interrupted the first: %v", err)
		}
		await(t, "the clock's", begun)
		insert(t, q, deploy("2")) // a push: it interrupts the clock's
		if err := await(t, "the clock's end", ends); err == nil {
			t.Error("the push did not interrupt the clock's")
		}
		if job := await(t, "the push's", begun); job != handlers.Job(deploy("2")) {
			t.Errorf("worked %+v", job)
		}
		close(release)
		idle(t, q)
	})
}

func TestFailuresAreTriedAgainThenGivenUp(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var tries atomic.Int32
		givenUp := make(chan error, 9)
		cause := errors.New("no such luck with token ghs_1")
		options := queue.Options{Database: database, Tries: 4, Pause: time.Millisecond, Redact: func(string) string { return "redacted" }}
		q := start(t, options, worker{
			work: func(context.Context, handlers.Job) error {
				if tries.Add(1) == 2 {
					panic("a bug")
				}
				return cause
			},
			giveUp: func(ctx context.Context, _ handlers.Job, err error) error {
				givenUp <- err
				return ctx.Err()
			},
		})
		insert(t, q, pull(1, false))
		idle(t, q)
		if tries.Load() != 4 || len(givenUp) != 1 || !errors.Is(<-givenUp, cause) {
			t.Fatalf("tried %d times", tries.Load())
		}
		failures, err := q.Failures(t.Context())
		if err != nil || len(failures) != 1 || !failures[0].GivenUp || failures[0].Tries != 4 || failures[0].Error != "redacted" || failures[0].Job != pull(1, false).Key() {
			t.Errorf("failures are %+v, %v", failures, err)
		}
		if s := stats(t, q); s.Retried["plan_pull"] != 3 || s.GivenUp["plan_pull"] != 1 || s.Failed["plan_pull"] != 1 {
			t.Errorf("stats are %+v", s)
		}
		insert(t, q, pull(1, false)) // a new one starts over
		idle(t, q)
		if tries.Load() != 8 {
			t.Errorf("a new job was tried %d times", tries.Load()-4)
		}
	})
}

// What GitHub forbids is not tried again, even where nobody can be told of it: an
// operator sees why, and whatever asks for it anew has it begun anew.
func TestWhatIsForbiddenEndsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var tries, told atomic.Int32
		q := start(t, queue.Options{Database: database, Pause: time.Millisecond}, worker{
			work: func(context.Context, handlers.Job) error {
				if tries.Add(1) == 2 {
					return nil
				}
				return fmt.Errorf("publish: %w: the installation is suspended", handlers.ErrForbidden)
			},
			giveUp: func(context.Context, handlers.Job, error) error {
				told.Add(1)
				return handlers.ErrForbidden
			},
		})
		insert(t, q, pull(1, false))
		idle(t, q)
		failures, err := q.Failures(t.Context())
		if err != nil || len(failures) != 1 || !failures[0].GivenUp || failures[0].Error != "publish: forbidden: the installation is suspended" {
			t.Errorf("failures are %+v, %v", failures, err)
		}
		if tries.Load() != 1 || told.Load() != 1 {
			t.Errorf("tried %d times, told %d times: want once", tries.Load(), told.Load())
		}
		insert(t, q, pull(1, false))
		idle(t, q)
		if s := stats(t, q); s.Done["plan_pull"] != 1 || s.GivenUp["plan_pull"] != 1 || len(s.Failed) != 0 {
			t.Errorf("stats are %+v", s)
		}
	})
}

// While nobody can be told, a job is not given up.
func TestGivingUpIsTriedAgainToo(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var told atomic.Int32
		q := start(t, queue.Options{Database: database, Tries: 1, Pause: time.Millisecond}, worker{
			work: func(context.Context, handlers.Job) error { return errors.New("GitHub is away") },
			giveUp: func(context.Context, handlers.Job, error) error {
				if told.Add(1) < 3 {
					return errors.New("GitHub is away")
				}
				return nil
			},
		})
		insert(t, q, pull(1, false))
		idle(t, q)
		if s := stats(t, q); told.Load() != 3 || s.GivenUp["plan_pull"] != 1 {
			t.Errorf("told %d times, stats %+v", told.Load(), s)
		}
	})
}

// limited is what a rate limit looks like.
type limited struct{ until time.Time }

func (l limited) Error() string        { return "rate limited" }
func (l limited) NotBefore() time.Time { return l.until }

func TestARateLimitSnoozesAndIsNeverTheLastTry(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var tries atomic.Int32
		early := make(chan time.Duration, 9)
		var until time.Time
		q := start(t, queue.Options{Database: database, Tries: 2, Pause: time.Millisecond}, worker{work: func(context.Context, handlers.Job) error {
			if left := time.Until(until); left > 10*time.Millisecond {
				early <- left
			}
			if tries.Add(1) < 4 {
				until = time.Now().Add(300 * time.Millisecond)
				return fmt.Errorf("plan: %w", limited{until})
			}
			return nil
		}})
		insert(t, q, pull(1, false))
		idle(t, q)
		if s := stats(t, q); tries.Load() != 4 || s.Done["plan_pull"] != 1 || len(s.GivenUp) != 0 || len(early) != 0 {
			t.Errorf("%d tries, %d of them too early, stats %+v", tries.Load(), len(early), s)
		}
	})
}

func TestANewJobDoesNotWaitForTheOldOnesPause(t *testing.T) {
	for _, pause := range []time.Duration{4 * time.Second, time.Hour} { // River keeps short ones otherwise
		onEach(t, func(t *testing.T, database string) {
			begun := make(chan int, 9)
			tries := 0
			ended := make(chan struct{}, 9)
			q := start(t, queue.Options{Database: database}, worker{work: func(context.Context, handlers.Job) error {
				tries++
				begun <- tries
				if tries == 1 {
					return limited{time.Now().Add(pause)}
				}
				ended <- struct{}{}
				return nil
			}})
			insert(t, q, pull(1, false))
			await(t, "the first try", begun)
			for len(stats(t, q).Snoozed) == 0 {
				time.Sleep(time.Millisecond) // until its end is kept
			}
			insert(t, q, pull(1, false))
			idle(t, q)
			if tries != 2 {
				t.Errorf("worked %d times", tries)
			}
		})
	}
}

func TestStopLetsWorkFinishThenHandsBack(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		begun, proceed := make(chan string, 9), make(chan struct{})
		ends := make(chan string, 9)
		q := start(t, queue.Options{Database: database, Workers: 2}, worker{work: func(ctx context.Context, job handlers.Job) error {
			begun <- job.Key()
			if job.Key() == pull(1, false).Key() {
				<-proceed
				ends <- "done"
				return nil
			}
			<-ctx.Done()
			ends <- "cancelled"
			return ctx.Err()
		}})
		insert(t, q, pull(1, false), pull(2, false))
		await(t, "one", begun)
		await(t, "the other", begun)
		insert(t, q, pull(3, false)) // there is no worker for it
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error)
		go func() { stopped <- q.Stop(ctx) }()
		close(proceed)
		if end := await(t, "an end", ends); end != "done" {
			t.Errorf("a job was %s before the deadline", end)
		}
		cancel() // the deadline
		if err := await(t, "the stop", stopped); err != nil {
			t.Error(err)
		}
		if err := q.Insert(t.Context(), pull(4, false)); !errors.Is(err, queue.ErrStopped) {
			t.Errorf("a stopped queue answered %v", err)
		}
		var mu sync.Mutex
		var worked []string
		next := start(t, queue.Options{Database: database}, worker{work: func(_ context.Context, job handlers.Job) error {
			mu.Lock()
			defer mu.Unlock()
			worked = append(worked, job.Key())
			return nil
		}})
		idle(t, next)
		slices.Sort(worked)
		if !slices.Equal(worked, []string{pull(2, false).Key(), pull(3, false).Key()}) {
			t.Errorf("the next process worked %v: want what was cut off and what waited", worked)
		}
	})
}

// A panic is a mistake of ours, which a fourth try would meet as well.
func TestPanicsAreGivenUpSooner(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var tries atomic.Int32
		q := start(t, queue.Options{Database: database, Pause: time.Millisecond}, worker{
			work: func(context.Context, handlers.Job) error { tries.Add(1); panic("a bug") },
		})
		insert(t, q, pull(1, false))
		idle(t, q)
		if tries.Load() != 3 {
			t.Errorf("tried %d times", tries.Load())
		}
	})
}
