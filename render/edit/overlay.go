package edit

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"path"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// Overlay returns tree with the edits made: another tree, in which nothing but the
// edited files and the directories above them has another id. A file's id is
// Git's own for its content; a directory's is made from its entries' and is equal
// for equal edits of equal trees. Edits of paths that are no files are passed over.
func Overlay(tree render.Tree, edits []FileEdit) render.Tree {
	o := &overlay{Tree: tree, blobs: map[string][]byte{}, entries: map[string]render.Entry{}}
	for _, edit := range edits {
		entry, ok := tree.Stat(edit.Path)
		if !ok || entry.Mode != render.File {
			continue
		}
		id := blobID(entry.ID, edit.Content)
		if id == entry.ID {
			continue
		}
		o.blobs[edit.Path] = edit.Content
		o.entries[edit.Path] = render.Entry{Path: entry.Path, Mode: entry.Mode, ID: id}
	}
	changed := sortedPaths(o.blobs)
	for _, name := range changed {
		for dir := name; dir != "."; {
			dir = path.Dir(dir)
			o.above(dir, changed)
		}
	}
	return o
}

type overlay struct {
	render.Tree
	blobs   map[string][]byte
	entries map[string]render.Entry // of edited files, and of the directories above them
}

// above gives a directory over edited files an id of its own: of what it was, and
// of what is edited below it.
func (o *overlay) above(dir string, changed []string) {
	entry, ok := o.Tree.Stat(dir)
	if !ok || o.entries[dir].Path != "" {
		return
	}
	sum := newHash(entry.ID)
	fmt.Fprintf(sum, "edited %s\x00", entry.ID)
	for _, name := range changed {
		if dir == "." || len(name) > len(dir) && name[:len(dir)+1] == dir+"/" {
			fmt.Fprintf(sum, "%s\x00%s\x00", name, o.entries[name].ID)
		}
	}
	entry.ID = render.GitID(hex.EncodeToString(sum.Sum(nil)))
	o.entries[dir] = entry
}

// Stat implements [render.Tree].
func (o *overlay) Stat(name string) (render.Entry, bool) {
	if entry, ok := o.entries[name]; ok {
		return entry, true
	}
	return o.Tree.Stat(name)
}

// List implements [render.Tree].
func (o *overlay) List(dir string) []render.Entry {
	listed := o.Tree.List(dir)
	if _, edited := o.entries[dir]; !edited {
		return listed
	}
	listed = slices.Clone(listed)
	for i, entry := range listed {
		if edited, ok := o.entries[entry.Path]; ok {
			listed[i] = edited
		}
	}
	return listed
}

// Read implements [render.Tree].
func (o *overlay) Read(ctx context.Context, name string) ([]byte, error) {
	if content, ok := o.blobs[name]; ok {
		return content, nil
	}
	return o.Tree.Read(ctx, name)
}

// blobID is Git's id of content, by the hash that made another id.
func blobID(like render.GitID, content []byte) render.GitID {
	sum := newHash(like)
	fmt.Fprintf(sum, "blob %d\x00", len(content))
	sum.Write(content)
	return render.GitID(hex.EncodeToString(sum.Sum(nil)))
}

// newHash is SHA-256 for a repository of such ids, else SHA-1, as Git has it.
func newHash(like render.GitID) hash.Hash {
	if len(like) == hex.EncodedLen(sha256.Size) {
		return sha256.New()
	}
	return sha1.New()
}

func sortedPaths(blobs map[string][]byte) []string {
	paths := make([]string, 0, len(blobs))
	for name := range blobs {
		paths = append(paths, name)
	}
	slices.Sort(paths)
	return paths
}
