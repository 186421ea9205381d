package preview

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/util/flowcontrol"
)

// errWouldWrite is what the transport says instead of sending a request that
// could change the cluster.
var errWouldWrite = errors.New("a preview writes nothing, and this request could")

// priorityAndFairness is the response header by which an API server shows that it
// shares itself out fairly, so that clients need no limit of their own.
const priorityAndFairness = "X-Kubernetes-Pf-Flowschema-Uid"

// guarded is the transport nearest to the wire: it lets only reads and dry runs
// through.
type guarded struct {
	next    http.RoundTripper
	limit   *adaptiveLimit
	sent    *atomic.Int64
	contact *Contact
}

func guard(limit *adaptiveLimit, sent *atomic.Int64, contact *Contact) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return &guarded{next: next, limit: limit, sent: sent, contact: contact}
	}
}

// RoundTrip sends the request when it cannot write.
func (g *guarded) RoundTrip(request *http.Request) (*http.Response, error) {
	harmless, err := isHarmless(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, err)
	}
	if !harmless {
		return nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, errWouldWrite)
	}
	g.sent.Add(1)
	response, err := g.next.RoundTrip(request)
	err = g.contact.passed(err)
	if err == nil && response.Header.Get(priorityAndFairness) != "" {
		g.limit.lift()
	}
	return response, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (g *guarded) WrappedRoundTripper() http.RoundTripper { return g.next }

// isHarmless reports whether the request reads, or is a dry run. A GET of a
// subresource that leads into a container or a node is no read. Reviews (POST
// selfsubjectaccessreviews) store nothing but are held to the same rule: the API
// server takes dryRun=All there too, and a rule without exceptions is one that
// can be checked by reading it.
func isHarmless(request *http.Request) (bool, error) {
	switch request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		for part := range strings.SplitSeq(request.URL.Path, "/") {
			if slices.Contains([]string{"exec", "attach", "portforward", "proxy"}, part) {
				return false, nil
			}
		}
		return request.Header.Get("Upgrade") == "", nil
	case http.MethodPatch, http.MethodPost, http.MethodPut:
		return isDryRun(request.URL.Query()["dryRun"]), nil
	case http.MethodDelete:
		return deletesNothing(request)
	default:
		return false, nil
	}
}

func isDryRun(values []string) bool { return slices.Equal(values, []string{"All"}) }

// deletesNothing reads a DELETE's options where the API server does: in the body
// when there is one, which then overrides the query.
func deletesNothing(request *http.Request) (bool, error) {
	var body []byte
	if request.Body != nil {
		var err error
		body, err = io.ReadAll(request.Body)
		if err != nil {
			return false, fmt.Errorf("read options: %w", err)
		}
		if err := request.Body.Close(); err != nil {
			return false, fmt.Errorf("read options: %w", err)
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	if len(body) == 0 {
		return isDryRun(request.URL.Query()["dryRun"]), nil
	}
	var options struct {
		DryRun []string `json:"dryRun"`
	}
	if json.Unmarshal(body, &options) != nil {
		return false, nil // some other encoding: it cannot be judged, so it does not go
	}
	return isDryRun(options.DryRun), nil
}

// An adaptiveLimit is 50 requests a second with bursts of 100 until an API server
// has shown priority and fairness, and no limit from then on.
type adaptiveLimit struct {
	flowcontrol.RateLimiter
	lifted atomic.Bool
}

func newAdaptiveLimit() *adaptiveLimit {
	return &adaptiveLimit{RateLimiter: flowcontrol.NewTokenBucketRateLimiter(50, 100)}
}

func (l *adaptiveLimit) lift() { l.lifted.Store(true) }

// TryAccept reports whether a request may go at once.
func (l *adaptiveLimit) TryAccept() bool { return l.lifted.Load() || l.RateLimiter.TryAccept() }

// Accept returns when a request may go.
func (l *adaptiveLimit) Accept() {
	if !l.lifted.Load() {
		l.RateLimiter.Accept()
	}
}

// Wait returns when a request may go, or the context's error.
func (l *adaptiveLimit) Wait(ctx context.Context) error {
	if l.lifted.Load() {
		return nil
	}
	return l.RateLimiter.Wait(ctx)
}

// warnings are those that the API server returned to the requests of one context.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

type warningsKey struct{}

// withWarnings returns a context whose requests leave their warnings in the result.
func withWarnings(ctx context.Context) (context.Context, *warnings) {
	w := &warnings{}
	return context.WithValue(ctx, warningsKey{}, w), w
}

// list returns the warnings so far, each once, sorted.
func (w *warnings) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := slices.Clone(w.texts)
	slices.Sort(texts)
	return slices.Compact(texts)
}

// warningCollector hands each warning header to its request's context.
type warningCollector struct{}

// HandleWarningHeaderWithContext keeps a warning; 299 is the only code that
// carries one for people.
func (warningCollector) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	w, ok := ctx.Value(warningsKey{}).(*warnings)
	if !ok || code != 299 || text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}
