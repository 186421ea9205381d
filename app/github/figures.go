package github

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collectors are the adapter's metrics: of each call, and of each installation's
// budget as it is when asked.
func (a *App) Collectors() []prometheus.Collector { return []prometheus.Collector{a.calls, figures{a}} }

// figures are the budgets' [Stats] as Prometheus figures, by installation; 0 is the
// App itself.
type figures struct{ app *App }

// A figure is one of them.
type figure struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(Stats) float64
}

func newFigure(name, help string, kind prometheus.ValueType, value func(Stats) float64) figure {
	return figure{prometheus.NewDesc("slipway_github_"+name, help, []string{"installation"}, nil), kind, value}
}

var allFigures = []figure{
	newFigure("requests_total", "Answers of GitHub.", prometheus.CounterValue, func(s Stats) float64 { return float64(s.Calls) }),
	newFigure("unchanged_total", "Answers that said unchanged (304), which are free of the hour's limit.", prometheus.CounterValue, func(s Stats) float64 { return float64(s.Free) }),
	newFigure("shared_total", "Reads that were answered by another that was in flight.", prometheus.CounterValue, func(s Stats) float64 { return float64(s.Shared) }),
	newFigure("limited_total", "Answers that said that a limit is reached (403 or 429).", prometheus.CounterValue, func(s Stats) float64 { return float64(s.Limited) }),
	newFigure("limit", "Calls an hour, as GitHub said last; 0 before it did.", prometheus.GaugeValue, func(s Stats) float64 { return float64(s.Limit) }),
	newFigure("remaining", "Calls that are left of the hour, as GitHub said last.", prometheus.GaugeValue, func(s Stats) float64 { return float64(s.Remaining) }),
	newFigure("writes_waiting", "Writes that wait for their turn.", prometheus.GaugeValue, func(s Stats) float64 { return float64(s.Waiting) }),
	newFigure("paused_seconds", "For how long GitHub wants no call; 0 where it takes them.", prometheus.GaugeValue, func(s Stats) float64 {
		return max(0, time.Until(s.PausedUntil).Seconds())
	}),
}

// Describe implements [prometheus.Collector].
func (f figures) Describe(out chan<- *prometheus.Desc) {
	for _, each := range allFigures {
		out <- each.description
	}
}

// Collect implements [prometheus.Collector].
func (f figures) Collect(out chan<- prometheus.Metric) {
	for _, s := range f.app.Stats() {
		for _, each := range allFigures {
			out <- prometheus.MustNewConstMetric(each.description, each.kind, each.value(s), strconv.FormatInt(s.Installation, 10))
		}
	}
}
