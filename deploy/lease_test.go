package deploy

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/deploy/inventory"
)

func TestSecondWriterWaitsAndSaysSo(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	first, second := b.connect("first-installation", nil), b.connect("second-installation", nil)
	documents := join(configMap("a", "1"), deploymentOf("web", "1.4.0"))
	inside, waiting := make(chan struct{}), make(chan struct{})
	held := b.request(documents)
	held.Progress = once(func(r Receipt) bool { return r.State == Applying && len(r.Objects) > 0 }, func() {
		close(inside)
		<-waiting
	})
	type result struct {
		receipt Receipt
		err     error
	}
	results := make(chan result)
	go func() {
		receipt, err := first.Apply(b.context(), held)
		results <- result{receipt, err}
	}()
	<-inside
	late := b.request(documents)
	var said atomic.Value
	late.Progress = once(func(r Receipt) bool { return r.State == Waiting }, func() { close(waiting) })
	tell := late.Progress
	late.Progress = func(r Receipt) {
		if r.State == Waiting && said.Load() == nil {
			said.Store(r.Reason)
		}
		tell(r)
	}
	receipt := b.applyBy(second, late)
	b.want(receipt, Unchanged) // by then the first one has done it
	if text, _ := said.Load().(string); !strings.Contains(text, "first-installation") {
		t.Errorf("while it waited it said %q", text)
	}
	if r := <-results; r.err != nil || r.receipt.State != Applied {
		t.Errorf("the first ended %s, %v", r.receipt.State, r.err)
	}
}

// once calls then at the first receipt that fits.
func once(fits func(Receipt) bool, then func()) func(Receipt) {
	var done atomic.Bool
	return func(r Receipt) {
		if fits(r) && done.CompareAndSwap(false, true) {
			then()
		}
	}
}

// TestLostLeaseStopsBeforeTheNextWrite cuts a writer off from its lease, and only
// from that, between two writes.
func TestLostLeaseStopsBeforeTheNextWrite(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var cut atomic.Bool
	var late atomic.Int64
	c := b.connect("cut-off", func(config *rest.Config) {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if cut.Load() && isLease(r) {
					return nil, errKilled
				}
				if cut.Load() && isWrite(r) {
					late.Add(1)
				}
				return next.RoundTrip(r)
			})
		})
	})
	c.options.Parallel = 1
	request := b.request(maps("a", "b", "c"))
	applied := func(r Receipt) bool {
		return len(r.Objects) == 3 && r.Objects[0].State == ObjectApplied && r.Objects[1].State == ObjectPending
	}
	request.Progress = once(applied, func() {
		cut.Store(true)
		// Holding the receipt back holds the writer back, until the lease is another's.
		other, taken, err := b.cluster.hold(b.context(), b.key(), func(string) {})
		if err != nil || other.Err() != nil {
			t.Errorf("the lease cannot be taken: %v", err)
			return
		}
		taken.end()
	})
	_, err := c.Apply(b.context(), request)
	if !errors.Is(err, errLeaseLost) {
		t.Errorf("apply returned %v", err)
	}
	if n := late.Load(); n != 0 {
		t.Errorf("%d writes after the lease was lost", n)
	}
	b.wantField("gone", "ConfigMap", "c")
	b.want(b.apply(b.request(maps("a", "b", "c"))), Applied)
}

func TestLeaseIsReleased(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a"))
	lease, err := b.clients.CoordinationV1().Leases(inventory.Namespace).Get(b.context(), b.key().Name(), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		t.Errorf("%s still holds it", *holder)
	}
}

func TestWaitForALeaseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if err := b.cluster.prepare(b.context()); err != nil {
		t.Fatal(err)
	}
	_, held, err := b.connect("holder", nil).hold(b.context(), b.key(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer held.end()
	ctx, cancel := context.WithCancel(b.context())
	request := b.request(maps("a"))
	request.Progress = once(func(r Receipt) bool { return r.State == Waiting }, cancel)
	if _, err := b.cluster.Apply(ctx, request); !errors.Is(err, context.Canceled) {
		t.Errorf("apply returned %v", err)
	}
	b.wantField("gone", "ConfigMap", "a")
}
