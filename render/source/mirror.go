package source

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// Credentials returns what to authenticate to a remote with, e.g. x-access-token
// and an installation token. It is asked before each request, so that tokens may
// expire; an empty token means none.
type Credentials func(ctx context.Context) (username, token string, err error)

// A Mirror is a bare partial clone of a remote repository: all commits and trees
// that were asked for, and of the blobs those that were read. It keeps to one
// directory, which no other process may use, and which may be deleted at any time
// when nobody does: it comes back.
type Mirror struct {
	*Repository
	origin      string
	protocols   string
	credentials Credentials
	most        int64 // bytes of one fetch
	// fetching is held by the one fetch or maintenance that runs; guard is taken
	// first.
	fetching chan struct{}
	// replaced is when a broken mirror was last replaced; guard is held for writing.
	replaced time.Time
}

// An Option changes how a mirror is opened.
type Option func(*Mirror)

// AllowFile lets a mirror have a remote on the local disk: file:// or a path.
func AllowFile() Option { return func(m *Mirror) { m.protocols = "file" } }

// Open returns the mirror of the repository at origin, an http or https URL
// without credentials in it, kept in dir. Nothing is fetched and, once dir
// exists, no program is started. credentials may be nil. The error says so where
// git is missing or too old.
func Open(dir, origin string, credentials Credentials, options ...Option) (*Mirror, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open mirror %s: %w", dir, err)
	}
	if _, err := installed(); err != nil {
		return nil, fmt.Errorf("open mirror %s: %w", dir, err)
	}
	if err := fetchesOnlyWhenAsked(); err != nil {
		return nil, fmt.Errorf("open mirror %s: %w", dir, err)
	}
	m := &Mirror{
		Repository: newRepository(dir), origin: origin, protocols: "https:http",
		credentials: credentials, most: MaxFetchBytes, fetching: make(chan struct{}, 1),
	}
	for _, option := range options {
		option(m)
	}
	if err := checkOrigin(origin, m.protocols == "file"); err != nil {
		return nil, fmt.Errorf("open mirror %s: %w", dir, err)
	}
	if err := m.removeStale(); err != nil {
		return nil, fmt.Errorf("open mirror %s: %w", dir, err)
	}
	m.remote = m
	return m, nil
}

// checkOrigin refuses what git could take for an option or another transport.
func checkOrigin(origin string, file bool) error {
	u, err := url.Parse(origin)
	switch {
	case err != nil:
		return errors.New("the repository's URL cannot be parsed") // err would repeat it
	case u.User != nil:
		return errors.New("the repository's URL has credentials in it")
	case strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("the repository's URL has spaces or control characters in it")
	case file && (u.Scheme == "file" || u.Scheme == "" && filepath.IsAbs(origin)):
		return nil
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host != "":
		return nil
	}
	return fmt.Errorf("the repository's URL has to start with https://, not %q", u.Scheme)
}

// access returns an invocation that may fetch. The remote exists in the environment of this one
// run only: neither its address nor its credentials are ever written to disk.
func (m *Mirror) access(ctx context.Context, args ...string) (invocation, error) {
	call := invocation{dir: m.dir, protocols: m.protocols, args: args}
	call.settings = []setting{
		{"remote.origin.url", m.origin}, {"remote.origin.promisor", "true"}, {"remote.origin.partialclonefilter", "blob:none"},
		{"http.followRedirects", "false"}, // a redirect must not carry the token elsewhere
		{"http.lowSpeedLimit", "1000"}, {"http.lowSpeedTime", "60"},
		{"protocol.version", "2"}, {"core.bigFileThreshold", "32m"}, // above it, files go from the wire to the disk
		{"transfer.bundleURI", "false"}, {"fetch.recurseSubmodules", "false"}, {"submodule.recurse", "false"}, {"credential.helper", ""}, {"gc.autoDetach", "false"}, {"gc.autoPackLimit", "40"},
	}
	if m.credentials == nil {
		return call, nil
	}
	username, token, err := m.credentials(ctx)
	if err != nil {
		return invocation{}, fmt.Errorf("credentials for %s: %w", m.origin, err)
	}
	if token != "" {
		basic := base64.StdEncoding.EncodeToString([]byte(username + ":" + token))
		call.settings = append(call.settings, setting{"http.extraHeader", "Authorization: Basic " + basic})
		call.secrets = []string{token, basic}
	}
	return call, nil
}

// Fetch makes commits local with their history and trees. It uses no network
// where they are local already. It wraps [ErrUnknownCommit] where the remote does
// not have one of them, [ErrNoRepository] where it does not have, or not show, the
// repository. A mirror that turns out to be broken is replaced by a new
// clone.
func (m *Mirror) Fetch(ctx context.Context, commits ...render.Commit) error {
	for _, commit := range commits {
		if err := checkID(commit); err != nil {
			return err
		}
	}
	err := m.mending(ctx, func() error { return m.fetchCommits(ctx, commits) })
	if err != nil {
		return fmt.Errorf("fetch from %s: %w", m.origin, err)
	}
	return nil
}

// FetchRef fetches a ref such as refs/heads/main or refs/pull/7/head, or HEAD, and
// returns the commit that it is at now. It wraps [ErrUnknownCommit] where there is
// no such ref, [ErrNoRepository] where there is no such repository.
func (m *Mirror) FetchRef(ctx context.Context, ref string) (render.Commit, error) {
	if err := checkRef(ref); err != nil {
		return "", err
	}
	var commit render.Commit
	err := m.mending(ctx, func() (err error) {
		commit, err = m.fetchRef(ctx, ref)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("fetch %s from %s: %w", ref, m.origin, err)
	}
	return commit, nil
}

// replaceAtMost keeps one bad object from making a service clone over and over.
const replaceAtMost = 10 * time.Minute

// mending runs work on the objects and, where they prove broken, once more on a
// new mirror.
func (m *Mirror) mending(ctx context.Context, work func() error) error {
	m.guard.RLock()
	err := m.prepare()
	if err == nil && !m.broken.Load() {
		err = m.noted(ctx, work())
	}
	again := m.broken.Load() && ctx.Err() == nil
	m.guard.RUnlock()
	if !again {
		return err
	}
	m.guard.Lock()
	defer m.guard.Unlock()
	if m.broken.Load() { // nobody else has replaced it meanwhile
		if time.Since(m.replaced) < replaceAtMost {
			m.broken.Store(false) // a later fetch may find it well
			return errors.Join(errors.New("the mirror is broken although it was replaced just now"), err)
		}
		m.forget()
		if err := os.RemoveAll(m.dir); err != nil {
			return fmt.Errorf("remove broken mirror: %w", err)
		}
		m.replaced = time.Now()
		m.broken.Store(false)
	}
	if err := m.prepare(); err != nil {
		return err
	}
	return work()
}

// prepare creates the mirror's directory where there is none.
func (m *Mirror) prepare() error {
	if _, err := os.Stat(filepath.Join(m.dir, "HEAD")); err == nil {
		return nil
	}
	if err := create(m.dir, sha1Length); err != nil {
		return fmt.Errorf("create mirror: %w", err)
	}
	return nil
}
