package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gogithub "github.com/google/go-github/v60/github"
	"golang.org/x/time/rate"

	"github.com/slipwayhq/slipway/handlers"
)

// An installation is the App on one account: a client whose requests pass, from
// the caller to the network, through the conditional-request cache and the
// installation's token. Writes are paced.
type installation struct {
	auth   *authenticated
	client *gogithub.Client
	writes *rate.Limiter // nil does not pace
}

// installation returns the client of an installation, made when first asked for.
func (a *App) installation(id int64) *installation {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := a.installations[id]; i != nil {
		return i
	}
	auth := &authenticated{mint: func() *ghinstallation.Transport {
		// An apps transport of its own each time: ghinstallation writes to it when
		// it mints, so installations must not share one.
		t := ghinstallation.NewFromAppsTransport(a.asApp(), id)
		t.BaseURL = strings.TrimSuffix(a.api.String(), "/")
		return t
	}}
	auth.current = auth.mint()
	i := &installation{auth: auth, writes: limiter(a.pace)}
	i.client = a.client(newConditional(auth, conditionalBytes))
	a.installations[id] = i
	return i
}

// asApp returns a transport that signs requests as the App itself.
func (a *App) asApp() *ghinstallation.AppsTransport {
	t := ghinstallation.NewAppsTransportFromPrivateKey(a.base, a.id, a.key)
	t.BaseURL = strings.TrimSuffix(a.api.String(), "/")
	return t
}

// call makes calls of one operation about a repository and explains the error. A
// write waits for its turn first, outside the time that one request may take.
func (a *App) call(ctx context.Context, op Operation, repo handlers.Repository, do func(context.Context, *gogithub.Client) error) error {
	i := a.installation(repo.Installation)
	if op.Access == "write" && i.writes != nil {
		if err := i.writes.Wait(ctx); err != nil {
			return a.explain(ctx, op, repo.String(), err)
		}
	}
	if err := do(withOperation(ctx, op), i.client); err != nil {
		return a.explain(ctx, op, repo.String(), err)
	}
	return nil
}

// callAsApp makes calls of one operation as the App itself, and explains the error.
func (a *App) callAsApp(ctx context.Context, op Operation, do func(context.Context, *gogithub.Client) error) error {
	if err := do(withOperation(ctx, op), a.client(a.asApp())); err != nil {
		return a.explain(ctx, op, fmt.Sprintf("app %d", a.id), err)
	}
	return nil
}

// authenticated adds the installation's token. A token that GitHub no longer
// takes (401) is thrown away and the request made once more with a fresh one.
type authenticated struct {
	mint func() *ghinstallation.Transport

	mu      sync.Mutex
	current *ghinstallation.Transport
}

// RoundTrip implements [http.RoundTripper].
func (t *authenticated) RoundTrip(r *http.Request) (*http.Response, error) {
	used := t.transport()
	response, err := used.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	again := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return response, nil
		}
		body, err := r.GetBody()
		if err != nil {
			return response, nil
		}
		again.Body = body
	}
	drain(response)
	return t.replace(used).RoundTrip(again)
}

func (t *authenticated) transport() *ghinstallation.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}

// replace forgets the token of used, unless somebody has done so already.
func (t *authenticated) replace(used *ghinstallation.Transport) *ghinstallation.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == used {
		t.current = t.mint()
	}
	return t.current
}

func (t *authenticated) token(ctx context.Context) (string, error) {
	return t.transport().Token(ctx)
}

func isTokenPath(path string) bool {
	return strings.HasSuffix(path, "/access_tokens") && strings.Contains(path, "/app/installations/")
}

// writesPerMinute is GitHub's limit on content-creating requests.
const writesPerMinute = 80

// limiter allows perMinute writes in any minute: half of them at once, half of
// them spread.
func limiter(perMinute int) *rate.Limiter {
	if perMinute < 0 {
		return nil
	}
	if perMinute == 0 {
		perMinute = writesPerMinute
	}
	half := max(1, perMinute/2)
	return rate.NewLimiter(rate.Limit(float64(half)/60), half)
}
