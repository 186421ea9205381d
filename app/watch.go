package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/app/web"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// A watch turns what is told of the work into figures, traces and the attributes of log
// lines. Labels are of few values: no repository, target or person is one.
type watch struct {
	log *slog.Logger

	stages    *prometheus.HistogramVec // by stage and outcome
	jobs      *prometheus.HistogramVec // by kind and outcome
	published *prometheus.HistogramVec // by what
	outcomes  map[handlers.Stage]*prometheus.CounterVec
}

var (
	quick = []float64{.01, .03, .1, .3, 1, 3, 10, 30, 100, 300, 1000}
	slow  = []float64{.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800}
)

func newWatch(log *slog.Logger) *watch {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "slipway_" + name, Help: help, Buckets: buckets}, labels)
	}
	w := &watch{
		log:       log,
		stages:    histogram("stage_seconds", "How long stages of jobs took: fetch, render, preview, policy, apply, drift, publish_check and publish_comment, by outcome: done, failed or cancelled.", quick, "stage", "outcome"),
		jobs:      histogram("job_seconds", "How long tries of jobs took, by kind and outcome: done, failed, limited or cancelled.", quick, "kind", "outcome"),
		published: histogram("delivery_to_publication_seconds", "From the receipt of a delivery to the first check or comment that its job published.", slow, "publication"),
		outcomes:  map[handlers.Stage]*prometheus.CounterVec{},
	}
	for _, c := range watchedOutcomes {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "slipway_" + c.name, Help: c.help}, []string{"outcome"})
		for _, outcome := range c.outcomes {
			vec.WithLabelValues(outcome)
		}
		w.outcomes[c.stage] = vec
	}
	for _, what := range []string{publishedCheck, publishedComment} {
		w.published.WithLabelValues(what)
	}
	return w
}

// collectors are the figures of the watch.
func (w *watch) collectors() []prometheus.Collector {
	all := []prometheus.Collector{w.stages, w.jobs, w.published}
	for _, c := range watchedOutcomes {
		all = append(all, w.outcomes[c.stage])
	}
	return all
}

// tracer is asked for when it is used: the provider may come late.
func tracer() trace.Tracer { return otel.Tracer("github.com/slipwayhq/slipway/app") }

// Begin implements [handlers.Watcher].
func (w *watch) Begin(ctx context.Context, stage handlers.Stage, target render.Target) (context.Context, func(error)) {
	ctx, span := tracer().Start(ctx, string(stage))
	if target != (render.Target{}) {
		span.SetAttributes(attribute.String("slipway.target", target.String()))
	}
	begun := time.Now()
	return ctx, func(err error) {
		outcome := endedAs(ctx, err)
		w.stages.WithLabelValues(string(stage), outcome).Observe(time.Since(begun).Seconds())
		finish(span, outcome)
	}
}

// Outcome implements [handlers.Watcher].
func (w *watch) Outcome(ctx context.Context, stage handlers.Stage, outcome string) {
	if vec := w.outcomes[stage]; vec != nil {
		vec.WithLabelValues(outcome).Inc()
	}
	trace.SpanFromContext(ctx).AddEvent(string(stage), trace.WithAttributes(attribute.String("slipway.outcome", outcome)))
}

// The ways that a try or a stage ends.
const (
	endDone      = "done"
	endFailed    = "failed"
	endLimited   = "limited"   // it is to wait for a rate limit
	endCancelled = "cancelled" // something newer came, or the service stops
)

func endedAs(ctx context.Context, err error) string {
	var later interface{ NotBefore() time.Time }
	switch {
	case err == nil:
		return endDone
	case ctx.Err() != nil:
		return endCancelled
	case errors.As(err, &later) && !later.NotBefore().IsZero():
		return endLimited
	}
	return endFailed
}

// finish ends a span. What failed is in the log, which is redacted, and not here.
func finish(span trace.Span, outcome string) {
	span.SetAttributes(attribute.String("slipway.outcome", outcome))
	if outcome == endFailed {
		span.SetStatus(codes.Error, outcome)
	}
	span.End()
}

// A try is one try of a job, known to all that is done for it.
type try struct {
	origin queue.Origin

	mu   sync.Mutex
	said map[string]bool // what was published
}

type tryKey struct{}

// work works one try of a job under a span and with log attributes of its own, both of
// the delivery that asked for it.
func (w *watch) work(ctx context.Context, job handlers.Job, do func(context.Context) error) error {
	t := &try{origin: queue.OriginOf(ctx), said: map[string]bool{}}
	attributes := []slog.Attr{slog.String("job", job.Key())}
	spanned := []attribute.KeyValue{attribute.String("slipway.job", job.Key())}
	if t.origin.Delivery != "" {
		attributes = append(attributes, slog.String("delivery", t.origin.Delivery))
		spanned = append(spanned, attribute.String("slipway.delivery", t.origin.Delivery))
	}
	ctx = web.WithLogAttributes(context.WithValue(ctx, tryKey{}, t), attributes...)
	ctx, span := tracer().Start(ctx, "job "+job.Kind(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(spanned...))
	begun := time.Now()
	err := do(ctx)
	outcome := endedAs(ctx, err)
	took := time.Since(begun)
	w.jobs.WithLabelValues(job.Kind(), outcome).Observe(took.Seconds())
	w.log.InfoContext(ctx, "job worked", "outcome", outcome, "took", took)
	finish(span, outcome)
	return err
}

// What is published.
const (
	publishedCheck   = "check"
	publishedComment = "comment"
)

// publish watches one publication. The first of its sort in a try that a delivery asked
// for is timed from then on.
func (w *watch) publish(ctx context.Context, what string, do func(context.Context) error) error {
	inner, end := w.Begin(ctx, handlers.Stage("publish_"+what), render.Target{})
	err := do(inner)
	end(err)
	t, _ := ctx.Value(tryKey{}).(*try)
	if err != nil || t == nil || t.origin.Delivery == "" {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.said[what] {
		t.said[what] = true
		w.published.WithLabelValues(what).Observe(time.Since(t.origin.Asked).Seconds())
	}
	return nil
}
