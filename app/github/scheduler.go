package github

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"golang.org/x/sync/singleflight"

	"github.com/slipwayhq/slipway/handlers"
)

// A Scheduler is go-githubapp's, made durable: instead of running a handler it
// reads the payload and hands the event over to be kept. A delivery that it has
// handed over already has no second effect.
type Scheduler struct {
	app        *App
	take       Take
	deliveries *deliveries
	inFlight   singleflight.Group
}

// Schedule implements [githubapp.Scheduler].
func (s *Scheduler) Schedule(ctx context.Context, d githubapp.Dispatch) error {
	_, err, _ := s.inFlight.Do(d.DeliveryID, func() (any, error) {
		if s.deliveries.taken(d.DeliveryID) {
			return nil, nil
		}
		event, err := s.app.Translate(d.EventType, d.Payload)
		outcome := Ignored
		if err == nil && event != nil && len(event.Jobs()) > 0 {
			outcome = Taken
			err = s.take(ctx, d.DeliveryID, event)
		}
		if err != nil {
			outcome = Refused
		}
		s.deliveries.record(Delivery{ID: d.DeliveryID, Event: d.EventType, Repository: repositoryOf(event), Outcome: outcome})
		return nil, err
	})
	return err
}

func repositoryOf(event handlers.Event) string {
	switch e := event.(type) {
	case handlers.PullRequestEvent:
		return e.Repository.String()
	case handlers.RerunEvent:
		return e.Repository.String()
	case handlers.MergeGroupEvent:
		return e.Repository.String()
	case handlers.PushEvent:
		return e.Repository.String()
	case handlers.CommentEvent:
		return e.Repository.String()
	case handlers.ReviewEvent:
		return e.Repository.String()
	}
	return ""
}

// subscribed tells go-githubapp's dispatcher which events there are. The scheduler
// never runs it.
type subscribed struct{}

// Handles implements [githubapp.EventHandler].
func (subscribed) Handles() []string { return Events() }

// Handle implements [githubapp.EventHandler].
func (subscribed) Handle(context.Context, string, string, []byte) error {
	return errors.New("deliveries are handed over, not handled in place")
}

// An Outcome is what became of a delivery.
type Outcome string

// The outcomes.
const (
	Taken   Outcome = "taken"   // kept, to be worked
	Ignored Outcome = "ignored" // of no interest
	Refused Outcome = "refused" // malformed, or could not be kept
)

// A Delivery is one that GitHub made, for people to look at.
type Delivery struct {
	ID         string
	Event      string
	Repository string // empty where none was read
	Outcome    Outcome
	At         time.Time
}

const (
	deliveriesShown = 50
	deliveriesKnown = 8192
)

// deliveries remembers, in memory, which deliveries were taken and how the
// newest ones went.
type deliveries struct {
	now func() time.Time

	mu     sync.Mutex
	newest []Delivery // oldest first
	known  map[string]bool
	order  []string // of known, oldest first
}

func newDeliveries(now func() time.Time) *deliveries {
	return &deliveries{now: now, known: map[string]bool{}}
}

func (d *deliveries) taken(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[id]
}

func (d *deliveries) record(delivery Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delivery.At = d.now()
	d.newest = append(d.newest, delivery)
	if len(d.newest) > deliveriesShown {
		d.newest = d.newest[1:]
	}
	if delivery.Outcome != Taken {
		return
	}
	d.known[delivery.ID] = true
	d.order = append(d.order, delivery.ID)
	if len(d.order) > deliveriesKnown {
		delete(d.known, d.order[0])
		d.order = d.order[1:]
	}
}

func (d *deliveries) recent() []Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	recent := make([]Delivery, 0, len(d.newest))
	for i := len(d.newest) - 1; i >= 0; i-- {
		recent = append(recent, d.newest[i])
	}
	return recent
}
