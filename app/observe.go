package app

import (
	"context"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
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

// traced gives each job a span of its own.
func traced(work func(context.Context, handlers.Job) error) func(context.Context, handlers.Job) error {
	tracer := otel.Tracer("github.com/slipwayhq/slipway/app")
	return func(ctx context.Context, job handlers.Job) error {
		ctx, span := tracer.Start(ctx, "job "+job.Kind())
		defer span.End()
		span.SetAttributes(attribute.String("slipway.job", job.Key()))
		err := work(ctx, job)
		if err != nil {
			span.SetStatus(codes.Error, "failed")
		}
		return err
	}
}

// collectors are the metrics: of calls to GitHub, of the process, and of the queue as
// it is when asked.
func (s *Service) collectors() []prometheus.Collector {
	all := append(s.github.Collectors(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge := func(name, help string, value func(queue.Stats) float64) {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slipway_" + name, Help: help}, func() float64 { return value(s.queue.Stats()) }))
	}
	counter := func(name, help string, value func(queue.Stats) int) {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "slipway_" + name, Help: help}, func() float64 { return float64(value(s.queue.Stats())) }))
	}
	gauge("jobs_waiting", "Jobs that wait to be worked.", func(s queue.Stats) float64 { return float64(s.Waiting) })
	gauge("jobs_running", "Jobs that are being worked.", func(s queue.Stats) float64 { return float64(s.Running) })
	gauge("oldest_job_seconds", "How long the job that has waited longest has waited.", func(s queue.Stats) float64 { return s.OldestWaiting.Seconds() })
	counter("jobs_done_total", "Jobs that were done.", func(s queue.Stats) int { return s.Done })
	counter("jobs_retried_total", "Tries of jobs that failed and were tried again.", func(s queue.Stats) int { return s.Retried })
	counter("jobs_superseded_total", "Jobs that a newer one of the same key replaced.", func(s queue.Stats) int { return s.Superseded })
	counter("jobs_given_up_total", "Jobs that failed for the last time.", func(s queue.Stats) int { return s.GivenUp })
	return all
}
