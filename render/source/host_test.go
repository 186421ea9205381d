package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/fixtures/repositories"
	"github.com/slipwayhq/slipway/render"
)

// A host serves the repositories below a directory over smart HTTP, as GitHub
// does: partial clones, and any object that is asked for by its id.
type host struct {
	*httptest.Server
	dir string

	mu       sync.Mutex
	fetches  []string // the bodies of the fetch commands so far
	headers  []string // the Authorization of every request so far
	requests int
	answer   func(w http.ResponseWriter, r *http.Request) bool // reports whether it answered
}

func newHost(t *testing.T) *host {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{dir: t.TempDir()}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + h.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := readBody(t, r)
		h.mu.Lock()
		h.requests++
		h.headers = append(h.headers, r.Header.Get("Authorization"))
		if strings.Contains(body, "command=fetch") {
			h.fetches = append(h.fetches, body)
		}
		answer := h.answer
		h.mu.Unlock()
		if answer == nil || !answer(w, r) {
			backend.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// readBody returns a request's body, unpacked, and leaves it to be read again.
func readBody(t *testing.T, r *http.Request) string {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	r.TransferEncoding = nil
	if r.Header.Get("Content-Encoding") != "gzip" {
		return string(raw)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Error(err)
		return ""
	}
	plain, _ := io.ReadAll(z) // the body's own end is enough
	return string(plain)
}

func (h *host) path() string { return filepath.Join(h.dir, "acme", "shop.git") }
func (h *host) url() string  { return h.URL + "/acme/shop.git" }

// commit adds a commit to the host's repository.
func (h *host) commit(t *testing.T, branch string, files map[string]string) render.Commit {
	t.Helper()
	id, err := repositories.Commit(h.path(), branch, "change "+strings.Join(slices.Sorted(maps.Keys(files)), ", "), files)
	if err != nil {
		t.Fatal(err)
	}
	run(t, h.path(), "config", "uploadpack.allowFilter", "true")
	run(t, h.path(), "config", "uploadpack.allowAnySHA1InWant", "true")
	return render.Commit(id)
}

func (h *host) branch(t *testing.T, name, from string) {
	t.Helper()
	if err := repositories.Branch(h.path(), name, from); err != nil {
		t.Fatal(err)
	}
}

// sent returns the fetch commands since the last call, and how many requests
// there were in all.
func (h *host) sent() (fetches []string, requests int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fetches, requests = h.fetches, h.requests
	h.fetches, h.requests = nil, 0
	return fetches, requests
}

func (h *host) answers(f func(w http.ResponseWriter, r *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = f
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func open(t *testing.T, h *host) *Mirror {
	t.Helper()
	m, err := Open(filepath.Join(t.TempDir(), "mirror"), h.url(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func fetch(t *testing.T, m *Mirror, commits ...render.Commit) {
	t.Helper()
	if err := m.Fetch(context.Background(), commits...); err != nil {
		t.Fatal(err)
	}
}

func treeOf(t *testing.T, r interface {
	Tree(context.Context, render.Commit) (render.Tree, error)
}, commit render.Commit) render.Tree {
	t.Helper()
	tree, err := r.Tree(context.Background(), commit)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func read(t *testing.T, tree render.Tree, path string) string {
	t.Helper()
	content, err := tree.Read(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
