package preview

import (
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// DefaultFieldManager is the name under which Slipway owns fields.
const DefaultFieldManager = "slipway"

// Parallel is how many requests to one cluster are under way at once where nothing
// else is said: as many as fit one connection, which an API server bounds at 100.
const Parallel = 96

// ClusterOptions say how a Cluster asks. The zero value is what a server wants.
type ClusterOptions struct {
	// Parallel bounds the requests under way at once; 0 means the constant.
	Parallel int
	// RequestTimeout bounds one request; 0 means 30 s.
	RequestTimeout time.Duration
	// Timeout bounds one call of Plan; 0 means 3 minutes. What was not asked by
	// then is Unknown.
	Timeout time.Duration
	// ContactTimeout bounds the first question, whether the cluster is there at
	// all, however often it is asked; 0 means 10 s.
	ContactTimeout time.Duration
	// FieldManager is the name that the plan is made for: whose fields are ours.
	// Empty means DefaultFieldManager.
	FieldManager string
	// DryRunAll asks the API server about every object instead of the suspects
	// alone. The answer is the same, but for one thing: an object that is live as
	// Git wants it, and that a validating policy added since would now deny, is
	// None without and Refused with DryRunAll. Nothing is sent for it at apply.
	DryRunAll bool
	// Contact is what is known of whether the cluster is there; nil means one of its
	// own.
	Contact *Contact
	// Scope is what may be read and planned; nil means all that the identity may.
	Scope *Scope
}

func (o ClusterOptions) withDefaults() ClusterOptions {
	if o.Parallel <= 0 {
		o.Parallel = Parallel
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 30 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 3 * time.Minute
	}
	if o.ContactTimeout <= 0 {
		o.ContactTimeout = 10 * time.Second
	}
	if o.Contact == nil {
		o.Contact = &Contact{}
	}
	if o.FieldManager == "" {
		o.FieldManager = DefaultFieldManager
	}
	return o
}

// A Cluster is a live cluster as one identity. It is safe for concurrent use,
// and worth keeping: it remembers the kinds that the cluster serves and the API
// server's answers to dry runs whose circumstances have not changed.
type Cluster struct {
	name      string
	options   ClusterOptions
	dynamic   dynamic.Interface
	discovery *discovery.DiscoveryClient
	limit     *adaptiveLimit
	kinds     kindIndex
	answers   *answerCache
	shapes    shapes
	requests  atomic.Int64 // that left the process, for tests and benchmarks
}

// NewCluster returns the cluster that config leads to, registered under name. It
// asks nothing yet. The config's own rate limits, warning handler and timeout are
// replaced; an error means that the config itself is no good.
func NewCluster(name string, config *rest.Config, options ClusterOptions) (*Cluster, error) {
	c := &Cluster{name: name, options: options.withDefaults(), answers: newAnswerCache(maxAnswers)}
	config = rest.CopyConfig(config)
	c.limit = newAdaptiveLimit()
	config.QPS, config.Burst, config.RateLimiter = 0, 0, c.limit
	config.Timeout = c.options.RequestTimeout
	config.DisableCompression = true // the API server's CPU is dearer than the network
	config.WarningHandler = nil
	config.WarningHandlerWithContext = warningCollector{}
	config.Wrap(guard(c.limit, &c.requests, c.options.Contact))
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", name, err)
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", name, err)
	}
	if c.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(config, client); err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", name, err)
	}
	return c, nil
}

// Name returns the name under which the cluster is registered.
func (c *Cluster) Name() string { return c.name }

// SharesFairly reports whether the API server has shown that it shares itself out
// fairly (priority and fairness), so that clients need no limits of their own.
func (c *Cluster) SharesFairly() bool { return c.limit.lifted.Load() }
