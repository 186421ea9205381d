// Package source turns a repository and a commit into a tree, read straight from
// Git objects: nothing is ever checked out, so no file name, attribute, filter,
// link or hook of a repository can reach the disk.
//
// Git itself does the work. A [Mirror] is a bare partial clone without blobs of a
// repository somewhere else; blobs come when they are read, many in one request.
// A [Repository] from [Local] reads a person's own repository and writes nothing
// to it. In both, git runs with an environment of its own: no configuration of
// the system, the user or the repository, no hooks, no prompts, no transport but
// HTTP, and credentials in the environment only.
package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/slipwayhq/slipway/render"
)

// ErrUnknownCommit says that a repository does not have a commit, or no longer.
var ErrUnknownCommit = errors.New("unknown commit")

// ErrNoRepository says that the remote has no such repository, or does not show it
// to these credentials.
var ErrNoRepository = errors.New("no such repository")

// Limits of what is read. What exceeds them is a person's problem, not an error.
const (
	MaxBlobBytes   = 20 << 20 // of one file
	MaxTreeEntries = 500_000  // files and directories of one tree
	MaxFetchBytes  = 4 << 30  // of what one fetch may bring

	cachedEntries = 1_000_000 // of the trees remembered per repository
	cachedBytes   = 16 << 20  // of the files remembered per repository
	cachedMerges  = 256
)

// A Repository is Git objects that are local, or come when they are needed. Its
// methods are safe for concurrent use.
type Repository struct {
	dir     string
	objects *objects
	remote  remote // nil where there is none

	trees   *recent[render.GitID, *tree]
	commits *recent[render.Commit, render.GitID]
	blobs   *recent[render.GitID, []byte]
	merges  *recent[[2]render.Commit, merged]

	// guard is held for reading by whatever uses the objects, and for writing while
	// a broken mirror is replaced.
	guard sync.RWMutex
	// broken is set when git could not read its own objects.
	broken atomic.Bool
}

// A remote is where missing objects come from.
type remote interface {
	// fetchBlobs fetches objects by id in one request, those that are still missing.
	fetchBlobs(ctx context.Context, ids []render.GitID) error
}

func newRepository(dir string) *Repository {
	one := func(render.GitID) int { return 1 }
	return &Repository{
		dir:     dir,
		objects: newObjects(dir),
		trees:   newRecent[render.GitID](cachedEntries, func(t *tree) int { return 1 + len(t.entries) }),
		commits: newRecent[render.Commit](4096, one),
		blobs:   newRecent[render.GitID](cachedBytes, func(b []byte) int { return 128 + len(b) }),
		merges:  newRecent[[2]render.Commit](cachedMerges, func(m merged) int { return 1 + len(m.conflicts) }),
	}
}

// Tree returns the tree of a commit (the id of a tree will do, too). It wraps
// [ErrUnknownCommit] where there is no such commit, and is a [*render.Problem]
// where the tree is larger than [MaxTreeEntries].
func (r *Repository) Tree(ctx context.Context, commit render.Commit) (render.Tree, error) {
	if err := checkID(commit); err != nil {
		return nil, err
	}
	r.guard.RLock()
	defer r.guard.RUnlock()
	t, err := r.treeOf(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("tree of %s: %w", commit, r.noted(ctx, err))
	}
	return t, nil
}

func (r *Repository) treeOf(ctx context.Context, commit render.Commit) (*tree, error) {
	id, ok := r.commits.get(commit)
	if !ok {
		found, err := r.objects.info(ctx, []string{string(commit) + "^{tree}"})
		if err != nil {
			return nil, err
		}
		if found[0].kind != "tree" {
			return nil, ErrUnknownCommit
		}
		id = found[0].id
		r.commits.put(commit, id)
	}
	return r.treeByID(ctx, id)
}

// noted remembers when an error says that the objects themselves cannot be read,
// and returns it.
func (r *Repository) noted(ctx context.Context, err error) error {
	var failed *failure
	unreadable := errors.Is(err, errUnreadable) || errors.As(err, &failed) && !failed.remote()
	if unreadable && ctx.Err() == nil {
		r.broken.Store(true)
	}
	return err
}

// Close ends the processes that wait for more to read. The repository can still
// be used.
func (r *Repository) Close() error {
	r.objects.close()
	return nil
}

// forget drops what is remembered of the objects.
func (r *Repository) forget() {
	r.objects.close()
	r.trees.clear()
	r.commits.clear()
	r.blobs.clear()
	r.merges.clear()
}
