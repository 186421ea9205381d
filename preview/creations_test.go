package preview

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/render"
)

// patches counts the dry runs of an apply that a config's clients send.
func patches(config *rest.Config) *atomic.Int64 { return counting(config, http.MethodPatch) }

// counting counts the requests of a method that a config's clients send.
func counting(config *rest.Config, method string) *atomic.Int64 {
	var count atomic.Int64
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(request *http.Request) (*http.Response, error) {
			if request.Method == method {
				count.Add(1)
			}
			return next.RoundTrip(request)
		})
	})
	return &count
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCreationsAreJudgedOnce says by hand how admission is configured: tests that
// run beside it change the cluster's.
func TestCreationsAreJudgedOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	config := b.cluster.Config()
	asked := patches(config)
	c := b.as(config, ClusterOptions{})
	const a, other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {other: \"yes\"}}\n"
	const bad = "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n"
	// judge plans documents and insists on the action, and on how often it asks.
	judge := func(what, documents string, foresight bool, configured admission, want Action, questions int64) {
		t.Helper()
		r := &run{cluster: c, foresight: foresight, requests: []Request{{Head: rendered(t, documents), Namespace: b.namespace}}}
		if err := r.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.admission = configured
		before := asked.Load()
		r.judgeAll(t.Context())
		if change := r.items[0][0].change; change.Action != want || asked.Load()-before != questions {
			t.Errorf("%s: %s after %d questions, want %s after %d (%s)", what, change.Action, asked.Load()-before, want, questions, change.Reason)
		}
	}
	age := func(by time.Duration) {
		for e := c.answers.order.Front(); e != nil; e = e.Next() {
			e.Value.(*remembered).at = time.Now().Add(-by)
		}
	}
	first, second := admission{version: "1"}, admission{version: "2"}
	judge("for the first time", a, false, first, Create, 1)
	judge("again", a, false, first, Create, 0)
	judge("to be carried out", a, true, first, Create, 0)
	judge("what may be changed, which nobody asked", a, true, admission{version: "1", unreadable: true}, Create, 1)
	judge("what may be changed, again", a, true, admission{version: "1", unreadable: true}, Create, 0)
	judge("another content", other, true, first, Create, 1)
	judge("admission changed", a, true, second, Create, 1)
	judge("admission is changing", a, true, admission{version: "3", young: true}, Create, 1)
	judge("and still", a, true, admission{version: "3"}, Create, 1)

	age(answerAge + time.Minute)
	judge("to be carried out after some minutes", a, true, first, Create, 0)
	judge("to be shown after some minutes", a, false, first, Create, 1)
	age(foresightAge + time.Minute)
	judge("after a day", a, true, first, Create, 1)

	judge("admission is not known", a, true, admission{}, Create, 1)
	judge("and still not", a, true, admission{}, Create, 0)
	age(unsureAge + time.Minute)
	judge("not known, minutes later", a, true, admission{}, Create, 1)

	judge("what is refused", bad, true, first, Refused, 1)
	judge("is asked again", bad, true, first, Refused, 1)

	b.patch("somebody", "v1", "Namespace", b.namespace, `{"metadata":{"labels":{"changed":"yes"}}}`)
	judge("the namespace changed", a, true, first, Create, 1)
	judge("and not again", a, true, first, Create, 0)
	b.create("somebody", a)
	judge("it is there by now", a, true, first, None, 1)
}

// TestBeliefInCreations looks at kinds whose schema may change unseen.
func TestBeliefInCreations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		group     string
		foresight bool
		want      time.Duration
	}{
		{"", true, foresightAge},
		{"apps", true, foresightAge},
		{"example.com", true, answerAge},
		{"", false, answerAge},
	} {
		r := &run{foresight: test.foresight}
		if got := r.belief(&item{change: Change{ID: render.ObjectID{Group: test.group}}}); got != test.want {
			t.Errorf("a creation of group %q, to be carried out %v, is believed for %s", test.group, test.foresight, got)
		}
	}
}

// TestNoBeliefWithoutItsNamespace deletes the namespace between a plan and the next.
func TestNoBeliefWithoutItsNamespace(t *testing.T) {
	t.Parallel()
	r := &run{admission: admission{version: "1"}}
	for _, test := range []struct {
		name      string
		state     namespaceState
		memorable bool
		admission string
	}{
		{"there", namespaceState{version: "uid/7"}, true, "1  uid/7"},
		{"gone", namespaceState{err: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "n")}, false, ""},
		{"not ours to read", namespaceState{err: apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "n", nil)}, true, ""},
	} {
		r.namespaces = namespaceIndex{read: func(string) namespaceState { return test.state }}
		key, memorable := r.creationKey(&item{address: address{place: place{namespace: "n"}}}, nil)
		if memorable != test.memorable || key.admission != test.admission {
			t.Errorf("%s: memorable %v in %q", test.name, memorable, key.admission)
		}
	}
}

// TestUnknownFieldsAreRefused although no field validation is asked for.
func TestUnknownFieldsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatum: {}\n"
	if change := b.plan("", bad).Changes[0]; change.Action != Refused || !strings.Contains(change.Reason, "datum") {
		t.Errorf("%s: %s", change.Action, change.Reason)
	}
	b.create("somebody", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
	if change := b.plan("", bad).Changes[0]; change.Action != Refused || !strings.Contains(change.Reason, "datum") {
		t.Errorf("%s: %s", change.Action, change.Reason)
	}
	if _, err := b.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(b.namespace).
		Get(t.Context(), "a", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
