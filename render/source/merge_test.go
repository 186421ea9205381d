package source

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slipwayhq/slipway/fixtures/repositories"
	"github.com/slipwayhq/slipway/render"
)

const letters = "a\nb\nc\nd\ne\nf\ng\nh\n"

func TestMerge(t *testing.T) {
	start := map[string]string{"x/list": letters, "keep": "k", "gone": "g", "old-name": strings.Repeat("renamed\n", 20)}
	for _, test := range []struct {
		name       string
		base, head map[string]string // changes to start
		want       map[string]string // some files of the result
		conflicts  []string
		fetches    int
	}{
		{name: "each side another line of one file",
			base: map[string]string{"x/list": "A" + letters[1:]}, head: map[string]string{"x/list": letters[:14] + "H\n"},
			want: map[string]string{"x/list": "A" + letters[1:14] + "H\n", "keep": "k"}, fetches: 1},
		{name: "renamed on one side, edited on the other",
			base: map[string]string{"old-name": "edited\n" + start["old-name"]},
			head: map[string]string{"old-name": repositories.Deleted, "new-name": start["old-name"]},
			want: map[string]string{"new-name": "edited\n" + start["old-name"]}, fetches: 1},
		{name: "head is ahead", head: map[string]string{"new": "n"}, want: map[string]string{"new": "n"}},
		{name: "base is ahead", base: map[string]string{"new": "n"}, want: map[string]string{"new": "n"}},
		{name: "both change the same lines, sorted",
			base: map[string]string{"x/list": "1\n", "keep": "1"}, head: map[string]string{"x/list": "2\n", "keep": "2"},
			conflicts: []string{"keep", "x/list"}, fetches: 1},
		{name: "one deletes what the other edits",
			base: map[string]string{"gone": repositories.Deleted}, head: map[string]string{"gone": "edited"},
			conflicts: []string{"gone"}, fetches: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			base := h.commit(t, "main", start)
			h.branch(t, "change", "main")
			head := base
			if test.base != nil {
				base = h.commit(t, "main", test.base)
			}
			if test.head != nil {
				head = h.commit(t, "change", test.head)
			}
			m := open(t, h)
			fetch(t, m, base, head)
			h.sent()
			tree, conflicts, err := m.Merge(context.Background(), base, head)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.conflicts, conflicts); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			if fetches, _ := h.sent(); len(fetches) != test.fetches {
				t.Errorf("%d fetches, want %d", len(fetches), test.fetches)
			}
			if (tree == nil) != (len(test.conflicts) > 0) {
				t.Fatalf("tree = %v beside conflicts %v", tree, conflicts)
			}
			for path, want := range test.want {
				if got := read(t, tree, path); got != want {
					t.Errorf("%s = %q, want %q", path, got, want)
				}
			}
		})
	}
}

// In a criss-cross the two best common ancestors are merged first, which needs
// contents that neither side changed last.
func TestMergeOfCrissCross(t *testing.T) {
	h := newHost(t)
	h.commit(t, "main", map[string]string{"f": letters})
	h.branch(t, "change", "main")
	one := h.commit(t, "main", map[string]string{"f": "A" + letters[1:]})
	two := h.commit(t, "change", map[string]string{"f": letters[:14] + "H\n"})
	both := run(t, h.path(), "merge-tree", "--write-tree", string(one), string(two))
	base := render.Commit(run(t, h.path(), "commit-tree", "-p", string(one), "-p", string(two), "-m", "m", both))
	head := render.Commit(run(t, h.path(), "commit-tree", "-p", string(two), "-p", string(one), "-m", "n", both))
	h.branch(t, "main", string(base))
	h.branch(t, "change", string(head))
	base = h.commit(t, "main", map[string]string{"g": "g"})
	head = h.commit(t, "change", map[string]string{"f": "A" + letters[1:14] + "HH\n"})
	m := open(t, h)
	fetch(t, m, base, head)
	h.sent()
	tree, conflicts, err := m.Merge(context.Background(), base, head)
	if err != nil || len(conflicts) > 0 {
		t.Fatal(conflicts, err)
	}
	if fetches, _ := h.sent(); len(fetches) != 1 {
		t.Errorf("%d fetches, want one", len(fetches))
	}
	if got, want := read(t, tree, "f"), "A"+letters[1:14]+"HH\n"; got != want || read(t, tree, "g") != "g" {
		t.Errorf("f = %q, want %q", got, want)
	}
}

