package source

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
)

const token = "ghs_17_eyJhbGciOiJSUzI1NiJ9.secret"

func withToken(context.Context) (string, string, error) { return "x-access-token", token, nil }

func secrets() []string {
	return []string{token, base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token)), "eyJhbGciOiJSUzI1NiJ9"}
}

func noSecret(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, secret := range secrets() {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s has the token in it: %q", where, text)
		}
	}
}

// A token goes to the remote in a header and is seen nowhere else: in no command
// line while git runs, in no file, in no error, even where the remote repeats it.
func TestTokenStaysInTheEnvironment(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1", "g": "2"})
	lines := 0
	h.answers(func(http.ResponseWriter, *http.Request) bool {
		names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, name := range names {
			line, err := os.ReadFile(name)
			if err == nil && bytes.Contains(line, []byte("remote-http")) {
				lines++
			}
			noSecret(t, name, line)
		}
		return false
	})
	m, err := Open(filepath.Join(t.TempDir(), "mirror"), h.url(), withToken)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	fetch(t, m, commit)
	read(t, treeOf(t, m, commit), "f")
	if lines == 0 {
		if _, err := os.Stat("/proc/self/cmdline"); err == nil {
			t.Error("git-remote-http was never seen running: the test looks at nothing")
		}
	}
	for i, header := range h.headers {
		if want := "Basic " + secrets()[1]; header != want {
			t.Errorf("request %d came with Authorization %q, want %q", i, header, want)
		}
	}
	err = filepath.WalkDir(m.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		noSecret(t, name, content)
		if bytes.Contains(content, []byte(h.URL)) {
			t.Errorf("%s has the remote's address in it", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	for _, status := range []int{401, 403, 404, 500} {
		h.answers(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(status)
			fmt.Fprintf(w, "no access for %s alias %s\n", token, r.Header.Get("Authorization"))
			return true
		})
		err := m.Fetch(context.Background(), render.Commit(strings.Repeat("1", 40)))
		if err == nil {
			t.Fatalf("a %d was taken for success", status)
		}
		noSecret(t, fmt.Sprint("the error of a ", status), []byte(err.Error()))
		if m.broken.Load() {
			t.Errorf("%v was taken for a broken mirror", err)
		}
	}
}

// D7: a redirect is not followed, and so nobody else gets the token.
func TestRedirectsAreNotFollowed(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1"})
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	m, err := Open(filepath.Join(t.TempDir(), "mirror"), h.url(), withToken)
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, m, commit)
	h.answers(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
		return true
	})
	if err := m.Fetch(context.Background(), render.Commit(strings.Repeat("1", 40))); err == nil {
		t.Error("a redirect was taken for success")
	}
	if asked > 0 {
		t.Errorf("the other host got %d requests", asked)
	}
}

// D1, D2: what looks like an option or another transport is refused before git
// is started.
func TestOriginsThatAreRefused(t *testing.T) {
	for _, origin := range []string{
		"--upload-pack=touch pwned", "-u", "ext::sh -c 'touch pwned'", "fd::7", "file:///etc", "/etc", "../up", "git://host/a", "ssh://host/a",
		"git@host:a/b", "https://user:" + token + "@host/a", "https://", "", "http://host/a b", "http://host/a\nb", "HTTPS//x", "ftp://host/a",
	} {
		if _, err := Open(t.TempDir(), origin, nil); err == nil {
			t.Errorf("Open took %q", origin)
		} else {
			noSecret(t, "the error", []byte(err.Error()))
		}
	}
	for _, origin := range []string{"https://github.com/acme/shop.git", "http://localhost:3000/acme/shop"} {
		if _, err := Open(t.TempDir(), origin, nil); err != nil {
			t.Error(err)
		}
	}
	for _, origin := range []string{"file:///srv/shop.git", "/srv/shop.git"} {
		if _, err := Open(t.TempDir(), origin, nil, AllowFile()); err != nil {
			t.Error(err)
		}
	}
}

// D2: a transport that is off is off also for git itself.
func TestTransportsThatAreOff(t *testing.T) {
	pwned := filepath.Join(t.TempDir(), "pwned")
	for _, origin := range []string{"ext::sh -c touch% " + pwned, "file://" + t.TempDir()} {
		m, err := Open(t.TempDir(), "https://example.com/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		m.origin = origin
		err = m.Fetch(context.Background(), render.Commit(strings.Repeat("1", 40)))
		if err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("fetching from %s: %v, want a refusal", origin, err)
		}
	}
	if _, err := os.Stat(pwned); err == nil {
		t.Error("a command of the remote's address ran")
	}
}

