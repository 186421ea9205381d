package preview

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// contactMemory is how long a cluster that did not answer is asked without
	// patience: once, and briefly.
	contactMemory = 30 * time.Second
	// impatience bounds that.
	impatience = 2 * time.Second
	// roundLength is how far apart connections must break to be counted apart: many
	// requests are under way at once, and break at once.
	roundLength = 500 * time.Millisecond
	// maxRounds is how often connections may break, with nothing answered meanwhile,
	// until no request is sent again.
	maxRounds = 3
)

// contactTries is how often a cluster is asked whether it is there before it is
// said not to be: a restarted API server, or a connection that breaks, is no outage.
var contactTries = wait.Backoff{Steps: 3, Duration: 400 * time.Millisecond, Factor: 2.5, Jitter: 0.1}

// errKeepsBreaking stands for a broken connection where sending the request again
// is of no use: client-go would do it ten times, a second apart.
var errKeepsBreaking = errors.New("the connection keeps breaking")

// A Contact knows how a cluster answered lately. Every [Cluster] that leads to the
// same API server should have the same one: whether it is there is then asked once,
// whoever wants to know, and waited for once. The zero Contact is ready, and safe
// for concurrent use.
type Contact struct {
	mu     sync.Mutex
	asking chan struct{} // closed when whoever asks now knows
	err    error         // of the last question; nil where it was answered
	at     time.Time     // of it
	rounds int           // in which connections broke since anything was answered
	broke  time.Time     // the last of them
}

// ask asks whether the cluster is there, patiently unless it was not there a moment
// ago. While somebody asks, others wait: that there was no answer is theirs, too.
// Where there was one they ask for themselves, since it may depend on who asks.
func (c *Contact) ask(ctx context.Context, question func(patient bool) error) error {
	c.mu.Lock()
	patient := c.err == nil || time.Since(c.at) >= contactMemory
	asking := c.asking
	if asking == nil {
		c.asking = make(chan struct{})
	}
	c.mu.Unlock()
	if asking == nil {
		return c.answered(ctx, patient, question(patient))
	}
	select {
	case <-asking:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return question(true)
}

// answered notes how a question ended, and lets those go who wait for it.
func (c *Contact) answered(ctx context.Context, patient bool, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() == nil { // else nobody waited for the answer
		if err == nil || patient {
			c.at = time.Now()
		}
		c.err = err
	}
	close(c.asking)
	c.asking = nil
	return err
}

// passed notes how a request ended, and returns its error: another one where it is
// of no use to send it again.
func (c *Contact) passed(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.rounds = 0
		return nil
	case !utilnet.IsConnectionReset(err) && !utilnet.IsProbableEOF(err) && !utilnet.IsHTTP2ConnectionLost(err):
		return err
	}
	if c.rounds == 0 || time.Since(c.broke) >= roundLength {
		c.rounds++
		c.broke = time.Now()
	}
	if c.rounds >= maxRounds {
		return errKeepsBreaking
	}
	return err
}

// version asks for the API server's version, and so whether the cluster is there at
// all: the error says that nobody answers. It is empty where the API server answers
// and does not tell.
func (c *Cluster) version(ctx context.Context) (version string, err error) {
	err = c.options.Contact.ask(ctx, func(patient bool) error {
		tries, limit := contactTries, c.options.ContactTimeout
		if !patient {
			tries.Steps, limit = 1, min(impatience, limit)
		}
		version, err = c.askVersion(ctx, tries, limit)
		return err
	})
	return version, err
}

func (c *Cluster) askVersion(ctx context.Context, tries wait.Backoff, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		raw, err := c.discovery.RESTClient().Get().AbsPath("/version").MaxRetries(0).Do(ctx).Raw()
		switch {
		case err == nil:
			return versionIn(raw), nil
		case isAnswer(err) && !isAway(err):
			return "", nil
		}
		pause := tries.Step()
		if tries.Steps <= 0 {
			return "", err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return "", err
		}
	}
}

// isAway reports whether it is what stands before an API server that answers.
func isAway(err error) bool {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return false
	}
	code := answer.Status().Code
	return code == http.StatusBadGateway || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
}

func versionIn(answer []byte) string {
	var info struct {
		GitVersion string `json:"gitVersion"`
	}
	if json.Unmarshal(answer, &info) != nil {
		return "" // nor would anything else be understood
	}
	return info.GitVersion
}
