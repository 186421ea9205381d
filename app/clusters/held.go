package clusters

import (
	"net/http"

	"github.com/slipwayhq/slipway/handlers"
)

// held is the transport that asks before each write whether the job that it belongs
// to is still this process's, however the write came about.
type held struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t held) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := handlers.Holding(r.Context()); err != nil {
			return nil, err
		}
	}
	return t.next.RoundTrip(r)
}
