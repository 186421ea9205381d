// Package github turns GitHub's REST API into the small interfaces that package
// handlers declares, and GitHub's webhook deliveries into the events that it
// declares. It is the only package that knows go-github, ghinstallation and
// go-githubapp. An [App] authenticates as the GitHub App and keeps one client
// per installation, each with its own token, conditional-request cache and pace
// of writes; what one installation may see never answers another.
//
// A call that fails is an [*Error]: its text holds no token, and what it means is
// asked with [errors.Is] ([handlers.ErrGone], [ErrForbidden], [ErrRateLimited],
// [ErrTemporary], [ErrRejected]), never by its words.
package github

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v4"
	gogithub "github.com/google/go-github/v60/github"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/slipwayhq/slipway/handlers"
)

// Settings say which GitHub App this is and where its GitHub is.
type Settings struct {
	// AppID is the App's numeric id.
	AppID int64
	// PrivateKey is the App's RSA key, PEM.
	PrivateKey []byte
	// WebhookSecret signs deliveries. Without one there is no webhook.
	WebhookSecret string

	// Web is where people and Git go; https://github.com where empty. For GitHub
	// Enterprise Server, https://<host>.
	Web string
	// API is the REST API's root; https://api.github.com/ where empty. For GitHub
	// Enterprise Server, https://<host>/api/v3/.
	API string
	// Upload is the root for uploads. Where empty, it follows from API.
	Upload string

	// Accounts are the users and organisations whose repositories are served,
	// compared without case. Deliveries of any other are ignored. Empty serves
	// every account that the App is installed on.
	Accounts []string

	// Pace keeps each installation within GitHub's limits.
	Pace Pace
	// Ledger has what all processes spent of it together; nil where this one is alone.
	Ledger Ledger
	// Cache is a directory for what GitHub said, to be asked only whether it has
	// changed; it may be lost, and holds what the App may read. In memory where empty.
	Cache string

	// Now is the clock; [time.Now] where nil.
	Now func() time.Time

	// Transport carries all requests; [http.DefaultTransport] where nil.
	Transport http.RoundTripper
}

const (
	publicWeb    = "https://github.com"
	publicAPI    = "https://api.github.com/"
	publicUpload = "https://uploads.github.com/"

	// callTimeout bounds one request, so that a silent GitHub costs a retry and
	// not a worker.
	callTimeout = 30 * time.Second
)

// An App acts as the GitHub App. It is safe for concurrent use.
type App struct {
	id       int64
	key      *rsa.PrivateKey
	secret   string
	web      string
	api      *url.URL
	upload   *url.URL
	accounts map[string]bool // lower case; empty allows all
	pace     Pace
	ledger   Ledger
	cache    string
	base     http.RoundTripper
	now      func() time.Time
	calls    *prometheus.CounterVec
	skew     atomic.Int64 // by how much GitHub's clock is ahead of ours, a time.Duration
	itself   *budget      // of the calls as the App itself

	mu            sync.Mutex
	installations map[int64]*installation
	slug          string // learned from GitHub when first needed
}

// New checks settings and returns the App; it calls nobody.
func New(settings Settings) (*App, error) {
	var problems []error
	if settings.AppID <= 0 {
		problems = append(problems, errors.New("app id: must be a positive number"))
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(settings.PrivateKey)
	if err != nil {
		problems = append(problems, errors.New("private key: not an RSA key in PEM"))
	}
	a := &App{
		id: settings.AppID, key: key, secret: settings.WebhookSecret,
		accounts: map[string]bool{}, pace: settings.Pace, cache: settings.Cache, now: settings.Now,
		installations: map[int64]*installation{}, calls: newCalls(), itself: newSharedBudget(settings.Pace, settings.Ledger, 0), ledger: settings.Ledger,
	}
	if a.now == nil {
		a.now = time.Now
	}
	web, err := root("web", settings.Web, publicWeb)
	problems = append(problems, err)
	if a.api, err = root("api", settings.API, publicAPI); err != nil {
		problems = append(problems, err)
	}
	if a.upload, err = root("upload", settings.Upload, uploadFor(settings.API)); err != nil {
		problems = append(problems, err)
	}
	for _, account := range settings.Accounts {
		a.accounts[strings.ToLower(account)] = true
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("github settings: %w", err)
	}
	a.web = strings.TrimSuffix(web.String(), "/")
	base := settings.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	a.base = otelhttp.NewTransport(counted{base, a.calls}, otelhttp.WithSpanNameFormatter(spanName))
	return a, nil
}

// root parses a root URL, or its default, and makes it end in a slash.
func root(name, value, standard string) (*url.URL, error) {
	if value == "" {
		value = standard
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("%s: must be an http(s) URL without user and query", name)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}

// uploadFor returns the upload root that belongs to an API root: GitHub
// Enterprise Server has it beside /api/v3/.
func uploadFor(api string) string {
	if api == "" || strings.TrimSuffix(api, "/")+"/" == publicAPI {
		return publicUpload
	}
	return strings.TrimSuffix(strings.TrimSuffix(api, "/"), "/v3") + "/uploads/"
}

// Token returns a token of the installation that is valid for at least a minute.
// It is a secret: to be handed over in an environment or header, never in a URL
// or an argument.
func (a *App) Token(ctx context.Context, installation int64) (string, error) {
	token, err := a.installation(installation).auth.token(withOperation(ctx, appsCreateInstallationToken))
	if err != nil {
		return "", a.explain(ctx, appsCreateInstallationToken, fmt.Sprintf("installation %d", installation), a.installation(installation).budget, err)
	}
	return token, nil
}

// CloneURL is where Git fetches a repository from. It holds no credentials.
func (a *App) CloneURL(repo handlers.Repository) string {
	return fmt.Sprintf("%s/%s/%s.git", a.web, repo.Owner, repo.Name)
}

// Slug returns the App's name in URLs, which is also that of its bot account
// without its final [bot]. It asks GitHub once.
func (a *App) Slug(ctx context.Context) (string, error) {
	a.mu.Lock()
	slug := a.slug
	a.mu.Unlock()
	if slug != "" {
		return slug, nil
	}
	var app *gogithub.App
	err := a.callAsApp(ctx, appsGetAuthenticated, func(ctx context.Context, client *gogithub.Client) (err error) {
		app, _, err = client.Apps.Get(ctx, "")
		return err
	})
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slug = app.GetSlug()
	return a.slug, nil
}

// client returns a go-github client for this GitHub over transport. Redirects (a
// repository that was renamed) are followed on this GitHub alone: whoever answers
// them is sent the token.
func (a *App) client(transport http.RoundTripper) *gogithub.Client {
	h := &http.Client{Transport: transport, Timeout: callTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != a.api.Host || r.URL.Scheme != a.api.Scheme || len(via) > 5 {
			return fmt.Errorf("refused a redirect to %s", r.URL.Host)
		}
		return nil
	}}
	client := gogithub.NewClient(h)
	client.BaseURL, client.UploadURL = a.api, a.upload
	client.UserAgent = "slipway"
	return client
}
