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
		if err := r.prefetchSides(ctx, []render.Commit{base, head}, ancestors); err != nil {
			return merged{}, err
		}
		result, err = r.mergeTrees(ctx, base, head)
		if err != nil && r.remote != nil && ctx.Err() == nil {
			// Perhaps a tangled history needs more than either side's changes.
			if err := r.prefetchAll(ctx, append(ancestors, base, head)); err != nil {
				return merged{}, err
			}
			result, err = r.mergeTrees(ctx, base, head)
		}
		if err != nil {
			return merged{}, err
		}
	}
	r.merges.put(key, result)
	return result, nil
}

// prefetchSides makes local, in one request, what either side changed: the
// contents that Git compares when it looks for renames and merges lines. Of
// several ancestors Git makes one first by merging them, so that what those
// changed is needed, too.
func (r *Repository) prefetchSides(ctx context.Context, sides, ancestors []render.Commit) error {
	if r.remote == nil {
		return nil
	}
	var ids []render.GitID
	for len(ancestors) > 0 {
		for _, ancestor := range ancestors {
			for _, side := range sides {
				changed, err := r.changedBlobs(ctx, ancestor, side)
				if err != nil {
					return err
				}
				ids = append(ids, changed...)
			}
		}
		if len(ancestors) == 1 {
			break
		}
		older, err := r.mergeBases(ctx, ancestors...)
		if problem := new(render.Problem); errors.As(err, &problem) {
			break
		}
		if err != nil {
			return err
		}
		sides, ancestors = ancestors, older
	}
	return r.prefetch(ctx, ids)
}

// prefetchAll makes all contents of some commits local.
func (r *Repository) prefetchAll(ctx context.Context, commits []render.Commit) error {
	var ids []render.GitID
	for _, commit := range commits {
		t, err := r.treeOf(ctx, commit)
		if err != nil {
			return err
		}
		for _, entry := range t.entries {
			if isBlob(entry) {
				ids = append(ids, entry.ID)
			}
		}
	}
	return r.prefetch(ctx, ids)
}

// changedBlobs returns the ids of what differs between two commits, on both.
func (r *Repository) changedBlobs(ctx context.Context, ancestor, side render.Commit) ([]render.GitID, error) {
	before, err := r.treeOf(ctx, ancestor)
	if err != nil {
		return nil, err
	}
	after, err := r.treeOf(ctx, side)
	if err != nil {
		return nil, err
	}
	changed, err := r.Changed(ctx, before, after)
	var ids []render.GitID
	for _, name := range changed {
		for _, t := range []*tree{before, after} {
			if entry, ok := t.entries[name]; ok && isBlob(entry) {
				ids = append(ids, entry.ID)
			}
		}
	}
	return ids, err
}

// mergeTrees lets Git merge; it writes the resulting trees and blobs, no commit.
func (r *Repository) mergeTrees(ctx context.Context, base, head render.Commit) (merged, error) {
	args := []string{"merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "--end-of-options", string(base), string(head)}
	out, err := invocation{dir: r.dir, args: args}.run(ctx)
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

// mergeBases returns all best common ancestors of a commit and others, at least
// one.
func (r *Repository) mergeBases(ctx context.Context, commits ...render.Commit) ([]render.Commit, error) {
	args := []string{"merge-base", "--all", "--end-of-options"}
	for _, commit := range commits {
		args = append(args, string(commit))
	}
	out, err := invocation{dir: r.dir, args: args}.run(ctx)
	var failed *failure
	if errors.As(err, &failed) && failed.status == 1 {
		return nil, &render.Problem{Message: fmt.Sprintf("%s and %s have no common history, so they cannot be merged", commits[0].Short(), commits[1].Short())}
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
