package app

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// start starts a service that has no GitHub to talk to.
func start(t *testing.T) *Service {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig("", func(name string) string {
		return map[string]string{
			envAppID: "42", envWebhookSecret: "It's a Secret to Everybody",
			envPrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Data = t.TempDir()
	s, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// busy has everything happen once that is counted by what it is.
func busy(s *Service) {
	ctx := queue.WithOrigin(context.Background(), queue.Origin{Delivery: "d", Asked: time.Now()})
	_ = s.watch.work(ctx, handlers.Sweep{}, func(ctx context.Context) error {
		return s.watch.publish(ctx, publishedComment, func(context.Context) error { return errors.New("no") })
	})
	_, end := s.watch.Begin(ctx, handlers.StageRender, render.Target{})
	end(nil)
}

// labels that a figure may have: each is of few values. A repository, a target, a
// branch or a person is none of them.
var labels = map[string]bool{
	"kind": true, "outcome": true, "stage": true, "publication": true, "installation": true, "operation": true, "status": true,
	"version": true, "goversion": true,
}

// TestMetrics gathers every figure and holds it to Prometheus' conventions.
func TestMetrics(t *testing.T) {
	s := start(t)
	busy(s)
	families, err := s.metrics("v1").Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	ours := 0
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "slipway_") {
			continue
		}
		ours++
		for _, metric := range family.Metric {
			for _, label := range metric.Label {
				if !labels[label.GetName()] {
					t.Errorf("%s has the label %s, whose values may be many", family.GetName(), label.GetName())
				}
			}
		}
	}
	if ours < 20 {
		t.Errorf("only %d figures of our own were gathered", ours)
	}
}

// TestPublicationIsTimedOnce: the first comment that a try publishes is timed from its
// delivery on; later ones, those of the clock, and those that failed are not.
func TestPublicationIsTimedOnce(t *testing.T) {
	w := newWatch(slog.New(slog.DiscardHandler))
	say := func(ctx context.Context, err error) error {
		return w.publish(ctx, publishedComment, func(context.Context) error { return err })
	}
	asked := queue.WithOrigin(context.Background(), queue.Origin{Delivery: "d", Asked: time.Now().Add(-time.Hour)})
	_ = w.work(asked, handlers.Sweep{}, func(ctx context.Context) error {
		return errors.Join(say(ctx, errors.New("GitHub is away")), say(ctx, nil), say(ctx, nil))
	})
	_ = w.work(context.Background(), handlers.Sweep{}, func(ctx context.Context) error { return say(ctx, nil) })
	all := prometheus.NewRegistry()
	all.MustRegister(w.published)
	families, err := all.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range families[0].Metric {
		if metric.Label[0].GetValue() != publishedComment {
			continue
		}
		if n, sum := metric.Histogram.GetSampleCount(), metric.Histogram.GetSampleSum(); n != 1 || sum < 3600 {
			t.Errorf("%d publications were timed, %.0f s in all; want one, of an hour", n, sum)
		}
	}
}

// names are what a query may ask the service for.
func names(s *Service) map[string]bool {
	found := map[string]bool{"up": true}
	descs := make(chan *prometheus.Desc, 1000)
	go func() {
		s.metrics("v1").Describe(descs)
		close(descs)
	}()
	for desc := range descs {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(desc.String())[1]
		found[name] = true
		if strings.HasSuffix(name, "_seconds") {
			found[name+"_bucket"], found[name+"_sum"], found[name+"_count"] = true, true, true
		}
	}
	return found
}

// asked returns the names of the metrics that a query asks for.
func asked(t *testing.T, query string) (found []string) {
	parsed, err := metricsql.Parse(query)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return nil
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		metric, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range metric.LabelFilterss {
			for _, filter := range filters {
				if filter.Label == "__name__" {
					found = append(found, filter.Value)
				}
			}
		}
	})
	return found
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "docs", file))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestDashboardAsksForWhatThereIs parses every query of the Grafana dashboard.
func TestDashboardAsksForWhatThereIs(t *testing.T) {
	var dashboard struct {
		UID, Title string
		Panels     []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "grafana/slipway.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	there, ids := names(start(t)), map[int]bool{}
	if dashboard.UID == "" || len(dashboard.Panels) < 10 {
		t.Errorf("the dashboard has %d panels", len(dashboard.Panels))
	}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || panel.Title == "" || panel.GridPos.W == 0 || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("panel %d %q: its id is not its own, it has no title, or no place among 24 columns", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			query := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$job", "slipway").Replace(target.Expr)
			for _, name := range asked(t, query) {
				if !there[name] {
					t.Errorf("panel %q asks for %s, which there is not", panel.Title, name)
				}
			}
		}
	}
}

// TestAlertsAskForWhatThereIs parses every alert rule; each says what to do, under a
// heading that docs/operations.md has.
func TestAlertsAskForWhatThereIs(t *testing.T) {
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr         string
				For                 string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict(read(t, "alerts/slipway.yaml"), &rules); err != nil {
		t.Fatal(err)
	}
	operations := string(read(t, "operations.md"))
	there, alerts := names(start(t)), []string{}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			alerts = append(alerts, rule.Alert)
			for _, name := range asked(t, rule.Expr) {
				if !there[name] {
					t.Errorf("%s asks for %s, which there is not", rule.Alert, name)
				}
			}
			if rule.Annotations["summary"] == "" || rule.Labels["severity"] == "" {
				t.Errorf("%s has no summary or no severity", rule.Alert)
			}
			if _, anchor, _ := strings.Cut(rule.Annotations["runbook_url"], "docs/operations.md#"); anchor != strings.ToLower(rule.Alert) {
				t.Errorf("%s: its runbook is %q", rule.Alert, rule.Annotations["runbook_url"])
			}
			if !strings.Contains(operations, "\n### "+rule.Alert+"\n") {
				t.Errorf("docs/operations.md has no heading for %s", rule.Alert)
			}
		}
	}
	if len(alerts) < 9 || len(slices.Compact(slices.Sorted(slices.Values(alerts)))) != len(alerts) {
		t.Errorf("alerts: %v", alerts)
	}
}
