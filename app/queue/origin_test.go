package queue_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// TestAJobKnowsWhatAskedForIt: which delivery, when, and in which trace, also after
// the clock asked for the same, and in what the job asks for itself.
func TestAJobKnowsWhatAskedForIt(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		q := open(t, queue.Options{Database: database})
		repo := handlers.Repository{Installation: 1, Owner: "acme", Name: "shop"}
		asking := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3}, TraceFlags: trace.FlagsSampled,
		}))
		before := time.Now()
		if _, err := q.Take(asking, "d1", handlers.PlanPull{Repository: repo, Number: 1}); err != nil {
			t.Fatal(err)
		}
		if err := q.Insert(t.Context(), handlers.PlanPull{Repository: repo, Number: 1, Missing: true}); err != nil {
			t.Fatal(err)
		}
		check := func(ctx context.Context, what string) {
			origin := queue.OriginOf(ctx)
			if origin.Delivery != "d1" {
				t.Errorf("%s: delivery %q", what, origin.Delivery)
			}
			// The database's clock counts in milliseconds, and may be another machine's.
			if origin.Asked.Before(before.Add(-time.Second)) || origin.Asked.After(time.Now()) {
				t.Errorf("%s: asked for at %s, which is not between %s and now", what, origin.Asked, before)
			}
			if got := trace.SpanContextFromContext(ctx).TraceID(); got != (trace.TraceID{1, 2}) {
				t.Errorf("%s: trace %s", what, got)
			}
		}
		done := make(chan struct{})
		err := q.Start(t.Context(), worker{work: func(ctx context.Context, job handlers.Job) error {
			if _, child := job.(handlers.PlanHead); child {
				check(ctx, "what the job asked for")
				close(done)
				return nil
			}
			check(ctx, "the job")
			return q.Insert(ctx, handlers.PlanHead{Repository: repo, Head: "abc"})
		}})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the jobs were not worked")
		}
	})
}
