package queue_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/queue"
)

// Two replicas that spend at once spend together what one may; a process that starts
// anew goes on where the last one was.
func TestAccountsAreShared(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		spending := []queue.Spending{
			{Account: "pace/1/minute", Cost: time.Hour, Most: 100 * time.Hour},
			{Account: "pace/1/hour", Cost: time.Hour, Most: 10 * time.Hour},
		}
		one := open(t, queue.Options{Database: database})
		replicas := []*queue.Queue{one}
		if t.Name() == "TestAccountsAreShared/postgres" {
			replicas = append(replicas, open(t, queue.Options{Database: database}))
		}
		var spent atomic.Int32
		spend := func(q *queue.Queue) {
			wait, err := q.Spend(t.Context(), spending)
			switch {
			case err != nil:
				t.Error(err)
			case wait == 0:
				spent.Add(1)
			case wait > time.Hour:
				t.Errorf("told to wait for %s", wait)
			}
		}
		var spenders sync.WaitGroup
		for i := range 30 {
			spenders.Go(func() { spend(replicas[i%len(replicas)]) })
		}
		spenders.Wait()
		if spent.Load() != 10 {
			t.Errorf("spent %d times, want 10", spent.Load())
		}
		for _, q := range replicas {
			stop(t, q)
		}
		again := open(t, queue.Options{Database: database})
		if spend(again); spent.Load() != 10 {
			t.Error("a process that started anew has forgotten what was spent")
		}
		if wait, err := again.Spend(t.Context(), spending[:1]); wait != 0 || err != nil {
			t.Errorf("the account that was not at its most: wait %s, %v", wait, err)
		}
		anyway := []queue.Spending{{Account: "pace/1/hour", Cost: time.Hour, Most: 10 * time.Hour, Anyway: true}}
		if wait, err := again.Spend(t.Context(), anyway); wait == 0 || err != nil {
			t.Errorf("what was used already: wait %s, %v", wait, err)
		}
	})
}
