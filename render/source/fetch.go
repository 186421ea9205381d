package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/render"
)

const (
	fetchTimeout = 15 * time.Minute
	packLimit    = 60  // packs after which a fetch tidies up
	keptCommits  = 500 // fetched commits that are kept by a ref of their own
)

// fetchCommits fetches those commits that are missing. Each gets a ref, so that
// the next fetch can say what is there already.
func (m *Mirror) fetchCommits(ctx context.Context, commits []render.Commit) error {
	missing, err := m.missingCommits(ctx, commits)
	if err != nil || len(missing) == 0 {
		return err
	}
	return m.exclusively(ctx, func(ctx context.Context) error {
		if missing, err = m.missingCommits(ctx, commits); err != nil || len(missing) == 0 {
			return err
		}
		var refspecs []string
		for _, commit := range missing {
			refspecs = append(refspecs, fmt.Sprintf("+%s:refs/slipway/commits/%s", commit, commit))
		}
		if err := m.fetch(ctx, refspecs...); err != nil {
			return err
		}
		if missing, err = m.missingCommits(ctx, missing); err == nil && len(missing) > 0 {
			err = fmt.Errorf("%w: %s", ErrUnknownCommit, missing[0])
		}
		return err
	})
}

func (m *Mirror) missingCommits(ctx context.Context, commits []render.Commit) ([]render.Commit, error) {
	if len(commits) == 0 {
		return nil, nil
	}
	names := make([]string, len(commits))
	for i, commit := range commits {
		names[i] = string(commit)
	}
	found, err := m.objects.info(ctx, names)
	if err != nil {
		return nil, err
	}
	var missing []render.Commit
	for i, commit := range commits {
		if found[i].kind != "commit" && !slices.Contains(missing, commit) {
			missing = append(missing, commit)
		}
	}
	return missing, nil
}

// fetchRef fetches a ref under a name of our own, in which a/b can follow a.
func (m *Mirror) fetchRef(ctx context.Context, ref string) (render.Commit, error) {
	var commit render.Commit
	err := m.exclusively(ctx, func(ctx context.Context) error {
		local := fmt.Sprintf("refs/slipway/refs/%x", sha256.Sum256([]byte(ref)))
		if err := m.fetch(ctx, "+"+ref+":"+local); err != nil {
			return err
		}
		out, err := invocation{dir: m.dir, args: []string{"rev-parse", "--verify", "--end-of-options", local + "^{commit}"}}.run(ctx)
		if err != nil {
			return err
		}
		commit = render.Commit(strings.TrimSpace(string(out)))
		return checkID(commit)
	})
	return commit, err
}

// fetch runs git fetch of whole histories, without blobs.
func (m *Mirror) fetch(ctx context.Context, refspecs ...string) error {
	args := []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance",
		"--filter=blob:none", "--end-of-options", "origin"}
	call, err := m.access(ctx, append(args, refspecs...)...)
	if err != nil {
		return err
	}
	if err := m.bounded(ctx, call); err != nil {
		return explain(err)
	}
	return m.tidy(ctx)
}

// fetchBlobs implements [remote]. Asked for by their ids, without negotiation, they
// come in one pack, which Git marks as one that the remote can send again.
func (m *Mirror) fetchBlobs(ctx context.Context, ids []render.GitID) error {
	return m.exclusively(ctx, func(ctx context.Context) error {
		missing, err := m.missing(ctx, ids) // another fetch may have brought them
		if err != nil || len(missing) == 0 {
			return err
		}
		call, err := m.access(ctx, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
			"--no-recurse-submodules", "--no-auto-maintenance", "--filter=blob:none", "--stdin", "--end-of-options", "origin")
		if err != nil {
			return err
		}
		var list strings.Builder
		for _, id := range missing {
			list.WriteString(string(id) + "\n")
		}
		call.stdin = []byte(list.String())
		call.settings = append(call.settings, setting{"fetch.negotiationAlgorithm", "noop"})
		if err = m.bounded(ctx, call); err != nil {
			return explain(err)
		}
		return m.tidy(ctx)
	})
}

// exclusively runs what writes to the mirror, one at a time and not forever.
func (m *Mirror) exclusively(ctx context.Context, work func(context.Context) error) error {
	select {
	case m.fetching <- struct{}{}:
		defer func() { <-m.fetching }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, fmt.Errorf("the remote took more than %s", fetchTimeout))
	defer cancel()
	return work(ctx)
}

// explain recognises that the remote does not have what was asked for.
func explain(err error) error {
	var failed *failure
	switch {
	case !errors.As(err, &failed):
		return err
	case failed.says("not our ref", "couldn't find remote ref", "no such remote ref"):
		return fmt.Errorf("%w: %w", ErrUnknownCommit, err)
	case failed.says("repository '") && failed.says("' not found"):
		return fmt.Errorf("%w: %w", ErrNoRepository, err)
	}
	return err
}

// tidy packs what many small fetches left behind. The caller is alone in writing.
func (m *Mirror) tidy(ctx context.Context) error {
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) < packLimit {
		return err
	}
	if err := m.dropOldCommits(ctx); err != nil {
		return fmt.Errorf("tidy mirror: %w", err)
	}
	call, err := m.access(ctx, "gc", "--quiet", "--auto")
	if err != nil {
		return err
	}
	// What was merged long ago may be gone afterwards: merge again when asked.
	defer m.merges.clear()
	if _, err := call.run(ctx); err != nil {
		return fmt.Errorf("tidy mirror: %w", err)
	}
	return nil
}

// dropOldCommits deletes the refs of the commits that were made longest ago.
func (m *Mirror) dropOldCommits(ctx context.Context) error {
	out, err := invocation{dir: m.dir, args: []string{"for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/slipway/commits"}}.run(ctx)
	if err != nil {
		return err
	}
	refs := strings.Fields(string(out))
	if len(refs) <= keptCommits {
		return nil
	}
	var list strings.Builder
	for _, ref := range refs[keptCommits:] {
		list.WriteString("delete " + ref + "\n")
	}
	_, err = invocation{dir: m.dir, args: []string{"update-ref", "--stdin"}, stdin: []byte(list.String())}.run(ctx)
	return err
}

// removeStale deletes what a killed process left: lock files, which would stop
// the next fetch, and packs that did not arrive whole.
func (m *Mirror) removeStale() error {
	stale, err := m.arriving()
	if err != nil {
		return err
	}
	err = filepath.WalkDir(m.dir, func(name string, entry os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "objects":
			return filepath.SkipDir
		case strings.HasSuffix(name, ".lock"):
			stale = append(stale, name)
		}
		return nil
	})
	for _, name := range stale {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
