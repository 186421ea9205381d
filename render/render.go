// Package render turns a tree and a layout into targets, and each target into a
// rendered: the Kubernetes objects that its files produce, each with the file it
// came from, and the exact set of files that were read to produce them.
//
// Rendering is a function of the tree alone: it runs nothing that a repository
// brings (no exec, no plugins, no containers), opens no connection and reads
// nothing outside the tree. A person's mistake in the files is data (a [Problem]);
// an error is ours and means that the work should run again.
package render

import (
	"context"
	"fmt"
	"strings"
)

// Commit is the full hexadecimal name of a Git commit.
type Commit string

// Short returns the first seven digits, as Git prints them.
func (c Commit) Short() string { return string(c[:min(len(c), 7)]) }

// GitID is the hexadecimal name of a Git blob or tree. The empty GitID stands for
// "no such path".
type GitID string

// Environment names a stage that applications are deployed to, e.g. "production".
type Environment string

// Application names what is deployed, e.g. "web-app". It is empty where the
// layout has no application.
type Application string

// A Target is one application in one environment: the unit that is rendered,
// previewed, applied and drift-checked.
type Target struct {
	Environment Environment `json:"environment"`
	Application Application `json:"application,omitempty"`
	// Path is the target's directory in the tree, slash-separated, without a
	// leading or trailing slash; "." is the root.
	Path string `json:"path"`
}

// String prints the target the way people name it: production/web-app, or
// production where the layout has no application.
func (t Target) String() string {
	switch {
	case t.Environment == "" && t.Application == "":
		return t.Path
	case t.Application == "":
		return string(t.Environment)
	default:
		return string(t.Environment) + "/" + string(t.Application)
	}
}

// A Tree is the files of a repository at one commit. All paths are
// slash-separated, clean and relative to the root, which is ".". A Tree is
// immutable and safe for concurrent use.
type Tree interface {
	// Stat returns the entry at path, not following a symbolic link at its end
	// or on its way. It does no I/O.
	Stat(path string) (Entry, bool)
	// List returns the entries directly in dir, sorted by name; nil where dir is
	// no directory. It does no I/O.
	List(dir string) []Entry
	// Read returns the content of the blob at path (of a symbolic link, its
	// target). The error wraps [io/fs.ErrNotExist] where there is no such blob;
	// any other error is the repository's and means try again.
	Read(ctx context.Context, path string) ([]byte, error)
	// Prefetch makes the blobs at paths local in one request, where the tree is
	// backed by a partial clone. Paths that do not exist are passed over.
	Prefetch(ctx context.Context, paths []string) error
}

// An Entry is a file, directory, symbolic link or submodule of a tree.
type Entry struct {
	Path string
	Mode Mode
	ID   GitID
}

// Mode is what an entry is.
type Mode int

// The modes that Git knows.
const (
	File      Mode = iota + 1 // a blob, executable or not
	Directory                 // a tree; its ID changes when anything below it does
	Symlink                   // a blob whose content is the link's target
	Submodule                 // a commit of another repository; never followed
)

// Reads is what rendering really looked at: each path with the id that it had,
// the empty id for a path that was looked for and not found. For a directory that
// was listed the id is that of its tree. It is a target's exact dependency set.
type Reads map[string]GitID

// Unchanged reports whether tree answers every look-up as before, so that a
// rendering from it would read, and hence produce, the same.
func (r Reads) Unchanged(tree Tree) bool {
	for path, id := range r {
		entry, _ := tree.Stat(path) // the zero Entry has the empty id
		if entry.ID != id {
			return false
		}
	}
	return true
}

// A Problem is a person's mistake, or a limit they met: where, what, and what to
// do instead. It is data that a report shows; it is also an error for those who
// want one.
type Problem struct {
	File    string `json:"file,omitempty"` // in the tree; empty where no file is to blame
	Line    int    `json:"line,omitempty"` // 1-based; 0 where unknown
	Message string `json:"message"`        // one sentence, lower case, no final stop
	Hint    string `json:"hint,omitempty"` // what to write instead
}

// Error prints file:line: message; hint.
func (p *Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}
