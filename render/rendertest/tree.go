// Package rendertest turns a map of files, or a txtar archive, into a
// [render.Tree] in memory, for tests of whatever takes a tree. Its ids are Git's
// own for the same content, so they are equal on every run and on every machine.
package rendertest

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/slipwayhq/slipway/render"
)

// LinkPrefix marks, at the start of a file's content, a symbolic link: the rest
// of the first line is its target.
const LinkPrefix = "symlink "

// A MapTree is a [render.Tree] in memory that remembers what was asked of it.
type MapTree struct {
	entries map[string]render.Entry
	lists   map[string][]render.Entry
	blobs   map[string][]byte

	mu         sync.Mutex
	reads      []string
	prefetches [][]string
}

// Tree returns a tree of files: path to content. It panics where a path is not
// clean and relative, or is both a file and a directory.
func Tree(files map[string]string) *MapTree {
	t := &MapTree{
		entries: map[string]render.Entry{},
		lists:   map[string][]render.Entry{".": {}},
		blobs:   map[string][]byte{},
	}
	for name, content := range files {
		if !fs.ValidPath(name) || name == "." {
			panic("rendertest: not a clean relative path: " + name)
		}
		entry := render.Entry{Path: name, Mode: render.File}
		if target, ok := strings.CutPrefix(content, LinkPrefix); ok {
			target, _, _ = strings.Cut(target, "\n")
			entry.Mode, content = render.Symlink, target
		}
		t.blobs[name] = []byte(content)
		entry.ID = gitID("blob", []byte(content))
		t.entries[name] = entry
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			t.lists[dir] = []render.Entry{}
		}
	}
	t.addDirectories()
	return t
}

// addDirectories gives every directory its entries and its id, deepest first.
func (t *MapTree) addDirectories() {
	dirs := make([]string, 0, len(t.lists))
	for dir := range t.lists {
		if _, ok := t.blobs[dir]; ok {
			panic("rendertest: both a file and a directory: " + dir)
		}
		dirs = append(dirs, dir)
	}
	for _, entry := range t.entries {
		parent := path.Dir(entry.Path)
		t.lists[parent] = append(t.lists[parent], entry)
	}
	depth := func(dir string) int {
		if dir == "." {
			return -1
		}
		return strings.Count(dir, "/")
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(depth(b), depth(a)) })
	for _, dir := range dirs {
		slices.SortFunc(t.lists[dir], func(a, b render.Entry) int { return cmp.Compare(a.Path, b.Path) })
		entry := render.Entry{Path: dir, Mode: render.Directory, ID: gitID("tree", treeContent(t.lists[dir]))}
		t.entries[dir] = entry
		if dir != "." {
			t.lists[path.Dir(dir)] = append(t.lists[path.Dir(dir)], entry)
		}
	}
}

// treeContent is the content of Git's tree object: mode, name and raw id of each
// entry, sorted as if directories ended in a slash.
func treeContent(entries []render.Entry) []byte {
	name := func(e render.Entry) string {
		if e.Mode == render.Directory {
			return path.Base(e.Path) + "/"
		}
		return path.Base(e.Path)
	}
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b render.Entry) int { return cmp.Compare(name(a), name(b)) })
	var content []byte
	for _, entry := range sorted {
		mode := map[render.Mode]string{render.File: "100644", render.Directory: "40000", render.Symlink: "120000"}[entry.Mode]
		raw, _ := hex.DecodeString(string(entry.ID)) // our own hexadecimal
		content = fmt.Appendf(content, "%s %s\x00%s", mode, path.Base(entry.Path), raw)
	}
	return content
}

func gitID(kind string, content []byte) render.GitID {
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\x00", kind, len(content))
	sum.Write(content)
	return render.GitID(hex.EncodeToString(sum.Sum(nil)))
}

// Archive returns the tree of a txtar archive's files. A file whose content
// starts with "symlink " is a symbolic link to the rest of the line.
func Archive(archive []byte) *MapTree {
	files := map[string]string{}
	for _, file := range txtar.Parse(archive).Files {
		files[file.Name] = string(file.Data)
	}
	return Tree(files)
}

// ArchiveFile is [Archive] of a file on disk; it fails the test where there is none.
func ArchiveFile(tb testing.TB, file string) *MapTree {
	tb.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return Archive(txtar.Format(archive))
}

// With returns a new tree with changes made: path to new content. An empty
// content removes the file.
func (t *MapTree) With(changes map[string]string) *MapTree {
	files := t.Files()
	for name, content := range changes {
		if content == "" {
			delete(files, name)
			continue
		}
		files[name] = content
	}
	return Tree(files)
}

// Files returns what [Tree] would make this tree from.
func (t *MapTree) Files() map[string]string {
	files := make(map[string]string, len(t.blobs))
	for name, content := range t.blobs {
		files[name] = string(content)
		if t.entries[name].Mode == render.Symlink {
			files[name] = LinkPrefix + files[name]
		}
	}
	return files
}

// Stat implements [render.Tree].
func (t *MapTree) Stat(name string) (render.Entry, bool) {
	entry, ok := t.entries[name]
	return entry, ok
}

// List implements [render.Tree].
func (t *MapTree) List(dir string) []render.Entry { return t.lists[dir] }

// Read implements [render.Tree].
func (t *MapTree) Read(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.reads = append(t.reads, name)
	t.mu.Unlock()
	content, ok := t.blobs[name]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	return content, nil
}

// Prefetch implements [render.Tree].
func (t *MapTree) Prefetch(_ context.Context, paths []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prefetches = append(t.prefetches, slices.Clone(paths))
	return nil
}

// Asked returns the blobs read so far, in order and with repetitions, and the
// paths of each prefetch.
func (t *MapTree) Asked() (reads []string, prefetches [][]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.reads), slices.Clone(t.prefetches)
}
