package source

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
)

func TestUnknownCommit(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1"})
	m := open(t, h)
	nowhere := render.Commit(strings.Repeat("1", 40))
	if err := m.Fetch(context.Background(), commit, nowhere); !errors.Is(err, ErrUnknownCommit) {
		t.Errorf("Fetch = %v, want ErrUnknownCommit", err)
	}
	if _, err := m.Tree(context.Background(), nowhere); !errors.Is(err, ErrUnknownCommit) {
		t.Errorf("Tree = %v, want ErrUnknownCommit", err)
	}
	if _, err := m.FetchRef(context.Background(), "refs/pull/7/head"); !errors.Is(err, ErrUnknownCommit) {
		t.Errorf("FetchRef = %v, want ErrUnknownCommit", err)
	}
	if m.broken.Load() {
		t.Error("an unknown commit was taken for a broken mirror")
	}
}

func TestFetchRef(t *testing.T) {
	h := newHost(t)
	first := h.commit(t, "main", map[string]string{"f": "1"})
	h.branch(t, "a", "main")
	run(t, h.path(), "update-ref", "refs/pull/7/head", string(first))
	m := open(t, h)
	expect := func(ref string, want render.Commit) {
		t.Helper()
		if got, err := m.FetchRef(context.Background(), ref); err != nil || got != want {
			t.Errorf("FetchRef(%s) = %s, %v, want %s", ref, got, err, want)
		}
	}
	expect("refs/heads/a", first)
	expect("refs/pull/7/head", first)
	second := h.commit(t, "main", map[string]string{"f": "2"})
	expect("refs/heads/main", second)
	expect("HEAD", second)
	run(t, h.path(), "update-ref", "-d", "refs/heads/a")
	h.branch(t, "a/b", "main") // where a was
	expect("refs/heads/a/b", second)
	h.branch(t, "main", string(first)) // a forced push back
	expect("refs/heads/main", first)
	if got := read(t, treeOf(t, m, second), "f"); got != "2" {
		t.Errorf("f = %q", got)
	}
}

func TestNoRepository(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1"})
	m, err := Open(t.TempDir(), h.URL+"/acme/nowhere.git", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Fetch(context.Background(), commit); !errors.Is(err, ErrNoRepository) {
		t.Errorf("Fetch = %v, want ErrNoRepository", err)
	}
	if _, err := m.FetchRef(context.Background(), "HEAD"); !errors.Is(err, ErrNoRepository) {
		t.Errorf("FetchRef = %v, want ErrNoRepository", err)
	}
	if m.broken.Load() || !m.replaced.IsZero() {
		t.Error("a missing repository was taken for a broken mirror")
	}
}

// The second fetch says what is there already, and gets only what is new.
func TestFetchIsIncremental(t *testing.T) {
	h := newHost(t)
	m := open(t, h)
	fetch(t, m, h.commit(t, "main", map[string]string{"f": "1"}))
	h.sent()
	fetch(t, m, h.commit(t, "main", map[string]string{"f": "2"}))
	if fetches, _ := h.sent(); len(fetches) == 0 || !strings.Contains(fetches[0], "have ") {
		t.Errorf("the second fetch sent %q, want it to say what it has", fetches)
	}
}
