package deploy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

var errKilled = errors.New("the process was killed")

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// isWrite reports whether a request writes anything but a lease.
func isWrite(r *http.Request) bool {
	if slices.Contains([]string{http.MethodGet, http.MethodHead}, r.Method) || isLease(r) || r.URL.Query().Get("dryRun") != "" {
		return false
	}
	if r.Method != http.MethodDelete || r.GetBody == nil {
		return true
	}
	body, err := r.GetBody()
	if err != nil {
		return true
	}
	defer body.Close()
	options, err := io.ReadAll(body)
	return err != nil || !bytes.Contains(options, []byte("dryRun"))
}

func isLease(r *http.Request) bool { return strings.Contains(r.URL.Path, "/leases") }

// A counter counts requests.
type counter struct{ reads, writes atomic.Int64 }

func (c *counter) wrap(config *rest.Config) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			switch {
			case isWrite(r):
				c.writes.Add(1)
			case !isLease(r):
				c.reads.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
}

// A killer lets some writes through and then nothing at all, as if the process
// had been killed: before the next write is sent, or after it, so that its answer
// is never read.
type killer struct {
	left  atomic.Int64
	after bool
	dead  atomic.Bool
}

func (k *killer) wrap(config *rest.Config) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if k.dead.Load() {
				return nil, errKilled
			}
			if !isWrite(r) || k.left.Add(-1) >= 0 {
				return next.RoundTrip(r)
			}
			k.dead.Store(true)
			if k.after {
				if response, err := next.RoundTrip(r); err == nil {
					response.Body.Close()
				}
			}
			return nil, errKilled
		})
	})
}

// killAfterCreation lets nothing through once the named object was written without
// being deleted: the answer to that is never read.
func killAfterCreation(config *rest.Config, name string, cut *atomic.Bool) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if cut.Load() {
				return nil, errKilled
			}
			response, err := next.RoundTrip(r)
			if err == nil && r.Method == http.MethodPatch && isWrite(r) && strings.HasSuffix(r.URL.Path, "/"+name) {
				cut.Store(true)
				response.Body.Close()
				return nil, errKilled
			}
			return response, err
		})
	})
}
