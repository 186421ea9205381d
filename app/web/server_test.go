package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func get(t *testing.T, handler http.Handler, path string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder.Code, recorder.Body.String()
}

func TestPublicRoutes(t *testing.T) {
	hook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusAccepted) })
	full := Public{Webhook: hook, Schema: []byte(`{"a":1}`), AppURL: "https://github.com/apps/slipway"}
	moved := full
	moved.WebhookPath = "/api/github/hook"
	for _, tc := range []struct {
		name   string
		public Public
		path   string
		status int
		has    string
	}{
		{"landing", full, "/", 200, `href="https://github.com/apps/slipway"`},
		{"landing without an App's page", Public{}, "/", 200, "one comment and a set of checks"},
		{"schema", full, "/schema/slipway.json", 200, `{"a":1}`},
		{"no schema", Public{}, "/schema/slipway.json", 404, ""},
		{"webhook", full, "/webhook", 202, ""},
		{"webhook elsewhere", moved, "/api/github/hook", 202, ""},
		{"and not where it was", moved, "/webhook", 404, ""},
		{"no status here", full, "/status", 404, ""},
		{"no metrics here", full, "/metrics", 404, ""},
		{"no health here", full, "/healthz", 404, ""},
		{"no set-up unless there is one", full, "/setup", 404, ""},
		{"nothing else", full, "/x", 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body := get(t, tc.public.Handler(), tc.path)
			if status != tc.status || !strings.Contains(body, tc.has) {
				t.Errorf("answered %d %q, want %d with %q", status, body, tc.status, tc.has)
			}
		})
	}
}

func internal(token string) Internal {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "jobs_total", Help: "Jobs."})
	registry.MustRegister(counter)
	return Internal{
		Token: token, Metrics: registry, Log: quiet(),
		Jobs: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "all jobs") }),
		Now:  func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) },
		Status: func(context.Context) Status {
			return Status{
				Version:  "v1.2.3",
				Troubles: []string{"Nothing is <well>."},
				Jobs:     "/jobs/jobs",
				Figures:  []Figure{{"Waiting", "3", "available"}},
				Budgets: []Budget{
					{Installation: 7, Limit: 5000, Remaining: 400, Calls: 4600},
					{Installation: 8, Limit: 5000, Remaining: 4000, Waiting: 12, PausedUntil: time.Date(2026, 11, 21, 12, 5, 0, 0, time.UTC)},
				},
				Deliveries: []Delivery{{ID: "guid", Event: "pull_request", Repository: "octo/shop", Outcome: "taken"}},
				Failures:   []Failure{{Job: "pr/octo/shop#3", Error: "<script>alert(1)</script>", GivenUp: true, Attempts: 5}},
			}
		},
	}
}

// basic is what a browser sends once a person has answered its question.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// A browser asks a person for the token only where it is told that Basic is spoken.
func TestBrowsersAskForTheToken(t *testing.T) {
	answer := httptest.NewRecorder()
	internal("hush").Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/status", nil))
	want := []string{`Basic realm="slipway", charset="UTF-8"`, `Bearer realm="slipway"`}
	if got := answer.Header().Values("WWW-Authenticate"); answer.Code != http.StatusUnauthorized || !slices.Equal(got, want) {
		t.Errorf("answered %d, asking for %q", answer.Code, got)
	}
}

// A14: without the token, neither metrics nor status nor a version is shown; the
// two words of health are, to probes.
func TestAttackInternalWithoutToken(t *testing.T) {
	handler := internal("hush").Handler()
	for _, tc := range []struct {
		path, authorization string
		status              int
		has                 string
	}{
		{"/metrics", "", 401, ""},
		{"/metrics", "Bearer wrong", 401, ""},
		{"/metrics", "Bearer ", 401, ""},
		{"/metrics", "hush", 401, ""},
		{"/metrics", "Basic hush", 401, ""},
		{"/status", basic("hush", ""), 401, ""},
		{"/status", basic("", "wrong"), 401, ""},
		{"/status", basic("", "hush "), 401, ""},
		{"/status", basic("", "hush"), 200, "v1.2.3"},
		{"/status", basic("ops@example.com", "hush"), 200, "v1.2.3"},
		{"/jobs/jobs", "", 401, ""},
		{"/jobs/jobs", "Bearer hush", 200, "all jobs"},
		{"/jobs/jobs", basic("me", "hush"), 200, "all jobs"},
		{"/metrics", "Bearer hush", 200, "jobs_total"},
		{"/status", "", 401, ""},
		{"/status", "Bearer hush", 200, "v1.2.3"},
		{"/", "", 307, "/status"},
		{"/healthz", "", 200, "ok"},
		{"/readyz", "", 200, "ok"},
	} {
		status, body := get(t, handler, tc.path, "Authorization", tc.authorization)
		if status != tc.status || !strings.Contains(body, tc.has) {
			t.Errorf("%s with %q: %d, want %d with %q", tc.path, tc.authorization, status, tc.status, tc.has)
		}
		if status == 401 && (strings.Contains(body, "v1.2.3") || strings.Contains(body, "hush")) {
			t.Errorf("%s tells %q to a stranger", tc.path, body)
		}
	}
}

