package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// startTraces sends traces where the standard OTEL_EXPORTER_OTLP_ENDPOINT says;
// without it there are none. The result flushes and ends them.
func startTraces(ctx context.Context, version string) (func(context.Context) error, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return func(context.Context) error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("start traces: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "slipway"), attribute.String("service.version", version),
	)))
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}

// watched has each job that is worked watched.
type watched struct {
	*handlers.Worker
	watch *watch
}

// Work implements [queue.Worker].
func (w watched) Work(ctx context.Context, job handlers.Job) error {
	return w.watch.work(ctx, job, func(ctx context.Context) error { return w.Worker.Work(ctx, job) })
}

// collectors are the metrics: of calls to GitHub, of the process, and of the queue as
// it is when asked.
func (s *Service) collectors() []prometheus.Collector {
	return append(s.github.Collectors(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), queueCollector{s.queue})
}

// queueCollector shows the queue's figures. Those of the moment are of all replicas,
// totals of this process.
type queueCollector struct{ queue *queue.Queue }

// scrapeTimeout bounds how long a scrape waits for the database.
const scrapeTimeout = 5 * time.Second

var (
	oldestJob = prometheus.NewDesc("slipway_oldest_job_seconds", "How long the job that has waited longest has waited.", nil, nil)
	replicas  = prometheus.NewDesc("slipway_replicas", "Processes that work jobs.", nil, nil)
	queueUp   = prometheus.NewDesc("slipway_queue_up", "Whether the queue's database answers.", nil, nil)
)

// byLabel are the figures that have a label.
var byLabel = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(queue.Stats) map[string]int
}{
	{labelled("jobs_waiting", "Jobs that wait to be worked.", "kind"), prometheus.GaugeValue, func(s queue.Stats) map[string]int { return s.Waiting }},
	{labelled("jobs_running", "Jobs that are being worked.", "kind"), prometheus.GaugeValue, func(s queue.Stats) map[string]int { return s.Running }},
	{labelled("jobs_failed", "Jobs that failed for good and are kept for the operator.", "kind"), prometheus.GaugeValue, func(s queue.Stats) map[string]int { return s.Failed }},
	{labelled("jobs_done_total", "Jobs that were done.", "kind"), prometheus.CounterValue, func(s queue.Stats) map[string]int { return s.Done }},
	{labelled("jobs_retried_total", "Tries of jobs that failed and were tried again.", "kind"), prometheus.CounterValue, func(s queue.Stats) map[string]int { return s.Retried }},
	{labelled("jobs_snoozed_total", "Tries of jobs that waited for a rate limit.", "kind"), prometheus.CounterValue, func(s queue.Stats) map[string]int { return s.Snoozed }},
	{labelled("jobs_superseded_total", "Jobs that a newer one of the same key replaced while they were worked.", "kind"), prometheus.CounterValue, func(s queue.Stats) map[string]int { return s.Superseded }},
	{labelled("jobs_given_up_total", "Jobs that failed for the last time.", "kind"), prometheus.CounterValue, func(s queue.Stats) map[string]int { return s.GivenUp }},
	{labelled("jobs_cancelled_total", "Jobs that an operator cancelled.", "kind"), prometheus.CounterValue, func(s queue.Stats) map[string]int { return s.Cancelled }},
	{labelled("deliveries_total", "Deliveries that asked for something: taken, duplicate or failed.", "outcome"), prometheus.CounterValue, func(s queue.Stats) map[string]int { return s.Deliveries }},
}

func labelled(name, help, label string) *prometheus.Desc {
	return prometheus.NewDesc("slipway_"+name, help, []string{label}, nil)
}

// Describe implements [prometheus.Collector].
func (c queueCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- oldestJob
	descs <- replicas
	descs <- queueUp
	for _, figure := range byLabel {
		descs <- figure.desc
	}
}

// Collect implements [prometheus.Collector]. Where the database does not answer, the
// totals are shown alone.
func (c queueCollector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	stats, err := c.queue.Stats(ctx)
	up := 1.0
	if err != nil {
		up = 0
	} else {
		metrics <- prometheus.MustNewConstMetric(oldestJob, prometheus.GaugeValue, stats.OldestWaiting.Seconds())
		metrics <- prometheus.MustNewConstMetric(replicas, prometheus.GaugeValue, float64(stats.Replicas))
	}
	metrics <- prometheus.MustNewConstMetric(queueUp, prometheus.GaugeValue, up)
	for _, figure := range byLabel {
		for label, n := range figure.value(stats) {
			metrics <- prometheus.MustNewConstMetric(figure.desc, figure.kind, float64(n), label)
		}
	}
}
