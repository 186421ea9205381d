package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// merged is what merging two commits gave.
type merged struct {
	tree      render.GitID
	conflicts []string // sorted; empty where the merge went well
}

// Merge returns the tree that merging head into base gives, as git merge would
// make it, or the sorted paths that conflict. Two commits without a common
// ancestor are a [*render.Problem].
func (r *Repository) Merge(ctx context.Context, base, head render.Commit) (render.Tree, []string, error) {
	if err := errors.Join(checkID(base), checkID(head)); err != nil {
		return nil, nil, err
	}
	r.guard.RLock()
	defer r.guard.RUnlock()
	result, err := r.merge(ctx, base, head)
	if err != nil {
		return nil, nil, fmt.Errorf("merge %s into %s: %w", head, base, r.noted(ctx, err))
	}
	if len(result.conflicts) > 0 {
		return nil, slices.Clone(result.conflicts), nil
	}
	t, err := r.treeByID(ctx, result.tree)
	if err != nil {
		return nil, nil, fmt.Errorf("read the merge of %s into %s: %w", head, base, r.noted(ctx, err))
	}
	return t, nil, nil
}

// merge remembers its results: they depend on the two commits alone.
func (r *Repository) merge(ctx context.Context, base, head render.Commit) (merged, error) {
	key := [2]render.Commit{base, head}
	if result, ok := r.merges.get(key); ok {
		return result, nil
	}
	ours, err := r.treeOf(ctx, base)
	if err != nil {
		return merged{}, fmt.Errorf("tree of %s: %w", base, err)
	}
	theirs, err := r.treeOf(ctx, head)
	if err != nil {
		return merged{}, fmt.Errorf("tree of %s: %w", head, err)
	}
	ancestors, err := r.mergeBases(ctx, base, head)
	if err != nil {
		return merged{}, err
	}
	var result merged
	switch {
	case slices.Contains(ancestors, base):
		result = merged{tree: theirs.id}
	case slices.Contains(ancestors, head):
		result = merged{tree: ours.id}
	default:
		if err := r.prefetchSides(ctx, ancestors, ours, theirs); err != nil {
			return merged{}, err
		}
		if result, err = r.mergeTrees(ctx, base, head); err != nil {
			return merged{}, err
		}
	}
	r.merges.put(key, result)
	return result, nil
}

// prefetchSides makes local, in one request, what either side changed: the
// contents that Git compares when it looks for renames and merges lines.
func (r *Repository) prefetchSides(ctx context.Context, ancestors []render.Commit, sides ...*tree) error {
	if r.remote == nil {
		return nil
	}
	var ids []render.GitID
	for _, commit := range ancestors {
		ancestor, err := r.treeOf(ctx, commit)
		if err != nil {
			return err
		}
		for _, side := range sides {
			changed, _ := r.Changed(ctx, ancestor, side) // compares in memory: no error
			for _, name := range changed {
				for _, t := range []*tree{ancestor, side} {
					if entry, ok := t.entries[name]; ok && isBlob(entry) {
						ids = append(ids, entry.ID)
					}
				}
			}
		}
	}
	return r.prefetch(ctx, ids)
}

// mergeTrees lets Git merge; it writes the resulting trees and blobs, no commit.
func (r *Repository) mergeTrees(ctx context.Context, base, head render.Commit) (merged, error) {
	args := []string{"merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "--end-of-options", string(base), string(head)}
	call := invocation{dir: r.dir, args: args}
	if r.remote != nil {
		// Criss-cross histories may need more than was prefetched.
		var err error
		if call, err = r.remote.access(ctx, args...); err != nil {
			return merged{}, err
		}
	}
	out, err := call.run(ctx)
	var failed *failure
	if err != nil && !(errors.As(err, &failed) && failed.status == 1) {
		return merged{}, err
	}
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if err := checkID(fields[0]); err != nil {
		return merged{}, fmt.Errorf("git merge-tree: %w", err)
	}
	conflicts := fields[1:]
	if failed != nil && len(conflicts) == 0 {
		return merged{}, failed
	}
	slices.Sort(conflicts)
	return merged{tree: render.GitID(fields[0]), conflicts: slices.Compact(conflicts)}, nil
}

// MergeBase returns the best common ancestor of two commits. That there is none
// is a [*render.Problem].
func (r *Repository) MergeBase(ctx context.Context, a, b render.Commit) (render.Commit, error) {
	if err := errors.Join(checkID(a), checkID(b)); err != nil {
		return "", err
	}
	r.guard.RLock()
	defer r.guard.RUnlock()
	ancestors, err := r.mergeBases(ctx, a, b)
	if err != nil {
		return "", fmt.Errorf("merge base of %s and %s: %w", a, b, r.noted(ctx, err))
	}
	return ancestors[0], nil
}

// mergeBases returns all best common ancestors, at least one.
func (r *Repository) mergeBases(ctx context.Context, a, b render.Commit) ([]render.Commit, error) {
	out, err := invocation{dir: r.dir, args: []string{"merge-base", "--all", "--end-of-options", string(a), string(b)}}.run(ctx)
	var failed *failure
	if errors.As(err, &failed) && failed.status == 1 {
		return nil, &render.Problem{Message: fmt.Sprintf("%s and %s have no common history, so they cannot be merged", a.Short(), b.Short())}
	}
	if err != nil {
		return nil, err
	}
	var found []render.Commit
	for _, line := range strings.Fields(string(out)) {
		found = append(found, render.Commit(line))
	}
	return found, nil
}