// D1, D6: ids and refs mean nothing else.
func TestNamesThatAreRefused(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1"})
	m := open(t, h)
	fetch(t, m, commit)
	h.sent()
	for _, ref := range []string{
		"--upload-pack=x", "-x", "main", "refs/heads/../../x", "refs/heads/a..b", "refs/heads/-x", "refs/heads/a b", "refs/heads/a:b", "refs/heads/*",
		"refs/heads/", "refs//heads", "refs/heads/a.lock", "refs/heads/a.", "refs/heads/.a", "refs/heads/a@{1}", "refs/heads/a\nb", "refs/heads/a\\b", "+refs/heads/a", "",
	} {
		if _, err := m.FetchRef(context.Background(), ref); err == nil {
			t.Errorf("FetchRef took %q", ref)
		}
	}
	ctx := context.Background()
	for _, bad := range []render.Commit{"", "main", "HEAD", "-x", "--all", commit[:39], commit + "0", render.Commit(strings.ToUpper(string(commit[:39])) + "A"), commit[:39] + "\n", "refs/heads/main"} {
		if err := m.Fetch(ctx, bad); err == nil {
			t.Errorf("Fetch took %q", bad)
		}
		if _, err := m.Tree(ctx, bad); err == nil {
			t.Errorf("Tree took %q", bad)
		}
		if _, _, err := m.Merge(ctx, commit, bad); err == nil {
			t.Errorf("Merge took %q", bad)
		}
		if _, err := m.MergeBase(ctx, bad, commit); err == nil {
			t.Errorf("MergeBase took %q", bad)
		}
	}
	if _, requests := h.sent(); requests > 0 {
		t.Errorf("what was refused made %d requests", requests)
	}
}

// D3, D4: submodules are not followed; attributes, filters, merge drivers and the
// configuration around the process start nothing.
func TestNothingOfARepositoryRuns(t *testing.T) {
	home := t.TempDir()
	pwned := filepath.Join(home, "pwned")
	config := "[merge \"evil\"]\n\tdriver = touch " + pwned + "\n[filter \"evil\"]\n\tsmudge = touch " + pwned + "\n[core]\n\tfsmonitor = touch " + pwned +
		"\n[url \"file:///etc/\"]\n\tinsteadOf = http://\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}

	h := newHost(t)
	start := map[string]string{
		"f": letters, ".gitattributes": "* merge=evil filter=evil\n", ".gitmodules": "[submodule \"m\"]\n\tpath = m\n\turl = " + h.URL + "/acme/other.git\n",
		".lfsconfig": "[lfs]\n\turl = " + h.URL + "/lfs\n",
	}
	base := h.commit(t, "main", start)
	base = render.Commit(run(t, h.path(), "commit-tree", "-m", "m", "-p", string(base), withEntries(t, h.path(), string(base), "f", "160000 m")))
	os.Unsetenv("GIT_INDEX_FILE")
	h.branch(t, "main", string(base))
	h.branch(t, "change", "main")
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "merge.evil.driver")
	t.Setenv("GIT_CONFIG_VALUE_0", "touch "+pwned)
	base = h.commit(t, "main", map[string]string{"f": "A" + letters[1:]})
	head := h.commit(t, "change", map[string]string{"f": letters[:14] + "H\n"})

	m := open(t, h)
	for _, hook := range []string{"post-checkout", "reference-transaction", "post-merge"} {
		if err := os.MkdirAll(filepath.Join(m.dir, "hooks"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(m.dir, "hooks", hook), []byte("#!/bin/sh\ntouch "+pwned+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	fetch(t, m, base, head)
	tree, conflicts, err := m.Merge(context.Background(), base, head)
	if err != nil || conflicts != nil {
		t.Fatal(conflicts, err)
	}
	if got, want := read(t, tree, "f"), "A"+letters[1:14]+"H\n"; got != want {
		t.Errorf("f = %q, want %q", got, want)
	}
	if entry, ok := tree.Stat("m"); !ok || entry.Mode != render.Submodule {
		t.Errorf("m = %+v, want a submodule", entry)
	}
	if _, err := os.Stat(pwned); err == nil {
		t.Error("something that the repository or the surroundings named was run")
	}
}
