package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slipwayhq/slipway/fixtures/repositories"
	"github.com/slipwayhq/slipway/render"
)

func local(t *testing.T, dir string) *LocalRepository {
	t.Helper()
	l, err := Local(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// snapshot lists every file of a repository with its size and time.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		files[name] = info.ModTime().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestLocalLeavesTheRepositoryAlone(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			run(t, dir, "init", "-q", "-b", "main", "--object-format="+format)
			start, err := repositories.Commit(dir, "main", "start", map[string]string{"sub/f": letters, "g": "1"})
			if err != nil {
				t.Fatal(err)
			}
			if err := repositories.Branch(dir, "change", start); err != nil {
				t.Fatal(err)
			}
			for branch, files := range map[string]map[string]string{"main": {"sub/f": "A" + letters[1:]}, "change": {"sub/f": letters[:14] + "H\n"}} {
				if _, err := repositories.Commit(dir, branch, "edit", files); err != nil {
					t.Fatal(err)
				}
			}
			run(t, dir, "checkout", "-q", "-f", "main")
			run(t, dir, "worktree", "add", "-q", filepath.Join(dir, "elsewhere"), "change")
			before := snapshot(t, dir)

			l := local(t, filepath.Join(dir, "elsewhere", "sub"))
			base, err := l.Resolve(context.Background(), "main")
			if err != nil {
				t.Fatal(err)
			}
			head, err := l.Resolve(context.Background(), "HEAD") // of this work tree
			if err != nil {
				t.Fatal(err)
			}
			tree, conflicts, err := l.Merge(context.Background(), base, head)
			if err != nil || conflicts != nil {
				t.Fatal(conflicts, err)
			}
			if got, want := read(t, tree, "sub/f"), "A"+letters[1:14]+"H\n"; got != want {
				t.Errorf("merged = %q, want %q", got, want)
			}
			if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
				t.Errorf("the repository changed:\n%s", diff)
			}
			scratch := l.scratch
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(scratch); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is still there: %v", scratch, err)
			}
		})
	}
}

func TestLocalProblems(t *testing.T) {
	dir := t.TempDir()
	if _, err := repositories.Commit(dir, "main", "m", map[string]string{"f": ""}); err != nil {
		t.Fatal(err)
	}
	for _, branch := range []string{"feature/logging", "staging", "release"} {
		if err := repositories.Branch(dir, branch, "main"); err != nil {
			t.Fatal(err)
		}
	}
	l := local(t, dir)
	for revision, hint := range map[string]string{
		"stagging": "it has staging,", "mian": "it has main,", "--all": "it has", "": "it has",
		"HEAD:f": "it has", "main..staging": "it has", strings.Repeat("0", 40): "it has",
	} {
		_, err := l.Resolve(context.Background(), revision)
		var problem *render.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.Message, "is no branch") || !strings.HasPrefix(problem.Hint, hint) {
			t.Errorf("Resolve(%q) = %v, want a problem with a hint that begins %q", revision, err, hint)
		}
	}
	for _, dir := range []string{t.TempDir(), "/nowhere/at/all", "--help"} {
		_, err := Local(context.Background(), dir)
		var problem *render.Problem
		if !errors.As(err, &problem) {
			t.Errorf("Local(%s) = %v, want a problem", dir, err)
		}
	}
}

// A shallow clone has the commits that it has, and says where history ends.
func TestLocalShallowAndPartial(t *testing.T) {
	h := newHost(t)
	h.commit(t, "main", map[string]string{"f": "1"})
	h.commit(t, "main", map[string]string{"f": "2"})
	h.commit(t, "main", map[string]string{"f": "3"})
	dir := filepath.Join(t.TempDir(), "clone")
	run(t, h.dir, "clone", "-q", "--depth=2", "--no-checkout", "--filter=blob:none", h.url(), dir)
	h.sent()
	l := local(t, dir)
	head, err := l.Resolve(context.Background(), "origin/main")
	if err != nil {
		t.Fatal(err)
	}
	tree := treeOf(t, l, head)
	_, err = tree.Read(context.Background(), "f")
	var problem *render.Problem
	if !errors.As(err, &problem) || problem.File != "f" || !strings.Contains(problem.Message, "partial clone") {
		t.Errorf("Read = %v, want a problem", err)
	}
	first, err := l.Resolve(context.Background(), "origin/main~1")
	if err != nil {
		t.Fatal(err)
	}
	side := render.Commit(run(t, dir, "commit-tree", "-m", "m", "-p", string(first), string(head)+"^{tree}"))
	if got, err := l.MergeBase(context.Background(), head, side); err != nil || got != first {
		t.Errorf("MergeBase in a shallow clone = %s, %v, want %s", got, err, first)
	}
	if _, requests := h.sent(); requests != 0 {
		t.Errorf("reading a local repository made %d requests", requests)
	}
}

func TestPathsOfATree(t *testing.T) {
	dir := t.TempDir()
	names := []string{"new\nline", "$(touch pwned)", "`x`", "a|b", "\u202egpj.exe", "\xff\xfe", ".git-like", ".GIT/config", "git~1", "tab\there", "-rf", strings.Repeat("x", 250)}
	files := map[string]string{}
	for _, name := range names {
		files["d/"+name] = name
	}
	commit, err := repositories.Commit(dir, "main", "m", files)
	if err != nil {
		t.Fatal(err)
	}
	tree := treeOf(t, local(t, dir), render.Commit(commit))
	for path, want := range files {
		if got := read(t, tree, path); got != want {
			t.Errorf("%q = %q", path, got)
		}
	}
	for _, path := range []string{"", "nowhere", "d", "/d/a|b", "d/", "../d", "d//a|b", "./d/a|b"} {
		if _, err := tree.Read(context.Background(), path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Read(%q) = %v, want fs.ErrNotExist", path, err)
		}
	}
}

// Git refuses such trees, but only where it checks them.
func TestTreesThatAreNoTrees(t *testing.T) {
	for _, listing := range []string{"../up", "/root", "a/../b", "a//b", "a/./b", ".", ""} {
		_, err := parseTree("100644 blob " + strings.Repeat("a", 40) + "\t" + listing + "\x00")
		var problem *render.Problem
		if !errors.As(err, &problem) {
			t.Errorf("parseTree of %q = %v, want a problem", listing, err)
		}
	}
	for _, listing := range []string{"nonsense\x00", "100644 blob abc\tf\x00", "777 blob " + strings.Repeat("a", 40) + "\tf\x00"} {
		if _, err := parseTree(listing); err == nil {
			t.Errorf("parseTree(%q) went well", listing)
		}
	}
}

func TestLargeFilesAreAProblem(t *testing.T) {
	dir := t.TempDir()
	commit, err := repositories.Commit(dir, "main", "m", map[string]string{"large": strings.Repeat("x", MaxBlobBytes+1), "edge": strings.Repeat("y", MaxBlobBytes), "small": "s"})
	if err != nil {
		t.Fatal(err)
	}
	tree := treeOf(t, local(t, dir), render.Commit(commit))
	_, err = tree.Read(context.Background(), "large")
	var problem *render.Problem
	if !errors.As(err, &problem) || problem.File != "large" {
		t.Errorf("Read = %v, want a problem", err)
	}
	if got := read(t, tree, "edge"); len(got) != MaxBlobBytes {
		t.Errorf("edge has %d bytes", len(got))
	}
	if got := read(t, tree, "small"); got != "s" {
		t.Errorf("small = %q after a large file", got)
	}
}
