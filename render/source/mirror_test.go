package source

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slipwayhq/slipway/render"
)

func TestMirrorReadsACommit(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"README.md": "hello\n", "a/b/c.yaml": "c: 1\n", "a.txt": "x", "a/z.yaml": ""})
	m := open(t, h)
	fetch(t, m, commit)
	tree := treeOf(t, m, commit)

	var names []string
	for _, entry := range tree.List(".") {
		names = append(names, fmt.Sprint(entry.Path, " ", entry.Mode))
	}
	if diff := cmp.Diff([]string{"README.md 1", "a 2", "a.txt 1"}, names); diff != "" {
		t.Errorf("List(.) (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{"README.md": "hello\n", "a/b/c.yaml": "c: 1\n", "a/z.yaml": ""} {
		if got := read(t, tree, path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	root, _ := tree.Stat(".")
	if want := run(t, h.path(), "rev-parse", "main^{tree}"); string(root.ID) != want || root.Mode != render.Directory {
		t.Errorf("root = %+v, want tree %s", root, want)
	}
}

func TestPrefetchIsOneRequest(t *testing.T) {
	h := newHost(t)
	files := map[string]string{}
	var paths []string
	for i := range 300 {
		path := fmt.Sprintf("d%d/f.yaml", i)
		files[path] = fmt.Sprintf("value: %d\n", i)
		paths = append(paths, path)
	}
	commit := h.commit(t, "main", files)
	m := open(t, h)
	fetch(t, m, commit)
	if fetches, _ := h.sent(); len(fetches) != 1 || !strings.Contains(fetches[0], "filter blob:none") {
		t.Fatalf("the first fetch was %d commands %q, want one without blobs", len(fetches), fetches)
	}
	tree := treeOf(t, m, commit)
	missing, err := m.missing(context.Background(), ids(tree, paths))
	if err != nil || len(missing) != len(paths) {
		t.Fatalf("%d of %d blobs are missing (%v), want all: the filter was not honoured", len(missing), len(paths), err)
	}

	if err := tree.Prefetch(context.Background(), append(paths, "nowhere.yaml", "d1")); err != nil {
		t.Fatal(err)
	}
	if fetches, _ := h.sent(); len(fetches) != 1 || strings.Count(fetches[0], "want ") != len(paths) {
		t.Errorf("prefetching took %d commands, want one with %d wants", len(fetches), len(paths))
	}
	for path, want := range files {
		if got := read(t, tree, path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	if err := tree.Prefetch(context.Background(), paths); err != nil {
		t.Fatal(err)
	}
	fetch(t, m, commit)
	if _, requests := h.sent(); requests != 0 {
		t.Errorf("%d requests for what is local already, want none", requests)
	}
}

func ids(tree render.Tree, paths []string) []render.GitID {
	var ids []render.GitID
	for _, path := range paths {
		entry, _ := tree.Stat(path)
		ids = append(ids, entry.ID)
	}
	return ids
}

func TestReadFetchesTheDirectoryOnce(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"a/1": "one", "a/2": "two", "a/3": "three", "b/1": "other"})
	m := open(t, h)
	fetch(t, m, commit)
	tree := treeOf(t, m, commit)
	h.sent()
	for _, path := range []string{"a/1", "a/2", "a/3"} {
		read(t, tree, path)
	}
	if fetches, _ := h.sent(); len(fetches) != 1 || strings.Count(fetches[0], "want ") != 3 {
		t.Errorf("reading a directory of three took %q, want one fetch of three", fetches)
	}
}

func TestReadersOfOneFileShareItsFetch(t *testing.T) {
	h := newHost(t)
	commit := h.commit(t, "main", map[string]string{"f": "1"})
	m := open(t, h)
	fetch(t, m, commit)
	tree := treeOf(t, m, commit)
	h.sent()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if content, err := tree.Read(context.Background(), "f"); err != nil || string(content) != "1" {
				t.Errorf("f = %q, %v", content, err)
			}
		})
	}
	all.Wait()
	// One to ask what the remote can, one to fetch.
	if _, requests := h.sent(); requests != 2 {
		t.Errorf("%d requests for one file, want 2", requests)
	}
}
