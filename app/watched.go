package app

import (
	"context"
	"net/http"
	"regexp"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// watchedOutcomes are counted; those that can be named beforehand are there from the
// start, so that an increase is seen.
var watchedOutcomes = []struct {
	stage      handlers.Stage
	name, help string
	outcomes   []string
}{
	{handlers.StagePreview, "plans_total", "Plans of targets, by what they were compared with: compared (the live cluster), offline, unreachable or refused.",
		[]string{string(preview.LiveCompared), string(preview.LiveOffline), string(preview.LiveUnreachable), string(preview.LiveRefused)}},
	{handlers.StageApply, "applies_total", "Applies of targets, by the receipt's state.",
		[]string{string(deploy.Applied), string(deploy.Failed), string(deploy.Refused), string(deploy.Waiting), string(deploy.Held), string(deploy.Superseded), string(deploy.Unchanged)}},
	{handlers.StageDrift, "drift_checks_total", "Drift checks of environments, by outcome: none, drifted, or failed (of something nobody knows).",
		[]string{string(handlers.DriftNone), string(handlers.DriftFound), string(handlers.DriftFailed)}},
	{handlers.StageLease, "lease_waits_total", "How often an apply found that another writer has the target's lease.", []string{handlers.LeaseWaited}},
	{handlers.StageRepair, "checks_repaired_total", "Heads whose gate the clock found missing, or stuck: in progress for too long.",
		[]string{handlers.RepairMissing, handlers.RepairStuck}},
}

// The parts of a worker that are watched where they are implemented.
type (
	watchedComments struct {
		handlers.Comments
		watch *watch
	}
	watchedChecks struct {
		handlers.Checks
		watch *watch
	}
	watchedTrees struct {
		handlers.Trees
		watch *watch
	}
)

// Publish implements [handlers.Comments].
func (c watchedComments) Publish(ctx context.Context, repo handlers.Repository, number int, body string) error {
	return c.watch.publish(ctx, publishedComment, func(ctx context.Context) error { return c.Comments.Publish(ctx, repo, number, body) })
}

// Conclude implements [handlers.Checks].
func (c watchedChecks) Conclude(ctx context.Context, repo handlers.Repository, commit render.Commit, checks []report.Check, again bool) error {
	return c.watch.publish(ctx, publishedCheck, func(ctx context.Context) error { return c.Checks.Conclude(ctx, repo, commit, checks, again) })
}

// Open implements [handlers.Trees].
func (t watchedTrees) Open(ctx context.Context, repo handlers.Repository, refs []string, commits []render.Commit) (handlers.Repo, error) {
	ctx, end := t.watch.Begin(ctx, "fetch", render.Target{})
	opened, err := t.Trees.Open(ctx, repo, refs, commits)
	end(err)
	return opened, err
}

// watchWorker has all of a worker watched.
func watchWorker(worker *handlers.Worker, w *watch) {
	worker.Planner.Watcher = w
	worker.Comments, worker.Checks, worker.Trees = watchedComments{worker.Comments, w}, watchedChecks{worker.Checks, w}, watchedTrees{worker.Trees, w}
}

// printable is what may be repeated of a delivery's headers.
var printable = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// traceDeliveries begins a trace with each delivery. What the sender says of traces is
// not listened to.
func traceDeliveries(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := tracer().Start(r.Context(), "delivery", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		for name, header := range map[string]string{"slipway.delivery": "X-GitHub-Delivery", "slipway.event": "X-GitHub-Event"} {
			if value := r.Header.Get(header); printable.MatchString(value) {
				span.SetAttributes(attribute.String(name, value))
			}
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// buildInfo is a figure that is 1, and whose labels say what runs.
func buildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "slipway_build_info", Help: "1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// metrics are all figures of the service.
func (s *Service) metrics(version string) *prometheus.Registry {
	all := prometheus.NewRegistry()
	all.MustRegister(buildInfo(version))
	all.MustRegister(s.collectors()...)
	all.MustRegister(s.workshop()...)
	all.MustRegister(s.watch.collectors()...)
	return all
}

// workshop are the figures of rendering: its caches and its confined processes.
func (s *Service) workshop() []prometheus.Collector {
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "slipway_" + name, Help: help}, value)
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slipway_" + name, Help: help}, value)
	}
	return []prometheus.Collector{
		counter("renders_total", "Renderings that were run.", func() float64 { return float64(s.renderers.stats().Renders) }),
		counter("render_cache_hits_total", "Renderings that were answered from the cache.", func() float64 { return float64(s.renderers.stats().Hits) }),
		gauge("render_cache_bytes", "Roughly how much the render cache keeps.", func() float64 { return float64(s.renderers.stats().CachedBytes) }),
		gauge("sandbox_active", "1 where render workers are confined; 0 where there is no sandbox, and outsiders' files are not rendered.", func() float64 {
			if s.workers.Sandboxed() != nil {
				return 0
			}
			return 1
		}),
		counter("workers_started_total", "Render workers that were started.", func() float64 { return float64(s.workers.Stats().Started) }),
		counter("workers_died_total", "Render workers that died at work: killed for what they took, or crashed.", func() float64 { return float64(s.workers.Stats().Died) }),
	}
}
