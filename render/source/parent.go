package source

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/render"
)

// Parent returns a commit's first parent. It wraps [ErrUnknownCommit] where there
// is no such commit, or it has no parent.
func (r *Repository) Parent(ctx context.Context, commit render.Commit) (render.Commit, error) {
	if err := checkID(commit); err != nil {
		return "", err
	}
	r.guard.RLock()
	defer r.guard.RUnlock()
	found, err := r.objects.info(ctx, []string{string(commit) + "^1"})
	if err != nil {
		return "", fmt.Errorf("parent of %s: %w", commit, r.noted(ctx, err))
	}
	if found[0].kind != "commit" {
		return "", fmt.Errorf("parent of %s: %w", commit, ErrUnknownCommit)
	}
	return render.Commit(found[0].id), nil
}
