package github

import (
	"context"
	"fmt"
	"time"
)

// A Ledger keeps what installations have spent of their paces, for all processes that
// act as the App.
type Ledger interface {
	// Spend spends of all accounts, or of none where one of them is at its most: then
	// wait is how long until it is not.
	Spend(ctx context.Context, spendings []Spending) (wait time.Duration, err error)
}

// A Spending is what an account is to be ahead of the clock by, in addition. An account
// that runs ahead by its most has nothing left, until time has passed.
type Spending struct {
	Account    string
	Cost, Most time.Duration
	// Anyway spends what was used already; wait is then how far the account is beyond
	// its most.
	Anyway bool
}

// A share is a pace as the ledger counts it: each event costs so much time, of which
// the most may be spent at once.
type share struct{ each, most time.Duration }

// shareOf is the pace of [limiter]. The zero value does not pace.
func shareOf(n int, period time.Duration, part int) share {
	l := limiter(n, period, part)
	if l == nil {
		return share{}
	}
	each := time.Duration(float64(time.Second) / float64(l.Limit()))
	return share{each, time.Duration(l.Burst()) * each}
}

// shared is a budget's part in the ledger.
type shared struct {
	ledger               Ledger
	installation         int64
	minute, hour, points share
}

func (s *shared) spending(name string, of share, n int) []Spending {
	if of.each == 0 {
		return nil
	}
	return []Spending{{Account: fmt.Sprintf("pace/%d/%s", s.installation, name), Cost: time.Duration(n) * of.each, Most: max(of.most, time.Duration(n)*of.each)}}
}

// write spends what a write costs, or says how long to wait.
func (s *shared) write(ctx context.Context, creation bool) (time.Duration, error) {
	all := s.spending("points", s.points, writePoints)
	if creation {
		all = append(append(s.spending("hour", s.hour, 1), s.spending("minute", s.minute, 1)...), all...)
	}
	if len(all) == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	return s.ledger.Spend(ctx, all)
}

// reads spends what reads cost that were made, and says how long the next is to wait.
func (s *shared) reads(ctx context.Context, n int) (time.Duration, error) {
	all := s.spending("points", s.points, n*readPoints)
	if len(all) == 0 {
		return 0, nil
	}
	all[0].Anyway = true
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	return s.ledger.Spend(ctx, all)
}

const (
	// ledgerTimeout is how long a call waits for the ledger. Without it a process keeps
	// to the pace by itself.
	ledgerTimeout = 2 * time.Second
	// readsTold is how many reads are told at a time: the ledger is not asked for each.
	readsTold = 20
)
