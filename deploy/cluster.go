package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
)

// RecordsNamespace is where Slipway keeps its records and leases in each cluster.
const RecordsNamespace = inventory.Namespace

// ErrSuperseded is the cause with which a caller cancels the context of an Apply
// that a newer commit makes pointless. A context that ends for any other reason
// leaves the deployment to be taken up again.
var ErrSuperseded = errors.New("a newer commit came")

// requestTimeout bounds one request that is no watch.
const requestTimeout = 30 * time.Second

// Options say how a Cluster applies. Identity is needed; the rest has defaults.
type Options struct {
	// Identity names this process, e.g. its host and a random part: what others
	// are told who wait for a target's lease.
	Identity string
	// Parallel bounds the writes under way at once, of all targets; 0 means 96, and
	// 32 where the API server does not share itself out fairly.
	Parallel int
	// LeaseDuration is how long after its last sign of life a writer still counts
	// as alive; 0 means 15 s.
	LeaseDuration time.Duration
	// Now is the clock of records and receipts; nil means the time of day.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.LeaseDuration <= 0 {
		o.LeaseDuration = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// A Cluster applies to one live cluster as one target service account, and keeps
// records and leases there as Slipway's own identity. It is safe for concurrent
// use and worth keeping.
type Cluster struct {
	preview *preview.Cluster
	options Options
	objects dynamic.Interface // as the target's service account
	rest    rest.Interface    // the same, for what is sent and read as it is
	leases  coordinationv1.LeasesGetter
	store   *inventory.Store
	silence time.Duration // the constant, but for tests
	writing chan struct{} // has room for the writes under way

	mu       sync.Mutex
	prepared bool // records can be kept
	runs     int  // for the lease's holder
}

// NewCluster returns the cluster that p plans for. account leads to it as the
// target's service account, which reads and writes objects; own as Slipway itself,
// which writes in slipway-system alone. It asks nothing yet; an error means that a
// config is no good. Their rate limits are replaced.
func NewCluster(p *preview.Cluster, account, own *rest.Config, options Options) (*Cluster, error) {
	if options.Identity == "" {
		return nil, errors.New("connect to cluster: no identity for its leases")
	}
	c := &Cluster{preview: p, options: options.withDefaults(), silence: silence}
	c.writing = make(chan struct{}, cmp.Or(max(c.options.Parallel, 0), preview.Parallel))
	// What runs at once is bounded, and the API server shares itself out fairly.
	account, own = rest.CopyConfig(account), rest.CopyConfig(own)
	account.QPS, account.RateLimiter, account.Timeout = -1, nil, 0 // watches last
	own.QPS, own.RateLimiter, own.Timeout = -1, nil, requestTimeout
	account.WarningHandler, own.WarningHandler = rest.NoWarnings{}, rest.NoWarnings{} // the plan has them
	account.DisableCompression = true                                                 // the API server's CPU is dearer than the network
	client, err := rest.HTTPClientFor(account)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", p.Name(), err)
	}
	if c.objects, err = dynamic.NewForConfigAndClient(account, client); err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", p.Name(), err)
	}
	plain, err := discovery.NewDiscoveryClientForConfigAndClient(account, client)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", p.Name(), err)
	}
	c.rest = plain.RESTClient()
	if c.leases, err = coordinationv1.NewForConfig(own); err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", p.Name(), err)
	}
	if c.store, err = inventory.NewStore(own); err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", p.Name(), err)
	}
	return c, nil
}

// parallel is how many writes of one target may be under way at once.
func (c *Cluster) parallel() int {
	const unfair = 32
	switch {
	case c.options.Parallel > 0:
		return c.options.Parallel
	case c.preview.SharesFairly():
		return preview.Parallel
	}
	return unfair
}

// room waits until another write may be under way; it ends with leave.
func (c *Cluster) room(ctx context.Context) (leave func(), err error) {
	select {
	case c.writing <- struct{}{}:
		return func() { <-c.writing }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Record returns a target's record; nil where it has none. A *[render.Problem]
// says that the record is there and cannot be read.
func (c *Cluster) Record(ctx context.Context, key inventory.Key) (*inventory.Record, error) {
	return c.store.Read(ctx, key)
}

// Records returns the records of all targets of a repository (owner/name) in this
// cluster, by environment and application, and those that cannot be read.
func (c *Cluster) Records(ctx context.Context, repository string) ([]inventory.Record, []inventory.Damaged, error) {
	return c.store.List(ctx, repository)
}

// Say stores a person's word, which the next Apply obeys. Saying the same again
// changes nothing.
func (c *Cluster) Say(ctx context.Context, key inventory.Key, word inventory.Word) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	return c.store.Say(ctx, key, word)
}

// prepareAgain makes sure that records can still be kept.
func (c *Cluster) prepareAgain(ctx context.Context) error {
	c.mu.Lock()
	c.prepared = false
	c.mu.Unlock()
	return c.prepare(ctx)
}

// prepare makes sure, once, that records can be kept.
func (c *Cluster) prepare(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.prepared {
		return nil
	}
	if err := c.store.Prepare(ctx); err != nil {
		return err
	}
	if err := c.mayLease(ctx); err != nil {
		return err
	}
	c.prepared = true
	return nil
}