func TestMergeWithoutCommonHistory(t *testing.T) {
	h := newHost(t)
	base, head := h.commit(t, "main", map[string]string{"a": "1"}), h.commit(t, "other", map[string]string{"b": "2"})
	m := open(t, h)
	fetch(t, m, base, head)
	_, _, err := m.Merge(context.Background(), base, head)
	var problem *render.Problem
	if !errors.As(err, &problem) || !strings.Contains(problem.Message, "no common history") {
		t.Errorf("Merge = %v, want a problem that says so", err)
	}
	if _, err := m.MergeBase(context.Background(), base, head); !errors.As(err, &problem) {
		t.Errorf("MergeBase = %v, want a problem", err)
	}
}

func TestMergeBase(t *testing.T) {
	h := newHost(t)
	want := h.commit(t, "main", map[string]string{"a": "1"})
	h.branch(t, "change", "main")
	base, head := h.commit(t, "main", map[string]string{"a": "2"}), h.commit(t, "change", map[string]string{"b": "2"})
	m := open(t, h)
	fetch(t, m, base, head)
	if got, err := m.MergeBase(context.Background(), base, head); err != nil || got != want {
		t.Errorf("MergeBase = %s, %v, want %s", got, err, want)
	}
}

func TestChanged(t *testing.T) {
	dir := t.TempDir()
	commit := func(files map[string]string) render.Commit {
		id, err := repositories.Commit(dir, "main", "m", files)
		if err != nil {
			t.Fatal(err)
		}
		return render.Commit(id)
	}
	before := commit(map[string]string{"same/a": "1", "edited/a": "1", "edited/b": "1", "moved": "m", "file": "f", "dir/x": "x", "dir/y": "y", "a.b": "", "a/b": ""})
	after := commit(map[string]string{
		"edited/a": "2", "moved": repositories.Deleted, "moved-to/it": "m", "added/deep/a": "+",
		"file": repositories.Deleted, "file/below": "f", "dir/x": repositories.Deleted, "dir/y": repositories.Deleted, "a/b": "2",
	})
	after = render.Commit(run(t, dir, "commit-tree", "-m", "m", "-p", string(after), withEntries(t, dir, string(after), "edited/b",
		"100755 edited/b", "120000 link", "160000 module")))
	l, err := Local(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, b := treeOf(t, l, before), treeOf(t, l, after)
	want := []string{"a/b", "added/deep/a", "dir/x", "dir/y", "edited/a", "edited/b", "file", "file/below", "link", "module", "moved", "moved-to/it"}
	for _, trees := range [][2]render.Tree{{a, b}, {b, a}} {
		got, err := l.Changed(context.Background(), trees[0], trees[1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Changed (-want +got):\n%s", diff)
		}
	}
	if said := strings.Fields(run(t, dir, "diff-tree", "-r", "--no-renames", "--name-only", string(before), string(after))); !cmp.Equal(want, said) {
		t.Errorf("git itself says %q", said)
	}
	if got, _ := l.Changed(context.Background(), a, a); len(got) != 0 {
		t.Errorf("Changed of one tree = %q", got)
	}
}

// withEntries returns a tree like that of a commit with further "mode path"
// entries; their contents are those of the file like, or the commit itself.
func withEntries(t *testing.T, dir, commit, like string, entries ...string) string {
	t.Helper()
	t.Setenv("GIT_INDEX_FILE", dir+"/test-index")
	run(t, dir, "read-tree", commit)
	for _, entry := range entries {
		mode, path, _ := strings.Cut(entry, " ")
		id := commit
		if mode != "160000" {
			id = run(t, dir, "rev-parse", commit+":"+like)
		}
		run(t, dir, "update-index", "--add", "--cacheinfo", mode+","+id+","+path)
	}
	return run(t, dir, "write-tree")
}
