package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Internal is for operators and the cluster that the service runs in.
type Internal struct {
	// Token is asked for as a bearer token or as a password, except by the two health
	// routes, which say one word and which probes read; none where empty, which
	// [Listen] allows on loopback only.
	Token string
	// Ready returns why the service cannot take deliveries, nil when it can. The
	// reason is logged, not shown.
	Ready func(context.Context) error
	// Status returns what the status page shows.
	Status func(context.Context) Status
	// Jobs are the queue's own pages, below [JobsPath]; not served where nil.
	Jobs http.Handler
	// Metrics are shown at /metrics; the default registry's where nil.
	Metrics prometheus.Gatherer
	// Now is the clock of the page; [time.Now] where nil.
	Now func() time.Time
	Log *slog.Logger
}

// JobsPath is where [Internal.Jobs] is served.
const JobsPath = "/jobs"

// A Status is what the service is doing.
type Status struct {
	Version string
	Started time.Time
	// Troubles say what is not as it should be, a sentence each, the worst first.
	Troubles []string
	// Jobs is the path of the queue's page that lists jobs; empty where there is none.
	Jobs string
	// Figures are counts, in the order to show them.
	Figures []Figure
	// Budgets are what GitHub lets each installation ask.
	Budgets []Budget
	// Deliveries are the newest, newest first.
	Deliveries []Delivery
	// Failures are jobs that failed, newest first.
	Failures []Failure
}

// A Figure is a count with its name.
type Figure struct {
	Name  string
	Value string
	// State is that of the queue's own whose jobs these are; may be empty.
	State string
}

// A Budget is what GitHub lets one installation ask. Installation 0 is the App itself.
type Budget struct {
	Installation       int64
	Calls, Free        int       // answers since the start; of these, unchanged and free
	Limit, Remaining   int       // calls an hour, and left; 0 before GitHub said
	Reset, PausedUntil time.Time // zero where not known, and where nothing is paused
	Waiting, Limited   int       // writes that wait for their turn; answers that said no
}

// Level says how little is left: low below a tenth, empty where nothing is asked now.
func (b Budget) Level() string {
	switch {
	case !b.PausedUntil.IsZero():
		return "empty"
	case b.Limit > 0 && b.Remaining*10 < b.Limit:
		return "low"
	}
	return ""
}

// A Delivery is one that GitHub made.
type Delivery struct {
	At                             time.Time
	ID, Event, Repository, Outcome string
}

// A Failure is a job that failed.
type Failure struct {
	At       time.Time
	Job      string // its key
	Error    string // without secrets
	GivenUp  bool
	Attempts int
}

// Handler returns the internal routes.
func (i Internal) Handler() http.Handler {
	now := i.Now
	if now == nil {
		now = time.Now
	}
	metrics := i.Metrics
	if metrics == nil {
		metrics = prometheus.DefaultGatherer
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if i.Ready != nil {
			if err := i.Ready(r.Context()); err != nil {
				i.Log.WarnContext(r.Context(), "not ready", "error", err)
				plain(w, http.StatusServiceUnavailable, "not ready")
				return
			}
		}
		plain(w, http.StatusOK, "ok")
	})
	mux.Handle("GET /metrics", authenticated(i.Token, promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	if i.Jobs != nil {
		mux.Handle(JobsPath+"/", authenticated(i.Token, i.Jobs))
	}
	if i.Status != nil {
		mux.Handle("GET /{$}", http.RedirectHandler("/status", http.StatusTemporaryRedirect))
		mux.Handle("GET /status", authenticated(i.Token, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			show(w, http.StatusOK, "status.html", struct {
				Status
				Now time.Time
			}{i.Status(r.Context()), now()})
		})))
	}
	return mux
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
