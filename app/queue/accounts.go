package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Spending is what an account is to be ahead of the clock by, in addition to what it
// is. An account that is ahead by its most has nothing left, until time has passed.
type Spending struct {
	Account    string
	Cost, Most time.Duration
	Anyway     bool // spent already: an account may be beyond its most
}

// errSpent says that an account has nothing left.
var errSpent = errors.New("spent")

// Spend spends of all accounts, or of none where one is at its most: then wait is how
// long until it is not. Accounts are shared by all processes with this database, and
// outlive them. One that is further ahead than can be, because the clock was set back,
// is taken to be at its most.
func (q *Queue) Spend(ctx context.Context, spendings []Spending) (wait time.Duration, err error) {
	spendings = slices.SortedFunc(slices.Values(spendings), func(a, b Spending) int { return strings.Compare(a.Account, b.Account) })
	err = q.db.inTx(ctx, func(t tx) error {
		short := false
		for _, s := range spendings {
			ahead, err := spend(ctx, t, s)
			if err != nil {
				return err
			}
			if beyond := ahead - s.Most; beyond > 0 {
				wait = max(wait, beyond)
				short = short || !s.Anyway
			}
		}
		if short {
			return errSpent // nothing is
		}
		return nil
	})
	if err != nil && !errors.Is(err, errSpent) {
		return 0, fmt.Errorf("spend: %w", err)
	}
	return wait, nil
}

// spend spends of one account and returns by how much it is ahead then.
func spend(ctx context.Context, t tx, s Spending) (ahead time.Duration, err error) {
	err = t.query(ctx, `INSERT INTO slipway_clock (name, at) VALUES ($1, {now} + CAST($2 AS {big}))
		ON CONFLICT (name) DO UPDATE SET at = CAST($2 AS {big}) + CASE
			WHEN slipway_clock.at < {now} THEN {now}
			WHEN slipway_clock.at > {now} + CAST($3 AS {big}) THEN {now} + CAST($3 AS {big})
			ELSE slipway_clock.at END
		RETURNING at - {now}`, []any{s.Account, s.Cost.Milliseconds(), s.Most.Milliseconds()}, func(row scan) error {
		var milliseconds int64
		err := row(&milliseconds)
		ahead = time.Duration(milliseconds) * time.Millisecond
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("account %s: %w", s.Account, err)
	}
	return ahead, nil
}
