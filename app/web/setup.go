package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// setupFor is how long GitHub keeps a manifest's code.
const setupFor = time.Hour

// Credentials are those of the App that set-up registered.
type Credentials struct {
	AppID         int64
	Page          string // where the App is installed from
	PrivateKey    string // PEM
	WebhookSecret string
}

// A Setup registers the GitHub App, once: /setup?token=… shows a form that posts
// the manifest to GitHub, which sends the person back to /setup/done with a
// code; the code is traded for the App's credentials, and those are written to
// files that only the service's user can read.
//
// It works for whoever holds the token, for one hour, and only until it has worked.
type Setup struct {
	// Manifest is app.yml.
	Manifest []byte
	// PublicURL is the service's public address, e.g. https://slipway.example.com.
	PublicURL string
	// WebhookPath is "/webhook" where empty.
	WebhookPath string
	// GitHub is where the App is registered, e.g. https://github.com.
	GitHub string
	// Directory is where the credentials are written, which must not exist there yet.
	Directory string
	// Convert trades the code for the credentials.
	Convert func(ctx context.Context, code string) (Credentials, error)
	Log     *slog.Logger
	// Now is the clock; [time.Now] where nil.
	Now func() time.Time

	token    string
	finished chan struct{}

	mu       sync.Mutex
	deadline time.Time
	state    string // of the form shown last; empty before
	done     bool
}

// The files that set-up writes, in its directory.
const (
	AppIDFile         = "app-id"
	PrivateKeyFile    = "private-key.pem"
	WebhookSecretFile = "webhook-secret"
)

// Start makes the token and returns the address to open, token included: print
// it where only the operator reads.
func (s *Setup) Start() (address string, err error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.WebhookPath == "" {
		s.WebhookPath = "/webhook"
	}
	for _, name := range []string{AppIDFile, PrivateKeyFile, WebhookSecretFile} {
		if _, err := os.Lstat(filepath.Join(s.Directory, name)); !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("set up: %s exists already; move it away to register another App", filepath.Join(s.Directory, name))
		}
	}
	if _, err := s.manifest(); err != nil {
		return "", err
	}
	s.token, s.deadline, s.finished = rand.Text(), s.Now().Add(setupFor), make(chan struct{})
	return s.public("/setup") + "?token=" + s.token, nil
}

// Done is closed when the App is registered and its credentials are written. Ask
// for it after Start.
func (s *Setup) Done() <-chan struct{} { return s.finished }

func (s *Setup) public(path string) string { return strings.TrimSuffix(s.PublicURL, "/") + path }

// manifest returns app.yml as GitHub wants it: JSON, with this service's addresses.
func (s *Setup) manifest() ([]byte, error) {
	var manifest map[string]any
	if err := yaml.UnmarshalStrict(s.Manifest, &manifest); err != nil {
		return nil, fmt.Errorf("set up: read app.yml: %w", err)
	}
	manifest["hook_attributes"] = map[string]any{"url": s.public(s.WebhookPath), "active": true}
	manifest["redirect_url"] = s.public("/setup/done")
	encoded, err := json.Marshal(manifest)
	if err != nil {
		return nil, fmt.Errorf("set up: write the manifest: %w", err)
	}
	return encoded, nil
}

// ServeHTTP implements [http.Handler], for /setup and /setup/done.
func (s *Setup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock() // one person at a time sets up
	switch {
	case s.done || s.token == "" || s.Now().After(s.deadline):
		http.NotFound(w, r)
	case r.URL.Path == "/setup":
		s.form(w, r)
	case r.URL.Path == "/setup/done":
		s.finish(w, r)
	default:
		http.NotFound(w, r)
	}
}

// organization is what GitHub allows as an account's name.
var organization = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$`)

// form shows the form that posts the manifest to GitHub.
func (s *Setup) form(w http.ResponseWriter, r *http.Request) {
	if !same(r.URL.Query().Get("token"), s.token) {
		http.NotFound(w, r)
		return
	}
	manifest, err := s.manifest()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	action := strings.TrimSuffix(s.GitHub, "/") + "/settings/apps/new"
	if org := r.URL.Query().Get("organization"); org != "" {
		if !organization.MatchString(org) {
			http.Error(w, "organization: not an account's name", http.StatusBadRequest)
			return
		}
		action = strings.TrimSuffix(s.GitHub, "/") + "/organizations/" + org + "/settings/apps/new"
	}
	s.state = rand.Text()
	target, err := url.Parse(action)
	if err != nil {
		http.Error(w, "GitHub's address is not a URL", http.StatusInternalServerError)
		return
	}
	policy := "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' " +
		target.Scheme + "://" + target.Host
	var pretty bytes.Buffer
	_ = json.Indent(&pretty, manifest, "", "  ") // it was marshalled just now
	showWith(w, http.StatusOK, "setup.html", map[string]any{
		"Action": action + "?state=" + s.state, "Manifest": string(manifest), "Pretty": pretty.String(),
		"Token": s.token, "Directory": s.Directory,
	}, policy)
}

// code is what GitHub's codes look like; it becomes part of a path.
var code = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// finish trades the code and writes the credentials.
func (s *Setup) finish(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if s.state == "" || !same(query.Get("state"), s.state) {
		http.Error(w, "This is not the answer to a form that this page has shown. Open the set-up address again.", http.StatusForbidden)
		return
	}
	if !code.MatchString(query.Get("code")) {
		http.Error(w, "GitHub sent no code. Open the set-up address again.", http.StatusBadRequest)
		return
	}
	s.state = "" // a state is good for one answer
	credentials, err := s.Convert(r.Context(), query.Get("code"))
	if err != nil {
		s.Log.ErrorContext(r.Context(), "set-up: GitHub did not take the code", "error", err)
		http.Error(w, "GitHub did not take the code; it is good once and for one hour. Open the set-up address again.", http.StatusBadGateway)
		return
	}
	if err := s.write(credentials); err != nil {
		s.Log.ErrorContext(r.Context(), "set-up: write the credentials", "error", err)
		http.Error(w, "The credentials could not be written; the log says why. Delete the App on GitHub and start again.", http.StatusInternalServerError)
		return
	}
	s.done = true
	defer close(s.finished) // after the page below is written
	s.Log.InfoContext(r.Context(), "set-up is done", "app", credentials.AppID, "directory", s.Directory)
	show(w, http.StatusOK, "done.html", map[string]any{
		"AppID": credentials.AppID, "Page": credentials.Page, "Directory": s.Directory,
		"Key": PrivateKeyFile, "Secret": WebhookSecretFile, "ID": AppIDFile,
	})
}

// write keeps the credentials; it never writes over a file.
func (s *Setup) write(c Credentials) error {
	if c.AppID <= 0 || c.PrivateKey == "" || c.WebhookSecret == "" {
		return errors.New("GitHub's answer lacks the id, the key or the webhook secret")
	}
	if err := os.MkdirAll(s.Directory, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", s.Directory, err)
	}
	for _, file := range []struct{ name, content string }{
		{PrivateKeyFile, c.PrivateKey}, {WebhookSecretFile, c.WebhookSecret + "\n"}, {AppIDFile, fmt.Sprintln(c.AppID)},
	} {
		if err := create(filepath.Join(s.Directory, file.name), file.content); err != nil {
			return err
		}
	}
	return nil
}

func create(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func same(given, want string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
