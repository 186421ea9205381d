package github

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// An Operation is one call of GitHub's REST API that this package makes, with
// what the App must have been granted for it. app.yml declares exactly the union.
type Operation struct {
	// ID is GitHub's operationId, e.g. "checks/create".
	ID string
	// Permission is the name in default_permissions, e.g. "checks"; empty where none
	// is needed (calls as the App itself, and what metadata suffices for). What is
	// said on pull requests and on issues are the same operations; the permission is
	// that of pull requests.
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
	pullsListReviews            = Operation{"pulls/list-reviews", "pull_requests", "read"}
	pullsCreate                 = Operation{"pulls/create", "pull_requests", "write"}
	pullsUpdate                 = Operation{"pulls/update", "pull_requests", "write"}
	issuesListComments          = Operation{"issues/list-comments", "pull_requests", "read"}
	issuesGetComment            = Operation{"issues/get-comment", "pull_requests", "read"}
	issuesCreateComment         = Operation{"issues/create-comment", "pull_requests", "write"}
	issuesUpdateComment         = Operation{"issues/update-comment", "pull_requests", "write"}
	issuesDeleteComment         = Operation{"issues/delete-comment", "pull_requests", "write"}
	checksListForRef            = Operation{"checks/list-for-ref", "checks", "read"}
	checksCreate                = Operation{"checks/create", "checks", "write"}
	checksUpdate                = Operation{"checks/update", "checks", "write"}
	reactionsCreate             = Operation{"reactions/create-for-issue-comment", "pull_requests", "write"}
	issuesList                  = Operation{"issues/list-for-repo", "issues", "read"}
	issuesCreate                = Operation{"issues/create", "issues", "write"}
	issuesUpdate                = Operation{"issues/update", "issues", "write"}
	deploymentsList             = Operation{"repos/list-deployments", "deployments", "read"}
	deploymentsCreate           = Operation{"repos/create-deployment", "deployments", "write"}
	deploymentsListStatuses     = Operation{"repos/list-deployment-statuses", "deployments", "read"}
	deploymentsCreateStatus     = Operation{"repos/create-deployment-status", "deployments", "write"}
	commitsListPulls            = Operation{"repos/list-pull-requests-associated-with-commit", "pull_requests", "read"}
	commitsCompare              = Operation{"repos/compare-commits-with-basehead", "contents", "read"}
	gitGetCommit                = Operation{"git/get-commit", "contents", "read"}
	gitGetRef                   = Operation{"git/get-ref", "contents", "read"}
	gitCreateTree               = Operation{"git/create-tree", "contents", "write"}
	gitCreateCommit             = Operation{"git/create-commit", "contents", "write"}
	gitCreateRef                = Operation{"git/create-ref", "contents", "write"}
	gitUpdateRef                = Operation{"git/update-ref", "contents", "write"}
	teamsGetMembership          = Operation{"teams/get-membership-for-user-in-org", "members", "read"}
	collaboratorsGetPermission  = Operation{"repos/get-collaborator-permission-level", "", ""} // metadata, which every App has
	appsListInstallations       = Operation{"apps/list-installations", "", ""}
	appsListDeliveries          = Operation{"apps/list-webhook-deliveries", "", ""}
	appsRedeliver               = Operation{"apps/redeliver-webhook-delivery", "", ""}
	appsListRepositories        = Operation{"apps/list-repos-accessible-to-installation", "", ""}
)

// Operations returns every call that this package makes.
func Operations() []Operation {
	return []Operation{
		appsGetAuthenticated, appsCreateInstallationToken, appsCreateFromManifest,
		appsListInstallations, appsListRepositories, appsListDeliveries, appsRedeliver,
		collaboratorsGetPermission, teamsGetMembership,
		pullsGet, pullsList, pullsListReviews, pullsCreate, pullsUpdate,
		issuesListComments, issuesGetComment, issuesCreateComment, issuesUpdateComment, issuesDeleteComment,
		checksListForRef, checksCreate, checksUpdate,
		reactionsCreate, issuesList, issuesCreate, issuesUpdate,
		deploymentsList, deploymentsCreate, deploymentsListStatuses, deploymentsCreateStatus,
		commitsListPulls, commitsCompare,
		gitGetCommit, gitGetRef, gitCreateTree, gitCreateCommit, gitCreateRef, gitUpdateRef,
	}
}

// Permissions returns what the App must have been granted, by name, as app.yml
// declares it: what the calls need, and what is used without one.
func Permissions() map[string]string {
	needed := map[string]string{
		"metadata":     "read", // GitHub requires it of every App
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
type counted struct {
	next  http.RoundTripper
	calls *prometheus.CounterVec
}

func newCalls() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "slipway_github_calls_total",
		Help: "Requests made to GitHub, by operation and status; status 0 is no answer, 304 is free of the rate limit.",
	}, []string{"operation", "status"})
}

// RoundTrip implements [http.RoundTripper].
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	status := 0
	if err == nil {
		status = response.StatusCode
	}
	c.calls.WithLabelValues(operationOf(r), strconv.Itoa(status)).Inc()
	return response, err
}

// creates reports whether an operation makes something new of what GitHub counts
// as content.
func (op Operation) creates() bool {
	switch op {
	case pullsCreate, issuesCreate, issuesCreateComment, checksCreate, reactionsCreate, deploymentsCreate, deploymentsCreateStatus:
		return true
	}
	return false
}

// itself reports whether an operation is called as the App itself, by its key.
func (op Operation) itself() bool {
	return strings.HasPrefix(op.ID, "apps/") && op != appsListRepositories
}

// rank orders writes that wait: decisions, then what is said, then decorations.
func (op Operation) rank() int {
	switch {
	case strings.HasPrefix(op.ID, "checks/"):
		return 0
	case strings.HasPrefix(op.ID, "reactions/"):
		return 2
	}
	return 1
}
