package github

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// clocks is a ledger in memory, as the queue keeps one in its database.
type clocks struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (c *clocks) Spend(_ context.Context, all []Spending) (wait time.Duration, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, next := time.Now(), map[string]time.Time{}
	for _, s := range all {
		at := later(c.at[s.Account], now).Add(s.Cost)
		next[s.Account] = at
		if beyond := at.Sub(now) - s.Most; beyond > 0 && !s.Anyway {
			wait = max(wait, beyond)
		}
	}
	if wait == 0 {
		for account, at := range next {
			c.at[account] = at
		}
	}
	return wait, nil
}

// However many replicas write, in any minute and any hour they create together what
// GitHub allows one, and all of it goes within the time that this takes.
func TestReplicasShareAPace(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ledger Ledger
		most   bool // whether GitHub's limits are kept
	}{{"with a ledger", &clocks{at: map[string]time.Time{}}, true}, {"without", nil, false}} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var at []time.Time
			var all sync.WaitGroup
			for range 3 {
				b := newSharedBudget(Pace{Patience: 3 * time.Hour}, tc.ledger, 1)
				for range 250 {
					all.Go(func() {
						if err := b.write(t.Context(), issuesCreateComment); err != nil {
							t.Error(err)
						}
						mu.Lock()
						defer mu.Unlock()
						at = append(at, time.Now())
					})
				}
			}
			all.Wait()
			kept := true
			for period, most := range map[time.Duration]int{time.Minute: 80, time.Hour: 500} {
				for i := range at {
					kept = kept && !(i+most < len(at) && at[i+most].Sub(at[i]) < period)
				}
			}
			if kept != tc.most {
				t.Errorf("%s: GitHub's limits were kept: %t", tc.name, kept)
			}
			if took := at[len(at)-1].Sub(at[0]); tc.most && took > 150*time.Minute {
				t.Errorf("750 creations took %s", took)
			}
		})
	}
}

// Reads of all replicas count, too, and are told a few at a time.
func TestReadsAreToldToTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &clocks{at: map[string]time.Time{}}
		one, other := newSharedBudget(Pace{}, ledger, 1), newSharedBudget(Pace{}, ledger, 1)
		for range 10 * readsTold {
			if err := one.read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ahead := time.Until(ledger.at["pace/1/points"])
		if want := time.Duration(10*readsTold) * other.ledger.points.each; ahead != want {
			t.Errorf("the account is %s ahead after %d reads, want %s", ahead, 10*readsTold, want)
		}
	})
}

// Where the ledger cannot be asked, and where a job ends while it waits, the others go
// on.
func TestWithoutTheLedgerEachKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSharedBudget(Pace{}, away{}, 1)
		for range 5 {
			if err := b.write(t.Context(), issuesCreateComment); err != nil {
				t.Fatal(err)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.write(gone, issuesCreateComment); err == nil {
			t.Error("a write of a job that had ended went")
		}
		if err := b.write(t.Context(), issuesCreateComment); err != nil {
			t.Error(err)
		}
	})
}

type away struct{}

func (away) Spend(ctx context.Context, _ []Spending) (time.Duration, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}
