package queue

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

// An Origin says what asked for the job that a context is of.
type Origin struct {
	Delivery string    // its id; empty where no delivery did
	Asked    time.Time // when, by this process's clock; zero outside of a job
}

type originKey struct{}

// WithOrigin returns a context of work that origin asked for.
func WithOrigin(ctx context.Context, origin Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf returns what asked for the job that ctx is of.
func OriginOf(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}

// asked is what a row keeps of its origin.
type asked struct {
	delivery, traceparent string
	ago                   int64 // milliseconds by the database's clock, which all replicas share
}

// context is what a job is worked under: it belongs to the trace that asked for it.
func (a asked) context() context.Context {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": a.traceparent})
	return WithOrigin(ctx, Origin{Delivery: a.delivery, Asked: time.Now().Add(-time.Duration(a.ago) * time.Millisecond)})
}
