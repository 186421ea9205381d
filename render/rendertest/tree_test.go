package rendertest_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

func TestTreeIDsAreGits(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	files := map[string]string{"a.yaml": "a: 1\n", "a/b/c.yaml": "c: 1\n", "a/b.yaml": "b: 1\n", "link": "symlink a/b.yaml"}
	tree := rendertest.Tree(files)
	dir := t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", ".")
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, rendertest.LinkPrefix); ok {
			if err := os.Symlink(target, file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("add", "-A")
	root, _ := tree.Stat(".")
	if got := git("write-tree"); got != string(root.ID) {
		t.Errorf("root id %s, Git says %s", root.ID, got)
	}
}

func TestTreeAnswersLikeATree(t *testing.T) {
	tree := rendertest.Archive([]byte("why\n-- apps/web/a.yaml --\na: 1\n-- b.yaml --\nb: 1\n"))
	var names []string
	for _, entry := range tree.List(".") {
		names = append(names, entry.Path)
	}
	if diff := cmp.Diff([]string{"apps", "b.yaml"}, names); diff != "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}
	if entry, ok := tree.Stat("apps/web"); !ok || entry.Mode != render.Directory {
		t.Errorf("apps/web is %v, %v", entry, ok)
	}
	if tree.List("b.yaml") != nil {
		t.Error("a file was listed")
	}
	content, err := tree.Read(context.Background(), "apps/web/a.yaml")
	if err != nil || string(content) != "a: 1\n" {
		t.Errorf("read %q, %v", content, err)
	}
	if _, err := tree.Read(context.Background(), "apps"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a directory: %v", err)
	}
	changed := tree.With(map[string]string{"b.yaml": "", "apps/web/a.yaml": "a: 2\n"})
	if _, ok := changed.Stat("b.yaml"); ok {
		t.Error("b.yaml is still there")
	}
}
