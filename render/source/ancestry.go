package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// Since returns the commits by which a branch came from one commit to another:
// newest first, along first parents, to and all behind it down to from, which is not
// among them; at most most of them. Where from is empty they go back to the first
// commit; where it is no ancestor of to, to alone is returned.
func (r *Repository) Since(ctx context.Context, from, to render.Commit, most int) ([]render.Commit, error) {
	for _, commit := range []render.Commit{from, to} {
		if commit == "" && from == "" {
			continue
		}
		if err := checkID(commit); err != nil {
			return nil, err
		}
	}
	r.guard.RLock()
	defer r.guard.RUnlock()
	args := []string{"rev-list", "--first-parent", fmt.Sprintf("--max-count=%d", most+1), "--end-of-options", string(to)}
	out, err := invocation{dir: r.dir, args: args}.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("commits since %s: %w", from, r.noted(ctx, err))
	}
	var commits []render.Commit
	for line := range strings.Lines(string(out)) {
		commit := render.Commit(strings.TrimSpace(line))
		if commit == from {
			return commits, nil
		}
		commits = append(commits, commit)
	}
	switch {
	case len(commits) > most:
		return commits[:most], nil
	case from == "":
		return commits, nil
	}
	return []render.Commit{to}, nil
}
