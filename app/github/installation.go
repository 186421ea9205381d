package github

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// An installation is the App on one account: a client whose requests pass, from
// the caller to the network, through the conditional-request cache, the budget,
// what follows a renamed repository, and the installation's token.
type installation struct {
	auth   *authenticated
	client *gogithub.Client
	budget *budget
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
	i := &installation{auth: auth, budget: newSharedBudget(a.pace, a.ledger, id)}
	cached := a.conditional(id, budgeted{following{auth, a.api}, i.budget})
	cached.shared = i.budget.shared
	i.client = a.client(cached)
	a.installations[id] = i
	return i
}

// conditional returns an installation's cache: on disk, or in memory where there is
// no directory or it cannot be used.
func (a *App) conditional(id int64, next http.RoundTripper) *conditional {
	if a.cache != "" {
		on, kept, err := openShelf(filepath.Join(a.cache, strconv.FormatInt(id, 10)))
		if err == nil {
			return newConditional(next, conditionalBytes, on, kept)
		}
	}
	return newConditional(next, conditionalBytes/4, inMemory{}, nil)
}

// call makes calls of one operation about a repository and explains the error. A
// write waits for its turn first, outside the time that one request may take.
func (a *App) call(ctx context.Context, op Operation, repo handlers.Repository, do func(context.Context, *gogithub.Client) error) error {
	i := a.installation(repo.Installation)
	var err error
	if op.Access == "write" {
		err = i.budget.write(ctx, op)
	}
	if err == nil {
		err = do(withOperation(ctx, op), i.client)
	}
	if err != nil {
		return a.explain(ctx, op, repo.String(), i.budget, err)
	}
	return nil
}

// callAsApp makes calls of one operation as the App itself, and explains the error.
func (a *App) callAsApp(ctx context.Context, op Operation, do func(context.Context, *gogithub.Client) error) error {
	if err := do(withOperation(ctx, op), a.client(budgeted{a.asApp(), a.itself})); err != nil {
		return a.explain(ctx, op, fmt.Sprintf("app %d", a.id), a.itself, err)
	}
	return nil
}

// Stats returns the figures of each installation that was asked about anything, by
// its id; those of calls as the App itself have the id 0.
func (a *App) Stats() []Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := []Stats{a.itself.figures(0)}
	for _, id := range slices.Sorted(maps.Keys(a.installations)) {
		all = append(all, a.installations[id].budget.figures(id))
	}
	return all
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
	again, ok := repeat(r)
	if !ok {
		return response, nil
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
