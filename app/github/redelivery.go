package github

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

const (
	// redeliverable is how far back GitHub delivers again.
	redeliverable = 3 * 24 * time.Hour
	// settled is after what time an attempt's outcome changes no more: GitHub waits
	// ten seconds for an answer, and lists attempts that it has not made yet.
	settled = 10 * time.Minute
	// pagesRead bounds one look; a busier App's older failures are left to the sweep.
	pagesRead = 1000
)

// Redelivery reads what GitHub tried to deliver. It implements [handlers.Deliveries].
// What it remembers is only how far it has read, and what is still missed of that: a
// process that starts reads the three days once.
type Redelivery struct {
	app *App

	mu     sync.Mutex
	read   time.Time // all before was read
	missed map[string]*missingDelivery
}

// missingDelivery is one of which no attempt succeeded.
type missingDelivery struct {
	handlers.MissedDelivery
	attempts map[int64]bool
}

// Redelivery returns who asks GitHub to deliver again.
func (a *App) Redelivery() *Redelivery {
	return &Redelivery{app: a, missed: map[string]*missingDelivery{}}
}

// Missed implements [handlers.Deliveries].
func (d *Redelivery) Missed(ctx context.Context) ([]handlers.MissedDelivery, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.app.now()
	oldest := now.Add(-redeliverable)
	attempts, err := d.attempts(ctx, later(oldest, d.read.Add(-settled)))
	if err != nil {
		return nil, err
	}
	d.learn(attempts, now)
	d.read = now
	maps.DeleteFunc(d.missed, func(_ string, m *missingDelivery) bool { return m.First.Before(oldest) })
	var all []handlers.MissedDelivery
	for _, m := range d.missed {
		all = append(all, m.MissedDelivery)
	}
	slices.SortFunc(all, func(a, b handlers.MissedDelivery) int {
		return cmp.Or(b.First.Compare(a.First), cmp.Compare(b.ID, a.ID))
	})
	return all, nil
}

// learn brings what is missed up to date. Attempts may have been learnt before.
func (d *Redelivery) learn(attempts []*gogithub.HookDelivery, now time.Time) {
	arrived := map[string]bool{}
	for _, a := range attempts {
		if code := a.GetStatusCode(); code >= 200 && code < 400 {
			arrived[a.GetGUID()] = true
			delete(d.missed, a.GetGUID())
		}
	}
	for _, a := range attempts {
		at := a.GetDeliveredAt().Time
		underWay := a.GetStatusCode() == 0 && now.Sub(at) < time.Minute
		if arrived[a.GetGUID()] || underWay || translations[a.GetEvent()] == nil {
			continue
		}
		m := d.missed[a.GetGUID()]
		if m == nil {
			m = &missingDelivery{attempts: map[int64]bool{}}
			m.GUID, m.Event, m.First = a.GetGUID(), a.GetEvent(), at
			d.missed[m.GUID] = m
		}
		m.attempts[a.GetID()] = true
		m.Attempts = len(m.attempts)
		if at.Before(m.First) {
			m.First = at
		}
		if m.ID < a.GetID() {
			m.ID, m.Last = a.GetID(), at
		}
	}
}

// attempts returns GitHub's attempts since a time, the newest first.
func (d *Redelivery) attempts(ctx context.Context, since time.Time) ([]*gogithub.HookDelivery, error) {
	var all []*gogithub.HookDelivery
	options := &gogithub.ListCursorOptions{PerPage: 100}
	err := d.app.callAsApp(ctx, appsListDeliveries, func(ctx context.Context, client *gogithub.Client) error {
		for range pagesRead {
			page, response, err := client.Apps.ListHookDeliveries(ctx, options)
			if err != nil {
				return err
			}
			for _, attempt := range page {
				if attempt.GetDeliveredAt().Before(since) {
					return nil
				}
				all = append(all, attempt)
			}
			if response.Cursor == "" {
				return nil
			}
			options.Cursor = response.Cursor
		}
		return nil
	})
	return all, err
}

// Redeliver implements [handlers.Deliveries].
func (d *Redelivery) Redeliver(ctx context.Context, id int64) error {
	if err := d.app.itself.write(ctx, appsRedeliver); err != nil {
		return d.app.explain(ctx, appsRedeliver, "a delivery", d.app.itself, err)
	}
	return d.app.callAsApp(ctx, appsRedeliver, func(ctx context.Context, client *gogithub.Client) error {
		_, response, err := client.Apps.RedeliverHookDelivery(ctx, id)
		var accepted *gogithub.AcceptedError
		if errors.As(err, &accepted) || response != nil && response.StatusCode == http.StatusAccepted {
			return nil
		}
		return err
	})
}
