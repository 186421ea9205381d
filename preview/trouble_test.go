package preview

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// troubled is a way to an API server on which the requests about one resource
// come to grief.
type troubled struct {
	next     http.RoundTripper
	resource string
	trouble  func(*http.Request) (*http.Response, error)
	asked    *atomic.Int64
}

func (t troubled) RoundTrip(request *http.Request) (*http.Response, error) {
	if strings.Contains(request.URL.Path, "/"+t.resource) {
		t.asked.Add(1)
		return t.trouble(request)
	}
	return t.next.RoundTrip(request)
}

func answering(code int, reason string) func(*http.Request) (*http.Response, error) {
	return func(request *http.Request) (*http.Response, error) {
		body := `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"in trouble","reason":"` + reason + `"}`
		return &http.Response{
			StatusCode: code, Status: http.StatusText(code), Request: request, ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
		}, nil
	}
}

// TestTroubleWithOneKindCostsNoOther lets an API server fail in every way for one
// kind: its objects are unknown, with why, and all others are planned.
func TestTroubleWithOneKindCostsNoOther(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment)
	two := configuration + strings.Replace(configuration, "settings", "others", 1)
	for _, test := range []struct {
		name, reason string
		trouble      func(*http.Request) (*http.Response, error)
	}{
		{"too many requests", "in trouble", answering(http.StatusTooManyRequests, "TooManyRequests")},
		{"unavailable", "in trouble", answering(http.StatusServiceUnavailable, "ServiceUnavailable")},
		{"broken", "in trouble", answering(http.StatusInternalServerError, "InternalError")},
		{"unauthorised", "in trouble", answering(http.StatusUnauthorized, "Unauthorized")},
		{"forbidden", "in trouble", answering(http.StatusForbidden, "Forbidden")},
		{"restarting", "connection refused", func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }},
		{"slow", "deadline exceeded", func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, request.Context().Err()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked atomic.Int64
			config := rest.CopyConfig(b.cluster.Config())
			config.Wrap(func(next http.RoundTripper) http.RoundTripper {
				return troubled{next: next, resource: "configmaps", trouble: test.trouble, asked: &asked}
			})
			b.t = t
			var options ClusterOptions
			if test.name == "slow" {
				options.RequestTimeout = 5 * time.Second // the requests that are well need much less on any machine
			}
			p := b.planAs(b.as(config, options), deployment+two, deployment+two)
			if p.Live != LiveCompared || p.Counts()[None] != 1 || p.Counts()[Unknown] != 2 {
				t.Errorf("%v of %s:\n%s", p.Counts(), p.Live, summary(p))
			}
			for _, c := range p.Changes {
				if c.Action == Unknown && (!strings.Contains(c.Reason, test.reason) || c.ID.Kind != "ConfigMap") {
					t.Errorf("%s is unknown because %q", c.ID, c.Reason)
				}
			}
			if n := asked.Load(); n > 12 { // one LIST, then each by itself; nobody insists
				t.Errorf("%d requests about what is in trouble", n)
			}
		})
	}
}
