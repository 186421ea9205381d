package github

import (
	"net/http"

	"github.com/slipwayhq/slipway/handlers"
)

// budgeted is the transport that asks the budget before each read, and tells it of
// each answer. Writes have had their turn already, outside the time that one
// request may take; since they may have waited for it, they ask here whether the job
// is still this process's.
type budgeted struct {
	next   http.RoundTripper
	budget *budget
}

// RoundTrip implements [http.RoundTripper].
func (t budgeted) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		if err := t.budget.read(r.Context()); err != nil {
			return nil, err
		}
	} else if err := handlers.Holding(r.Context()); err != nil {
		return nil, err
	}
	response, err := t.next.RoundTrip(r)
	if err == nil {
		t.budget.heard(response)
	}
	return response, err
}
