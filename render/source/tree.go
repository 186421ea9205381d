package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// maxListing bounds the names of all files of a tree, in bytes.
const maxListing = 256 << 20

// siblingLimit bounds the files of a directory that come along with one of them.
const siblingLimit = 256

// A tree is one Git tree with all below it, in memory but for the blobs.
type tree struct {
	repository *Repository
	id         render.GitID
	entries    map[string]render.Entry
	lists      map[string][]render.Entry // by directory, sorted by name
	executable map[string]bool
}

// treeByID reads a tree with one git ls-tree, or remembers it.
func (r *Repository) treeByID(ctx context.Context, id render.GitID) (*tree, error) {
	if t, ok := r.trees.get(id); ok {
		return t, nil
	}
	// A few kilobytes of trees that repeat each other can name more files than there is
	// memory: counting while reading ends that early.
	count, size := 0, 0
	tooLarge := func(piece []byte) bool {
		count, size = count+bytes.Count(piece, []byte{0}), size+len(piece)
		return count > MaxTreeEntries || size > maxListing
	}
	out, err := invocation{dir: r.dir, args: []string{"ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options", string(id)}, enough: tooLarge}.run(ctx)
	switch {
	case errors.Is(err, errEnough):
		return nil, tooManyFiles()
	case err != nil:
		return nil, err
	}
	t, err := parseTree(string(out))
	if err != nil {
		return nil, err
	}
	t.repository, t.id = r, id
	t.entries["."] = render.Entry{Path: ".", Mode: render.Directory, ID: id}
	r.trees.put(id, t)
	return t, nil
}

var modes = map[string]render.Mode{
	"100644": render.File, "100664": render.File, "100755": render.File,
	"040000": render.Directory, "120000": render.Symlink, "160000": render.Submodule,
}

// parseTree reads lines of "mode type id TAB path", each ended by NUL.
func parseTree(listing string) (*tree, error) {
	count := strings.Count(listing, "\x00")
	if count > MaxTreeEntries {
		return nil, tooManyFiles()
	}
	t := &tree{entries: make(map[string]render.Entry, count+1), lists: map[string][]render.Entry{".": {}}, executable: map[string]bool{}}
	for listing != "" {
		var line string
		line, listing, _ = strings.Cut(listing, "\x00")
		about, name, _ := strings.Cut(line, "\t")
		mode, rest, _ := strings.Cut(about, " ")
		_, id, _ := strings.Cut(rest, " ")
		entry := render.Entry{Path: name, Mode: modes[mode], ID: render.GitID(id)}
		if entry.Mode == 0 || checkID(id) != nil {
			return nil, fmt.Errorf("ls-tree said %q", line)
		}
		if !fs.ValidPath(toValid(name)) || name == "." {
			return nil, &render.Problem{File: name, Message: "the tree has a file whose name is no path"}
		}
		t.entries[name] = entry
		parent := path.Dir(name)
		t.lists[parent] = append(t.lists[parent], entry)
		if entry.Mode == render.Directory {
			t.lists[name] = []render.Entry{} // a directory all the same when it is empty
		}
		if mode == "100755" {
			t.executable[name] = true
		}
	}
	// Git sorts directories as though their names ended with a slash.
	for _, list := range t.lists {
		slices.SortFunc(list, func(a, b render.Entry) int { return cmp.Compare(a.Path, b.Path) })
	}
	return t, nil
}

func tooManyFiles() *render.Problem {
	return &render.Problem{Message: fmt.Sprintf("the repository has more than %d files and directories", MaxTreeEntries)}
}

// toValid lets names pass that are no UTF-8, which Git allows.
func toValid(name string) string { return strings.ToValidUTF8(name, "?") }

// Stat implements [render.Tree].
func (t *tree) Stat(path string) (render.Entry, bool) {
	entry, ok := t.entries[path]
	return entry, ok
}

// List implements [render.Tree].
func (t *tree) List(dir string) []render.Entry { return slices.Clip(t.lists[dir]) }

// Read implements [render.Tree]. A file of more than [MaxBlobBytes] is a
// [*render.Problem].
func (t *tree) Read(ctx context.Context, name string) ([]byte, error) {
	entry, ok := t.entries[name]
	if !ok || !isBlob(entry) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	if content, ok := t.repository.blobs.get(entry.ID); ok {
		return slices.Clone(content), nil
	}
	t.repository.guard.RLock()
	defer t.repository.guard.RUnlock()
	content, err := t.read(ctx, entry)
	if err != nil {
		return nil, fmt.Errorf("read %s of tree %s: %w", name, t.id, t.repository.noted(ctx, err))
	}
	t.repository.blobs.put(entry.ID, content)
	return slices.Clone(content), nil
}

func isBlob(entry render.Entry) bool {
	return entry.Mode == render.File || entry.Mode == render.Symlink
}

// read returns a blob, fetched with its siblings where it is missing.
func (t *tree) read(ctx context.Context, entry render.Entry) ([]byte, error) {
	for fetched := false; ; fetched = true {
		content, size, ok, err := t.repository.objects.contents(ctx, entry.ID, MaxBlobBytes)
		switch {
		case err != nil:
			return nil, err
		case ok && size > MaxBlobBytes:
			return nil, &render.Problem{File: entry.Path, Message: fmt.Sprintf("the file has %d bytes, which is more than the limit of %d", size, MaxBlobBytes)}
		case ok:
			return content, nil
		case t.repository.remote == nil:
			return nil, &render.Problem{File: entry.Path, Message: "the file's content is not in the local repository, which is a partial clone",
				Hint: "run git fetch --refetch --no-filter"}
		case fetched:
			return nil, errors.New("the remote did not send the blob")
		}
		if err := t.repository.remote.fetchBlobs(ctx, t.withSiblings(entry)); err != nil {
			return nil, err
		}
	}
}

// withSiblings returns the ids of an entry and of those beside it: who reads a
// file of a directory will want the next one.
func (t *tree) withSiblings(entry render.Entry) []render.GitID {
	ids := []render.GitID{entry.ID}
	for _, sibling := range t.lists[path.Dir(entry.Path)] {
		if isBlob(sibling) && len(ids) < siblingLimit {
			ids = append(ids, sibling.ID)
		}
	}
	return ids
}

// Prefetch implements [render.Tree].
func (t *tree) Prefetch(ctx context.Context, paths []string) error {
	if t.repository.remote == nil {
		return nil
	}
	var ids []render.GitID
	for _, name := range paths {
		if entry, ok := t.entries[name]; ok && isBlob(entry) {
			ids = append(ids, entry.ID)
		}
	}
	t.repository.guard.RLock()
	defer t.repository.guard.RUnlock()
	if err := t.repository.prefetch(ctx, ids); err != nil {
		return fmt.Errorf("prefetch %d files of tree %s: %w", len(ids), t.id, t.repository.noted(ctx, err))
	}
	return nil
}

// prefetch makes blobs local in at most one request. The caller holds guard.
func (r *Repository) prefetch(ctx context.Context, ids []render.GitID) error {
	if r.remote == nil {
		return nil
	}
	missing, err := r.missing(ctx, ids)
	if err != nil || len(missing) == 0 {
		return err
	}
	return r.remote.fetchBlobs(ctx, missing)
}

// missing returns those ids, sorted and each once, whose objects are not local.
func (r *Repository) missing(ctx context.Context, ids []render.GitID) ([]render.GitID, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	found, err := r.objects.info(ctx, names)
	if err != nil {
		return nil, err
	}
	var missing []render.GitID
	for i, id := range ids {
		if found[i].kind == "" {
			missing = append(missing, id)
		}
	}
	return missing, nil
}
