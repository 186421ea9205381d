package deploy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
)

// interfere calls instead for the first n writes to the named object: what it returns is
// the answer, or nil to let the write through.
func interfere(name string, n int64, instead func(k int64) *http.Response) func(*rest.Config) {
	var count atomic.Int64
	return func(config *rest.Config) {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if isWrite(r) && strings.HasSuffix(r.URL.Path, "/"+name) {
					if k := count.Add(1); k <= n {
						if answer := instead(k); answer != nil {
							answer.Request = r
							return answer, nil
						}
					}
				}
				return next.RoundTrip(r)
			})
		})
	}
}

// Somebody who writes the object right before each of several tries loses nothing.
func TestConflictsAreBegunAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	rule := []preview.IgnoreRule{{Kind: "ConfigMap", Field: "/data/theirs"}}
	b.deployed(configMap("a", "1"))
	b.patch("somebody", "ConfigMap", "a", `{"data":{"theirs":"0"}}`)
	b.cluster = b.connect("disturbed", interfere("a", 3, func(k int64) *http.Response {
		b.patch("somebody", "ConfigMap", "a", fmt.Sprintf(`{"data":{"theirs":"%d"}}`, k))
		return nil
	}))
	request := b.request("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {value: '2', theirs: git}\n")
	request.Ignore, request.Sync.Retry.Limit = rule, 0 // a conflict is not what waiting is for
	b.want(b.apply(request), Applied)
	b.wantField(`{"theirs":"3","value":"2"}`, "ConfigMap", "a", "data")
}

// What gets better by itself is tried again, when writing and when deleting.
func TestWhatPassesIsTriedAgain(t *testing.T) {
	t.Parallel()
	answer := func(code int, reason, message string) *http.Response {
		body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":%q}`, code, reason, message)
		return &http.Response{StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
	}
	passing := func(k int64) *http.Response {
		switch k {
		case 1:
			return answer(http.StatusInternalServerError, "InternalError", "failed calling webhook \"ask.example.com\": context deadline exceeded")
		case 2:
			return answer(http.StatusGatewayTimeout, "Timeout", "request did not complete within the allotted timeout")
		}
		return answer(http.StatusForbidden, "Forbidden", "status unknown for quota: few, resources: count/configmaps")
	}
	b := newBed(t)
	b.deployed(maps("gone", "b", "c", "d"))
	b.cluster = b.connect("disturbed", func(config *rest.Config) {
		interfere("new", 3, passing)(config)
		interfere("gone", 3, passing)(config)
	})
	b.deployed(maps("new", "b", "c", "d"))
	b.wantField("gone", "ConfigMap", "gone")

	// More of it than there are tries is no failure of the commit's either.
	b.cluster = b.connect("disturbed", interfere("late", 100, passing))
	if receipt, err := b.cluster.Apply(b.context(), b.request(maps("late", "b", "c", "d", "new"))); err == nil {
		t.Errorf("it ended as %s: %s", receipt.State, receipt.Reason)
	}
	if state := b.record().Current.State; state != inventory.Applying {
		t.Errorf("the record says %s", state)
	}
	b.cluster = b.connect("undisturbed", nil)
	b.deployed(maps("late", "b", "c", "d", "new"))
}
