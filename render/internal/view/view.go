// Package view turns a tree into what one rendering may see of it: symbolic links
// are followed inside the tree only, every look-up is recorded, misses included,
// and what is read is bounded. Each engine reads through
// a view, so that no engine can read past it.
package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

// Mode is what an entry is; the values are those of the render package.
type Mode int

// The modes that Git knows.
const (
	File Mode = iota + 1
	Directory
	Symlink
	Submodule
)

// An Entry is what a tree has at a path.
type Entry struct {
	Path string
	Mode Mode
}

// A Tree is the files of a repository at one commit; see render.Tree.
type Tree interface {
	Stat(path string) (Entry, bool)
	List(dir string) []Entry
	// Read's error may be a *Problem.
	Read(ctx context.Context, path string) ([]byte, error)
}

// A Problem is a person's mistake; see render.Problem.
type Problem struct {
	File    string
	Line    int
	Message string
	Hint    string
}

// Error returns the message alone.
func (p *Problem) Error() string { return p.Message }

// A View is one rendering's sight of a tree. It is safe for concurrent use, so
// that its record can be taken while an abandoned rendering still runs.
type View struct {
	ctx   context.Context // of the one rendering that the view is made for
	tree  Tree
	bytes int64 // what may still be read

	mu      sync.Mutex
	reads   map[string]bool
	problem *Problem
	failure error
}

// New returns a view of tree that hands out at most bytes in all, repetitions
// counted, and nothing once ctx is done.
func New(ctx context.Context, tree Tree, bytes int64) *View {
	return &View{ctx: ctx, tree: tree, bytes: bytes, reads: map[string]bool{}}
}

// Reads returns the record so far: every path that was looked at, misses included,
// sorted.
func (v *View) Reads() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.reads))
}

// Problem returns the first problem that the view met itself or was told of.
func (v *View) Problem() *Problem {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.problem
}

// Failure returns why the tree could not be read; nil where it could.
func (v *View) Failure() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.failure
}

// Report keeps the problem unless there is one already, and returns it as the
// error with which an engine's own reading ends.
func (v *View) Report(p *Problem) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.problem == nil {
		v.problem = p
	}
	return p
}

func (v *View) record(name string) {
	v.mu.Lock()
	v.reads[name] = true
	v.mu.Unlock()
}

// maxLinks is how many symbolic links one look-up may follow, as on Linux.
const maxLinks = 40

// Resolve follows symbolic links from name, which is relative to the root and
// need not be clean, to a file or directory. The error wraps [fs.ErrNotExist]
// where nothing is there, or is a *Problem. What is recorded is links and misses.
func (v *View) Resolve(name string) (Entry, error) {
	asked := name
	for range maxLinks {
		name = path.Clean(name)
		if name == ".." || strings.HasPrefix(name, "../") || path.IsAbs(name) {
			return Entry{}, v.Report(&Problem{
				File:    referrer(asked),
				Message: fmt.Sprintf("%s is outside the repository", asked),
				Hint:    "only files of the repository itself are read",
			})
		}
		entry, ok := v.tree.Stat(name)
		if ok && (entry.Mode == File || entry.Mode == Directory) {
			return entry, nil
		}
		next, err := v.step(asked, name)
		if err != nil {
			return Entry{}, err
		}
		name = next
	}
	return Entry{}, v.Report(&Problem{File: asked, Message: "too many levels of symbolic links"})
}

// referrer is the path itself where it lies in the tree, for a link that leads out of it.
func referrer(name string) string {
	if clean := path.Clean(name); clean != ".." && !strings.HasPrefix(clean, "../") && !path.IsAbs(clean) {
		return clean
	}
	return ""
}

// step replaces the first symbolic link on the way to name by its target.
func (v *View) step(asked, name string) (string, error) {
	parts := strings.Split(name, "/")
	for i := range parts {
		prefix := strings.Join(parts[:i+1], "/")
		entry, ok := v.tree.Stat(prefix)
		switch {
		case !ok:
			v.record(prefix)
			return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		case entry.Mode == Submodule:
			v.record(prefix)
			return "", v.Report(&Problem{File: prefix, Message: "is a submodule, which is never followed", Hint: "copy what is needed into the repository"})
		case entry.Mode == Symlink:
			target, err := v.link(entry)
			if err != nil {
				return "", err
			}
			if path.IsAbs(target) {
				return "", v.Report(&Problem{File: prefix, Message: fmt.Sprintf("the symbolic link leads to %s, outside the repository", target), Hint: "link to a path inside the repository, relative to the link"})
			}
			next := path.Join(path.Dir(prefix), target, path.Join(parts[i+1:]...))
			if next == ".." || strings.HasPrefix(next, "../") {
				return "", v.Report(&Problem{File: prefix, Message: fmt.Sprintf("the symbolic link leads to %s, outside the repository", target), Hint: "link to a path inside the repository"})
			}
			return next, nil
		case entry.Mode == File && i < len(parts)-1:
			v.record(prefix)
			return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
	}
	return "", fmt.Errorf("resolve %s: stuck at %s", asked, name)
}

func (v *View) link(entry Entry) (string, error) {
	v.record(entry.Path)
	content, err := v.fetch(entry.Path)
	return string(content), err
}

// pointer is how Git LFS begins what it commits in place of a file. What a person's
// checkout has there is another content, so that rendering the pointer would mislead.
const pointer = "version https://git-lfs.github.com/spec/"

// Read returns the content of the file that name resolves to. The error wraps
// [fs.ErrNotExist] where it is no file, or is a *Problem, or is the tree's; the
// last two are kept for [View.Problem] and [View.Failure].
func (v *View) Read(name string) ([]byte, error) {
	entry, err := v.Resolve(name)
	if err != nil {
		return nil, err
	}
	if entry.Mode != File {
		return nil, fmt.Errorf("%s is a directory: %w", name, fs.ErrNotExist)
	}
	v.record(entry.Path)
	content, err := v.fetch(entry.Path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(content, []byte(pointer)) {
		return nil, v.Report(&Problem{File: entry.Path, Message: "is a Git LFS pointer, and the file that it stands for is not in the repository", Hint: "commit the file itself"})
	}
	if Bomb(content) {
		return nil, v.Report(&Problem{File: entry.Path, Message: "the YAML nests too deep, or its aliases expand to more than is allowed", Hint: "use fewer aliases of aliases and fewer levels"})
	}
	return content, nil
}

func (v *View) fetch(name string) ([]byte, error) {
	if err := v.ctx.Err(); err != nil {
		return nil, err
	}
	content, err := v.tree.Read(v.ctx, name)
	v.mu.Lock()
	defer v.mu.Unlock()
	var problem *Problem
	if errors.As(err, &problem) {
		if v.problem == nil {
			v.problem = problem
		}
		return nil, problem
	}
	if err != nil {
		if v.failure == nil && !errors.Is(err, v.ctx.Err()) {
			v.failure = err
		}
		return nil, err
	}
	v.bytes -= int64(len(content))
	if v.bytes < 0 {
		if v.problem == nil {
			v.problem = &Problem{File: name, Message: "rendering reads more bytes than are allowed", Hint: "split the target, or raise the limit"}
		}
		return nil, v.problem
	}
	return content, nil
}

// List returns the entries of the directory dir, which must not be behind a
// symbolic link, and records it.
func (v *View) List(dir string) []Entry {
	v.record(dir)
	return v.tree.List(dir)
}
