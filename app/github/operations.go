package github

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// An Operation is one call of GitHub's REST API that this package makes, with
// what the App must have been granted for it. app.yml declares exactly the union.
type Operation struct {
	// ID is GitHub's operationId, e.g. "checks/create".
	ID string
	// Permission is the name in default_permissions, e.g. "checks"; empty where
	// none is needed (calls as the App itself).
	Permission string
	// Access is "read" or "write"; empty where Permission is.
	Access string
}

// The calls that this package makes. A call that is not in this list cannot be
// made: call takes an Operation, and the tests drive each one.
var (
	appsGetAuthenticated        = Operation{"apps/get-authenticated", "", ""}
	appsCreateInstallationToken = Operation{"apps/create-installation-access-token", "", ""}
	appsCreateFromManifest      = Operation{"apps/create-from-manifest", "", ""}
	pullsGet                    = Operation{"pulls/get", "pull_requests", "read"}
	pullsList                   = Operation{"pulls/list", "pull_requests", "read"}
	issuesListComments          = Operation{"issues/list-comments", "pull_requests", "read"}
	issuesGetComment            = Operation{"issues/get-comment", "pull_requests", "read"}
	issuesCreateComment         = Operation{"issues/create-comment", "pull_requests", "write"}
	issuesUpdateComment         = Operation{"issues/update-comment", "pull_requests", "write"}
	issuesDeleteComment         = Operation{"issues/delete-comment", "pull_requests", "write"}
	checksListForRef            = Operation{"checks/list-for-ref", "checks", "read"}
	checksCreate                = Operation{"checks/create", "checks", "write"}
	checksUpdate                = Operation{"checks/update", "checks", "write"}
)

// Operations returns every call that this package makes.
func Operations() []Operation {
	return []Operation{
		appsGetAuthenticated, appsCreateInstallationToken, appsCreateFromManifest,
		pullsGet, pullsList,
		issuesListComments, issuesGetComment, issuesCreateComment, issuesUpdateComment, issuesDeleteComment,
		checksListForRef, checksCreate, checksUpdate,
	}
}

// Permissions returns what the App must have been granted, by name, as app.yml
// declares it: what the calls need, and what is used without one.
func Permissions() map[string]string {
	needed := map[string]string{
		"metadata":     "read", // GitHub requires it of every App
		"contents":     "read", // Git: fetching the repository
		"merge_queues": "read", // merge_group events
	}
	for _, op := range Operations() {
		if op.Permission != "" && needed[op.Permission] != "write" {
			needed[op.Permission] = op.Access
		}
	}
	return needed
}

type operationKey struct{}

func withOperation(ctx context.Context, op Operation) context.Context {
	return context.WithValue(ctx, operationKey{}, op)
}

// operationOf returns the operation that a request is part of; minting a token
// on the way to another call counts as its own.
func operationOf(r *http.Request) string {
	op, _ := r.Context().Value(operationKey{}).(Operation)
	if r.Method == http.MethodPost && isTokenPath(r.URL.Path) {
		op = appsCreateInstallationToken
	}
	return op.ID
}

func spanName(_ string, r *http.Request) string { return "github " + operationOf(r) }

// counted counts requests that really leave, by operation and status.
type counted struct{ next http.RoundTripper }

var calls, _ = otel.Meter("github.com/slipwayhq/slipway/app/github").Int64Counter("slipway.github.calls",
	metric.WithDescription("Requests made to GitHub, by operation and status; 0 is no answer."))

// RoundTrip implements [http.RoundTripper].
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	status := 0
	if err == nil {
		status = response.StatusCode
	}
	calls.Add(r.Context(), 1, metric.WithAttributes(
		attribute.String("operation", operationOf(r)), attribute.Int("status", status)))
	return response, err
}
