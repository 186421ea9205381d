package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/slipwayhq/slipway/render"
)

func TestCatFileDies(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1", "g": "2"})
	m := open(t, h)
	fetch(t, m, commit)
	tree := treeOf(t, m, commit)
	if err := tree.Prefetch(context.Background(), []string{"f", "g"}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"f", "g"} {
		m.objects.mu.Lock()
		for _, s := range m.objects.idle {
			if err := syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		if len(m.objects.idle) == 0 {
			t.Fatal("no process was waiting: the test kills nothing")
		}
		m.objects.mu.Unlock()
		read(t, tree, path)
	}
}

// Whatever answer a cancelled reader leaves behind, the next one gets its own.
func TestCancelledReadsDoNotDesynchronise(t *testing.T) {
	h := newHost(t)
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprint("d/", i)] = strings.Repeat(fmt.Sprintln(i), 20_000)
	}
	commit := h.commit(t, "main", files)
	m := open(t, h)
	fetch(t, m, commit)
	tree := treeOf(t, m, commit)
	var all sync.WaitGroup
	for i := range 160 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			path := fmt.Sprint("d/", i%40)
			if i%3 == 0 {
				all.Go(cancel) // some time during the read
			}
			m.blobs.clear()
			content, err := tree.Read(ctx, path)
			switch {
			case err == nil && string(content) != files[path]:
				t.Errorf("%s has another file's content", path)
			case err != nil && !errors.Is(err, context.Canceled):
				t.Errorf("%s: %v", path, err)
			case err != nil && i%3 != 0:
				t.Errorf("%s was cancelled by somebody else: %v", path, err)
			}
		})
	}
	all.Wait()
	if m.broken.Load() {
		t.Error("cancelling was taken for a broken mirror")
	}
}

func TestConcurrentUse(t *testing.T) {
	h := newHost(t)
	var commits []render.Commit
	for i := range 8 {
		commits = append(commits, h.commit(t, "main", map[string]string{fmt.Sprint("f", i): fmt.Sprint(i), "shared": fmt.Sprint("s", i)}))
	}
	m := open(t, h)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			n := i % len(commits)
			if err := m.Fetch(context.Background(), commits[n]); err != nil {
				t.Error(err)
				return
			}
			tree, err := m.Tree(context.Background(), commits[n])
			if err != nil {
				t.Error(err)
				return
			}
			content, err := tree.Read(context.Background(), "shared")
			if err != nil || string(content) != fmt.Sprint("s", n) {
				t.Errorf("shared = %q, %v, want s%d", content, err, n)
			}
			if _, _, err := m.Merge(context.Background(), commits[0], commits[n]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	// One for the blob, and for the commit one or two, as negotiation goes.
	if fetches, _ := h.sent(); len(fetches) > 3*len(commits) {
		t.Errorf("%d fetches for %d commits", len(fetches), len(commits))
	}
}

func TestBrokenMirrorIsReplacedOnce(t *testing.T) {
	for name, breakIt := range map[string]func(t *testing.T, dir string){
		"packs cut off": func(t *testing.T, dir string) {
			for _, pack := range glob(t, dir, "objects/pack/*.pack") {
				truncate(t, pack)
			}
		},
		"packs gone": func(t *testing.T, dir string) {
			for _, pack := range glob(t, dir, "objects/pack/*") {
				if err := os.Remove(pack); err != nil {
					t.Fatal(err)
				}
			}
		},
		"configuration cut off": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "config"), []byte("[core"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"everything gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			commit := h.commit(t, "main", map[string]string{"f": "1"})
			dir := filepath.Join(t.TempDir(), "mirror")
			for range 2 { // a new process after the first one's mirror broke
				m, err := Open(dir, h.url(), nil)
				if err != nil {
					t.Fatal(err)
				}
				for attempt := range 2 { // a job that failed is tried again
					if err := m.Fetch(context.Background(), commit); err != nil {
						t.Fatal(err)
					}
					tree, err := m.Tree(context.Background(), commit)
					if err == nil {
						_, err = tree.Read(context.Background(), "f")
					}
					if err == nil {
						break
					}
					if attempt > 0 {
						t.Fatal(err)
					}
				}
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
				breakIt(t, dir)
			}
		})
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: nothing found (%v)", pattern, err)
	}
	return found
}

func truncate(t *testing.T, name string) {
	t.Helper()
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 40); err != nil {
		t.Fatal(err)
	}
}

// A remote that fails is no reason to clone again.
func TestFailingRemoteLeavesTheMirror(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1"})
	m := open(t, h)
	fetch(t, m, commit)
	next := h.commit(t, "main", map[string]string{"f": "2"})
	answers := map[string]func(http.ResponseWriter){
		"500":            func(w http.ResponseWriter) { w.WriteHeader(500) },
		"429":            func(w http.ResponseWriter) { w.WriteHeader(429) },
		"a page":         func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") },
		"no answer":      func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"half an answer": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "1000"); fmt.Fprint(w, "0000") },
	}
	for name, answer := range answers {
		for _, method := range []string{"GET", "POST"} {
			h.answers(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == method {
					answer(w)
				}
				return r.Method == method
			})
			if err := m.Fetch(context.Background(), next); err == nil {
				t.Errorf("%s to %s was taken for success", name, method)
			} else if m.broken.Load() || !m.replaced.IsZero() {
				t.Fatalf("%s to %s was taken for a broken mirror: %v", name, method, err)
			}
		}
	}
	h.answers(nil)
	fetch(t, m, next)
}

func TestWhatAKilledProcessLeft(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1"})
	m := open(t, h)
	fetch(t, m, commit)
	next := h.commit(t, "main", map[string]string{"f": "2"})
	for _, name := range []string{"refs/slipway/commits/" + string(next) + ".lock", "packed-refs.lock", "shallow.lock", "objects/pack/tmp_pack_x"} {
		if err := os.WriteFile(filepath.Join(m.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(m.dir, h.url(), nil)
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, again, next)
	if !again.replaced.IsZero() {
		t.Error("the mirror was cloned again for a left-over lock")
	}
	if left, _ := filepath.Glob(filepath.Join(m.dir, "objects/pack/tmp_*")); len(left) > 0 {
		t.Errorf("%q is still there", left)
	}
}

func TestTidy(t *testing.T) {
	h := newHost(t)
	m := open(t, h)
	var last render.Commit
	for i := range packLimit + 5 {
		last = h.commit(t, "main", map[string]string{"f": fmt.Sprint(i), fmt.Sprint("g", i): "g"})
		fetch(t, m, last)
	}
	if packs := glob(t, m.dir, "objects/pack/*.pack"); len(packs) >= packLimit {
		t.Errorf("there are %d packs", len(packs))
	}
	if got, want := read(t, treeOf(t, m, last), "f"), fmt.Sprint(packLimit+4); got != want {
		t.Errorf("f = %q, want %q", got, want)
	}
}

func TestGitTooOld(t *testing.T) {
	for version, ok := range map[string]bool{
		"git version 2.37.9\n": false, "git version 1.99.0": false, "nonsense": false,
		"git version 2.38.0": true, "git version 2.50.1 (Apple Git-155)": true, "git version 3.0.0": true,
	} {
		if err := newEnough(version); (err == nil) != ok {
			t.Errorf("%q: %v", version, err)
		}
	}
}
