package queue_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/fixtures/postgres"
	"github.com/slipwayhq/slipway/handlers"
)

// A delivery that comes many times, also at once and after a restart, has one effect.
func TestDuplicatesHaveNoSecondEffect(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var worked atomic.Int32
		count := worker{work: func(context.Context, handlers.Job) error { worked.Add(1); return nil }}
		q := start(t, queue.Options{Database: database}, count)
		var fresh atomic.Int32
		var taking sync.WaitGroup
		for range 20 {
			taking.Go(func() {
				duplicate, err := q.Take(t.Context(), "d1", handlers.RunCommands{Repository: repo, Comment: 1})
				if err != nil {
					t.Error(err)
				}
				if !duplicate {
					fresh.Add(1)
				}
			})
		}
		taking.Wait()
		idle(t, q)
		stop(t, q)
		next := start(t, queue.Options{Database: database}, count)
		if duplicate, err := next.Take(t.Context(), "d1", handlers.RunCommands{Repository: repo, Comment: 1}); !duplicate || err != nil {
			t.Errorf("after a restart: duplicate %t, %v", duplicate, err)
		}
		idle(t, next)
		if fresh.Load() != 1 || worked.Load() != 1 {
			t.Errorf("taken %d times, worked %d times", fresh.Load(), worked.Load())
		}
	})
}

// What shares a commit with a job that cannot be kept is kept all the same.
func TestOneBadJobFailsNoOther(t *testing.T) {
	q := open(t, queue.Options{Database: postgres.Database(t)})
	bad := handlers.Rerun{Repository: repo, Head: "\x00"} // PostgreSQL keeps no such text
	var failed atomic.Int32
	var inserting sync.WaitGroup
	for i := range 40 {
		inserting.Go(func() {
			var job handlers.Job = pull(i, false)
			if i%10 == 0 {
				job = bad
			}
			switch err := q.Insert(t.Context(), job); {
			case err == nil && i%10 == 0:
				t.Error("what cannot be kept was taken")
			case err != nil && i%10 == 0:
				failed.Add(1)
			case err != nil:
				t.Error(err)
			}
		})
	}
	inserting.Wait()
	if s := stats(t, q); failed.Load() != 4 || s.Waiting["plan_pull"] != 36 {
		t.Errorf("%d failed, stats %+v", failed.Load(), s)
	}
}

// A storm of one installation does not keep another waiting.
func TestAStormStarvesNobody(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		q := open(t, queue.Options{Database: database, Workers: 1})
		for i := range 300 {
			storm := pull(i, false)
			storm.Repository.Installation = 2
			insert(t, q, storm)
		}
		other := pull(1000, false)
		other.Repository.Installation = 3
		insert(t, q, other)
		var before atomic.Int32
		reached := make(chan int32, 1)
		if err := q.Start(t.Context(), worker{work: func(_ context.Context, job handlers.Job) error {
			if job.Key() == other.Key() {
				reached <- before.Load()
			}
			before.Add(1)
			return nil
		}}); err != nil {
			t.Fatal(err)
		}
		if n := await(t, "the other installation's job", reached); n > 20 {
			t.Errorf("%d jobs of the storm went before", n)
		}
	})
}

// A second process on one SQLite file is refused, and a file that is none is named.
func TestFilesThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "queue.db")
	open(t, queue.Options{Database: file})
	if _, err := queue.New(t.Context(), queue.Options{Database: file}); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("a second process got %v", err)
	}
	damaged := damage(t)
	if _, err := queue.New(t.Context(), queue.Options{Database: damaged}); err == nil || !strings.Contains(err.Error(), damaged) || !strings.Contains(err.Error(), "restore it from a backup") {
		t.Errorf("a damaged file got %v", err)
	}
}
