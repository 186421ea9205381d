package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
)

// write makes an object of what it reads and returns its id.
func write(t *testing.T, dir, input string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// D8: eight trees of a few hundred bytes each name a hundred million files. That they are
// too many is said without reading them all.
func TestTreesThatRepeatThemselves(t *testing.T) {
	h := newHost(t)
	base := h.commit(t, "main", map[string]string{"f": "1"})
	bomb := run(t, h.path(), "rev-parse", string(base)+"^{tree}")
	for range 8 {
		var list strings.Builder
		for i := range 10 {
			fmt.Fprintf(&list, "040000 tree %s\td%d\n", bomb, i)
		}
		bomb = write(t, h.path(), list.String(), "mktree")
	}
	blob := run(t, h.path(), "rev-parse", string(base)+":f")
	tree := write(t, h.path(), fmt.Sprintf("100644 blob %s\tf\n040000 tree %s\tg\n", blob, bomb), "mktree")
	head := render.Commit(run(t, h.path(), "commit-tree", "-m", "m", "-p", string(base), tree))
	h.branch(t, "change", string(head))
	main := h.commit(t, "main", map[string]string{"e": "1"})

	m := open(t, h)
	fetch(t, m, main, head)
	var problem *render.Problem
	if _, err := m.Tree(context.Background(), head); !errors.As(err, &problem) {
		t.Errorf("its tree: %v, want a problem", err)
	}
	if _, _, err := m.Merge(context.Background(), main, head); !errors.As(err, &problem) {
		t.Errorf("merged: %v, want a problem", err)
	}
	if m.broken.Load() {
		t.Error("the mirror was taken for broken")
	}
	read(t, treeOf(t, m, main), "e")
}

// D8: a remote that sends without end is cut off at the limit, and what it sent is deleted.
// This one sends some megabytes and then waits to be cut off.
func TestEndlessPack(t *testing.T) {
	h := newHost(t)
	noise := make([]byte, 6<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	commit := h.commit(t, "main", map[string]string{"large": string(noise), "small": "1"})
	m := open(t, h)
	fetch(t, m, commit)
	backend := h.Config.Handler
	inside := false
	h.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if inside || r.Method != http.MethodPost || !strings.Contains(readBody(t, r), "command=fetch") {
			return false
		}
		inside = true
		whole := httptest.NewRecorder()
		backend.ServeHTTP(whole, r)
		inside = false
		w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
		_, _ = w.Write(whole.Body.Bytes()[:4<<20])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	m.most = 1 << 20
	_, err := treeOf(t, m, commit).Read(context.Background(), "large")
	var problem *render.Problem
	if !errors.As(err, &problem) || !strings.Contains(problem.Message, "more than 1 MiB") {
		t.Fatalf("%v, want a problem", err)
	}
	if left, _ := m.arriving(); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if m.broken.Load() {
		t.Error("the mirror was taken for broken")
	}
	h.answers(nil)
	m.most = MaxFetchBytes
	if got := read(t, treeOf(t, m, commit), "large"); got != string(noise) {
		t.Error("the file is another after the next fetch")
	}
}

// A git that fetches on its own is found out by trying it.
func TestGitThatFetchesOnItsOwn(t *testing.T) {
	binary, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	if err := tryMissing(binary); err != nil {
		t.Errorf("the installed git: %v", err)
	}
	older := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(older, []byte("#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nexec "+binary+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := tryMissing(older); err == nil || !strings.Contains(err.Error(), "2.45") {
		t.Errorf("one that does not know GIT_NO_LAZY_FETCH: %v, want a refusal", err)
	}
}

// D2, D7: whatever a remote points to, nobody else is asked: by a redirect, by the
// alternates of a remote that is nothing but files, by bundles.
func TestRemotesThatPointElsewhere(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	wanted := strings.Repeat("1", 40)
	files := map[string]string{
		"/info/refs": wanted + "\trefs/heads/main\n", "/HEAD": "ref: refs/heads/main\n",
		"/objects/info/http-alternates": elsewhere.URL + "/objects/\n", "/objects/info/alternates": "/etc\n", "/objects/info/packs": "",
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"alternates": func(w http.ResponseWriter, r *http.Request) {
			if content, ok := files[strings.TrimPrefix(r.URL.Path, "/acme/shop.git")]; ok {
				_, _ = w.Write([]byte(content))
				return
			}
			http.NotFound(w, r)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"a redirect to a file": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusMovedPermanently)
		},
		"a redirect to a command": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "ext::sh -c id")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
	} {
		h := newHost(t)
		h.answers(func(w http.ResponseWriter, r *http.Request) bool { answer(w, r); return true })
		m, err := Open(filepath.Join(t.TempDir(), "mirror"), h.url(), withToken)
		if err != nil {
			t.Fatal(err)
		}
		err = m.Fetch(context.Background(), render.Commit(wanted))
		if err == nil {
			t.Errorf("%s: taken for success", name)
		} else {
			noSecret(t, "the error", []byte(err.Error()))
		}
		if m.broken.Load() {
			t.Errorf("%s: taken for a broken mirror: %v", name, err)
		}
	}
	if asked > 0 {
		t.Errorf("the other host got %d requests", asked)
	}
}

// D4: of the variables around the process git sees those that it needs.
func TestSurroundingsDoNotReachGit(t *testing.T) {
	for _, name := range []string{
		"GIT_SSH_COMMAND", "GIT_SSH", "GIT_PROXY_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_SYSTEM", "GIT_EXEC_PATH",
		"GIT_TEMPLATE_DIR", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_TRACE", "GIT_TRACE_CURL", "GIT_CURL_VERBOSE",
		"GIT_EDITOR", "GIT_PAGER", "LD_PRELOAD", "SSH_AUTH_SOCK", "KUBECONFIG", "SLIPWAY_GITHUB_PRIVATE_KEY", "SLIPWAY_GITHUB_WEBHOOK_SECRET", "AWS_SECRET_ACCESS_KEY",
	} {
		t.Setenv(name, "p0wned")
	}
	t.Setenv("GIT_ASKPASS", "p0wned")
	t.Setenv("HOME", "p0wned")
	for _, variable := range environment("dir", "https", nil) {
		if strings.Contains(variable, "p0wned") {
			t.Errorf("git is given %s", variable)
		}
	}
}

// D1, D6: what passes for a ref is one for Git, too, and nothing else on a command line.
func FuzzRefs(f *testing.F) {
	for _, ref := range []string{
		"HEAD", "refs/heads/main", "refs/pull/7/head", "refs/heads/a/b-c_d.e", "refs/heads/--upload-pack=x", "-x", "refs/heads/-x", "refs/heads/a..b", "refs/heads/a.lock/b",
		"refs/heads/@", "refs/heads/@{u}", "refs/heads/é", "refs/heads/\u202e", "refs/heads/a\x00b", "refs/heads/a\rb", "refs/heads/a:refs/b", "+refs/heads/a", "refs/heads/a^{}", "refs//a", "refs/", "refs/a/.b", "ext::sh",
	} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		if checkRef(ref) != nil || ref == "HEAD" {
			return
		}
		if strings.HasPrefix(ref, "-") || strings.ContainsAny(ref, ":+^\x00\n ") && !strings.Contains(ref, "+") {
			t.Errorf("%q passes", ref)
		}
		if out, err := exec.Command("git", "check-ref-format", ref).CombinedOutput(); err != nil {
			t.Errorf("%q passes, and Git refuses it: %v %s", ref, err, bytes.TrimSpace(out))
		}
	})
}
