package preview

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/fixtures/cluster"
)

// before calls f once, before the first request that is chosen leaves.
func before(config *rest.Config, chosen func(*http.Request) bool, f func()) {
	var once sync.Once
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(request *http.Request) (*http.Response, error) {
			if chosen(request) {
				once.Do(f)
			}
			return next.RoundTrip(request)
		})
	})
}

// TestTheAPIServerEndsInMidPlan stops a real API server, or restarts it, while a
// plan reads and while it asks: what could not be found out is unknown, with why,
// everything else is as it was found, nothing is wrong, and the next plan is right.
func TestTheAPIServerEndsInMidPlan(t *testing.T) {
	t.Parallel()
	real := cluster.StartT(t, cluster.Options{Name: "ending"})
	b := &bed{t: t, cluster: real, namespace: real.Namespace(t)}
	b.preview = b.as(real.Config(), ClusterOptions{})
	var err error
	if b.dynamic, err = dynamic.NewForConfig(real.Config()); err != nil {
		t.Fatal(err)
	}
	const accounts = "\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: one, labels: {a: b}}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: two, labels: {a: b}}\n"
	base := deployment + configuration + accounts
	b.apply("slipway", base)
	head := strings.Replace(base, "nginx:1.27", "nginx:1.28", 1)
	right := map[string]Action{"web": Update, "settings": None, "one": None, "two": None}
	start := func() {
		if err := real.StartAPIServer(context.Background()); err != nil {
			t.Error(err)
		}
	}
	for _, test := range []struct {
		name    string
		chosen  func(*http.Request) bool
		restart bool
		known   []string // what is found out all the same
		unknown []string // what is not
	}{
		{
			name: "stopped as it is asked", known: []string{"settings", "one", "two"}, unknown: []string{"web"},
			chosen: func(r *http.Request) bool { return r.Method == http.MethodPatch },
		},
		{
			name: "stopped as it is read", unknown: []string{"one", "two", "web"},
			chosen: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/serviceaccounts") },
		},
		{
			name: "restarted as it is asked", restart: true, known: []string{"settings", "one", "two"},
			chosen: func(r *http.Request) bool { return r.Method == http.MethodPatch },
		},
		{
			name: "restarted as it is read", restart: true,
			chosen: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/serviceaccounts") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := real.Config()
			before(config, test.chosen, func() {
				real.StopAPIServer()
				if test.restart {
					start()
				}
			})
			asking := b.as(config, ClusterOptions{Parallel: 1}) // so that nothing else is under way
			p := b.planAs(asking, base, head)
			got := make(map[string]Action)
			for _, c := range p.Changes {
				got[c.ID.Name] = c.Action
				if c.Action == Unknown && c.Reason == "" {
					t.Errorf("%s is unknown, and nobody says why", c.ID)
				}
			}
			for name, want := range right {
				if got[name] != want && got[name] != Unknown {
					t.Errorf("%s is %s, want %s or unknown", name, got[name], want)
				}
			}
			for _, name := range test.known {
				if got[name] != right[name] {
					t.Errorf("%s is %s, want %s", name, got[name], right[name])
				}
			}
			for _, name := range test.unknown {
				if got[name] != Unknown {
					t.Errorf("%s is %s, want unknown", name, got[name])
				}
			}
			if !test.restart {
				start()
			}
			next := b.planAs(asking, base, head)
			for _, c := range next.Changes {
				if c.Action != right[c.ID.Name] {
					t.Errorf("in the next plan %s is %s (%s), want %s", c.ID, c.Action, c.Reason, right[c.ID.Name])
				}
			}
		})
	}
}
