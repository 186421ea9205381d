package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Repair asks GitHub to deliver again what did not arrive: GitHub never does so by
// itself.
type Repair struct{}

// Kind implements [Job].
func (Repair) Kind() string { return "repair" }

// Key implements [Job].
func (Repair) Key() string { return "repair" }

// Follows implements [Follower]: a repair at work is left alone.
func (Repair) Follows(Job) bool { return true }

// A MissedDelivery is one of which no attempt succeeded.
type MissedDelivery struct {
	ID       int64  // of the newest attempt
	Event    string // pull_request, push, …
	GUID     string // the same for every attempt
	First    time.Time
	Last     time.Time // the newest attempt
	Attempts int
}

// Deliveries are GitHub's own record of what it tried to deliver.
type Deliveries interface {
	// Missed returns the deliveries of interest of which no attempt succeeded, as far
	// back as GitHub delivers again (three days), the newest first.
	Missed(ctx context.Context) ([]MissedDelivery, error)
	// Redeliver asks for another attempt. ErrGone where it is too late.
	Redeliver(ctx context.Context, id int64) error
}

// redeliveriesAtOnce bounds what one repair asks for; the next goes on with what is
// older.
const redeliveriesAtOnce = 200

// repair asks for what was missed, the newest first, since that is waited for. How
// often it was asked for is GitHub's to remember: each time is an attempt.
func (w *Worker) repair(ctx context.Context) error {
	missed, err := w.Deliveries.Missed(ctx)
	if err != nil {
		return fmt.Errorf("list deliveries: %w", err)
	}
	asked := 0
	for _, m := range missed {
		if asked == redeliveriesAtOnce {
			break
		}
		if !m.due(w.Planner.Now()) {
			continue
		}
		asked++
		err := w.Deliveries.Redeliver(ctx, m.ID)
		var later interface{ NotBefore() time.Time }
		switch {
		case err == nil:
			w.Log.InfoContext(ctx, "delivery asked for again", "delivery", m.GUID, "event", m.Event, "attempts", m.Attempts, "first", m.First)
		case ctx.Err() != nil, errors.As(err, &later) && !later.NotBefore().IsZero():
			return fmt.Errorf("ask for %s again: %w", m.GUID, err)
		default: // the next repair finds it again
			w.Log.WarnContext(ctx, "delivery not asked for again", "delivery", m.GUID, "event", m.Event, "error", err)
		}
	}
	return nil
}

// redeliveryPauses are how long after an attempt that failed the next is asked for.
// There are no more than these.
var redeliveryPauses = []time.Duration{0, time.Minute, 5 * time.Minute, 30 * time.Minute, 3 * time.Hour, 12 * time.Hour}

// due reports whether another attempt is to be asked for now.
func (m MissedDelivery) due(now time.Time) bool {
	return m.Attempts >= 1 && m.Attempts <= len(redeliveryPauses) && now.Sub(m.Last) >= redeliveryPauses[m.Attempts-1]
}