func TestStatusPage(t *testing.T) {
	_, body := get(t, internal("").Handler(), "/status")
	for _, want := range []string{"Waiting", "pr/octo/shop#3", "given up", "octo/shop", "taken", "guid", "2026-11-21 12:00:00",
		"Nothing is &lt;well&gt;.", `<a href="/jobs/jobs?state=available">Waiting</a>`, `low">400 of 5000`, `empty">4000 of 5000, paused`, "12:05:00"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script>") {
		t.Error("an error's text is not escaped")
	}
}

func TestReady(t *testing.T) {
	i := internal("")
	var log safeBuffer
	i.Log = slog.New(slog.NewTextHandler(&log, nil))
	i.Ready = func(context.Context) error { return errors.New("the database is at 10.0.0.1") }
	status, body := get(t, i.Handler(), "/readyz")
	if status != 503 || strings.Contains(body, "10.0.0.1") || !strings.Contains(log.String(), "10.0.0.1") {
		t.Errorf("answered %d %q, logged %q", status, body, log.String())
	}
	if status, _ := get(t, i.Handler(), "/healthz"); status != 200 {
		t.Errorf("not ready is not dead: %d", status)
	}
}

func TestListenNeedsATokenOffLoopback(t *testing.T) {
	for _, tc := range []struct {
		internal, token string
		want            bool
	}{
		{"127.0.0.1:0", "", true},
		{"[::1]:0", "", true},
		{"", "", true},
		{"0.0.0.0:0", "", false},
		{":0", "", false},
	} {
		if tc.internal == "[::1]:0" {
			if l, err := net.Listen("tcp", tc.internal); err != nil {
				continue // no IPv6 here
			} else {
				l.Close()
			}
		}
		l, err := Listen(t.Context(), "127.0.0.1:0", tc.internal, tc.token)
		if got := err == nil; got != tc.want {
			t.Errorf("internal %q with token %q: %v", tc.internal, tc.token, err)
		}
		if err == nil {
			l.Public.Close()
			if l.Internal != nil {
				l.Internal.Close()
			}
		}
	}
}

// A request under way when the service stops is answered; then it stops, and
// nobody new gets in. Every record of it carries the request's and delivery's ids.
func TestServeStopsGracefully(t *testing.T) {
	var out safeBuffer
	log := slog.New(LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	started, finish := make(chan struct{}), make(chan struct{})
	public := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.InfoContext(r.Context(), "deep inside", "delivery", r.Header.Get("X-GitHub-Delivery"))
		close(started)
		<-finish
		w.WriteHeader(http.StatusAccepted)
	})
	listeners, err := Listen(t.Context(), "127.0.0.1:0", "127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + listeners.Public.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listeners, public, internal("").Handler(), log) }()

	answered := make(chan int, 1)
	go func() {
		r, _ := http.NewRequest(http.MethodPost, address+"/webhook?token=hush", nil)
		r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	<-started
	cancel()
	close(finish)
	if got := <-answered; got != http.StatusAccepted {
		t.Errorf("the request under way: answered %d", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if response, err := http.Get(address); err == nil {
		response.Body.Close()
		t.Error("still listening")
	}
	for line := range strings.Lines(out.String()) {
		if strings.Count(line, "request=") != 1 || strings.Count(line, "delivery=72d3162e-cc78-11e3") != 1 {
			t.Errorf("a record without its ids, or with one twice: %s", line)
		}
	}
	if !strings.Contains(out.String(), "deep inside") || strings.Contains(out.String(), "hush") {
		t.Errorf("logged %q", out.String())
	}
}

// A handler that panics costs its own request only.
func TestPanicIsAnAnswer(t *testing.T) {
	var out safeBuffer
	handler := logged(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }), slog.New(slog.NewTextHandler(&out, nil)))
	status, body := get(t, handler, "/", "X-GitHub-Delivery", "bad\ndelivery")
	if status != 500 || strings.Contains(body, "oh") || !strings.Contains(out.String(), "panic=oh") {
		t.Errorf("answered %d %q, logged %q", status, body, out.String())
	}
	if strings.Contains(out.String(), "bad") {
		t.Error("a delivery id of any shape is logged")
	}
}
