package preview

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
)

var errAway = errors.New("away")

// TestOneAsksForAll has many ask at once whether a cluster is there.
func TestOneAsksForAll(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		asked  int64
	}{
		"nobody answers, which holds for all":      {errAway, 1},
		"somebody answers, each as it is entitled": {nil, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var contact Contact
				var asked, ended atomic.Int64
				answer := make(chan struct{})
				for range 5 {
					go func() {
						err := contact.ask(t.Context(), func(bool) error {
							asked.Add(1)
							<-answer
							return test.answer
						})
						if !errors.Is(err, test.answer) {
							t.Errorf("the answer is %v", err)
						}
						ended.Add(1)
					}()
				}
				synctest.Wait()
				if asked.Load() != 1 {
					t.Errorf("%d ask at once", asked.Load())
				}
				close(answer)
				synctest.Wait()
				if asked.Load() != test.asked || ended.Load() != 5 {
					t.Errorf("%d asked, %d know", asked.Load(), ended.Load())
				}
			})
		})
	}
}

// TestImpatience asks again and again while a cluster is away, and when it is back.
func TestImpatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var contact Contact
		ask := func(answer error, patient bool) {
			t.Helper()
			if err := contact.ask(t.Context(), func(p bool) error {
				if p != patient {
					t.Errorf("patient is %v, want %v", p, patient)
				}
				return answer
			}); !errors.Is(err, answer) {
				t.Errorf("the answer is %v", err)
			}
		}
		ask(nil, true)
		ask(errAway, true)
		ask(errAway, false)
		time.Sleep(contactMemory - time.Second)
		ask(errAway, false)
		time.Sleep(time.Second)
		ask(errAway, true)
		ask(nil, false)
		ask(errAway, true)
	})
}

// TestBrokenConnectionsAreCountedInRounds breaks many at once, and one after another.
func TestBrokenConnectionsAreCountedInRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var contact Contact
		for round := range maxRounds {
			for range 20 {
				want := error(io.EOF)
				if round == maxRounds-1 {
					want = errKeepsBreaking
				}
				if err := contact.passed(io.EOF); !errors.Is(err, want) {
					t.Errorf("round %d: %v, want %v", round, err, want)
				}
			}
			time.Sleep(roundLength)
		}
		if err := contact.passed(errAway); !errors.Is(err, errAway) {
			t.Errorf("an error that is none of a connection's became %v", err)
		}
		if err := contact.passed(nil); err != nil {
			t.Error(err)
		}
		if err := contact.passed(io.EOF); !errors.Is(err, io.EOF) {
			t.Errorf("after an answer: %v", err)
		}
	})
}

// TestAnAbsentClusterIsWaitedForOnce counts what a server that hangs up on everybody
// is asked, by two identities in turn.
func TestAnAbsentClusterIsWaitedForOnce(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/version") {
			asked.Add(1)
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	contact := &Contact{}
	plan := func(want int64) {
		t.Helper()
		c, err := NewCluster("production", &rest.Config{Host: server.URL}, ClusterOptions{Contact: contact})
		if err != nil {
			t.Fatal(err)
		}
		before := asked.Load()
		requests := []Request{{Head: rendered(t, deployment)}, {Head: rendered(t, configuration)}}
		for _, p := range c.Plan(t.Context(), requests) {
			if p.Live != LiveUnreachable || p.Counts()[Unknown] != 1 {
				t.Errorf("plan: %+v", p)
			}
		}
		if got := asked.Load() - before; got != want {
			t.Errorf("it was asked %d times, want %d", got, want)
		}
	}
	plan(int64(contactTries.Steps))
	contact.at = time.Now().Add(time.Hour) // however slow this machine is
	plan(1)
	plan(1)
	contact.at = time.Now().Add(-time.Hour)
	plan(int64(contactTries.Steps))
}

// breaking breaks the connection of the requests that it is told of.
func breaking(config *rest.Config, breaks func(*http.Request) bool) *atomic.Int64 {
	var broken atomic.Int64
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(request *http.Request) (*http.Response, error) {
			if breaks(request) {
				broken.Add(1)
				return nil, io.EOF
			}
			return next.RoundTrip(request)
		})
	})
	return &broken
}

// TestABlipIsNoOutage breaks the first connections, and no more.
func TestABlipIsNoOutage(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", configuration)
	config := b.cluster.Config()
	var n atomic.Int64
	broken := breaking(config, func(*http.Request) bool { return n.Add(1) <= 2 })
	p := b.planAs(b.as(config, ClusterOptions{}), configuration, configuration)
	if p.Live != LiveCompared || p.Counts()[None] != 1 || broken.Load() != 2 {
		t.Errorf("after %d broken connections the plan is %s: %s", broken.Load(), p.Live, summary(p))
	}
}

// TestAClusterLostInMidPlanIsNotInsistedOn loses it at the first look at an object:
// everything is unknown, and none of it is asked about ten times over.
func TestAClusterLostInMidPlanIsNotInsistedOn(t *testing.T) {
	b := newBed(t)
	objects := configuration + strings.Replace(configuration, "settings", "others", 1)
	b.apply("slipway", objects)
	config := b.cluster.Config()
	var lost atomic.Bool
	broken := breaking(config, func(request *http.Request) bool {
		lost.Store(lost.Load() || strings.Contains(request.URL.Path, "/configmaps"))
		return lost.Load()
	})
	p := b.planAs(b.as(config, ClusterOptions{}), objects, objects)
	if p.Counts()[Unknown] != 2 {
		t.Errorf("plan: %s", summary(p))
	}
	if n := broken.Load(); n > 30 {
		t.Errorf("%d requests to a cluster that is lost", n)
	}
}
