package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/slipwayhq/slipway/render"
)

// A LocalRepository is a person's own repository, only ever read: what merging
// writes goes to a temporary repository that borrows its objects, and git runs in
// that one, so that the configuration of the person's repository has no effect.
type LocalRepository struct {
	*Repository
	original string // the person's repository
	scratch  string
}

// Local opens the repository that dir is in, bare or with a work tree, for as
// long as it is not closed. That there is none is a [*render.Problem].
func Local(ctx context.Context, dir string) (*LocalRepository, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, err)
	}
	if _, err := installed(); err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		return nil, &render.Problem{Message: fmt.Sprintf("there is no directory %s", dir)}
	}
	out, err := original(abs, "", "rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-path", "objects", "--git-path", "shallow",
		"--show-object-format").run(ctx)
	var failed *failure
	if errors.As(err, &failed) {
		return nil, &render.Problem{Message: fmt.Sprintf("%s is not in a Git repository", dir), Hint: "git says: " + failed.message}
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(lines) != 4 {
		return nil, fmt.Errorf("open repository %s: git said %q: %w", dir, out, err)
	}
	l := &LocalRepository{original: lines[0]}
	if err := l.borrow(lines[1], lines[2], lines[3]); err != nil {
		return nil, errors.Join(fmt.Errorf("open repository %s: %w", dir, err), l.Close())
	}
	return l, nil
}

// original runs git in the person's repository itself, for what only that knows:
// where things are, and what its refs say. gitDir is empty to let git find it.
func original(dir, gitDir string, args ...string) invocation {
	call := invocation{dir: gitDir, workDir: dir, args: args}
	// Others may own the files, e.g. in a container; nothing that is run here
	// starts a program that the configuration names.
	call.settings = []setting{{"safe.directory", "*"}}
	return call
}

// borrow creates the temporary repository over the person's objects.
func (l *LocalRepository) borrow(objects, shallow, format string) error {
	var err error
	if l.scratch, err = os.MkdirTemp("", "slipway-"); err != nil {
		return err
	}
	idLength := sha1Length
	if format == "sha256" {
		idLength = sha256Length
	}
	if err := create(l.scratch, idLength); err != nil {
		return err
	}
	// The path is quoted as Git reads it in this file.
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(objects) + `"`
	if err := os.WriteFile(filepath.Join(l.scratch, "objects/info/alternates"), []byte(quoted+"\n"), 0o600); err != nil {
		return err
	}
	// Where a history ends in a shallow clone.
	if ends, err := os.ReadFile(shallow); err == nil {
		if err := os.WriteFile(filepath.Join(l.scratch, "shallow"), ends, 0o600); err != nil {
			return err
		}
	}
	l.Repository = newRepository(l.scratch)
	return nil
}

// Close ends the processes and deletes the temporary repository.
func (l *LocalRepository) Close() error {
	if l.Repository != nil {
		l.objects.close()
	}
	return os.RemoveAll(l.scratch)
}

// Resolve returns the commit that a person means by a revision: a branch, a tag,
// HEAD~1, a short id. That there is none is a [*render.Problem] that names the
// branches with the nearest names.
func (l *LocalRepository) Resolve(ctx context.Context, revision string) (render.Commit, error) {
	out, err := original(l.scratch, l.original, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}").run(ctx)
	var failed *failure
	if errors.As(err, &failed) || strings.HasPrefix(revision, "-") {
		return "", l.unknown(ctx, revision)
	}
	if err != nil {
		return "", fmt.Errorf("resolve %q: %w", revision, err)
	}
	commit := render.Commit(strings.TrimSpace(string(out)))
	return commit, checkID(commit)
}

func (l *LocalRepository) unknown(ctx context.Context, revision string) error {
	problem := &render.Problem{Message: fmt.Sprintf("%q is no branch, tag or commit of this repository", revision)}
	out, err := original(l.scratch, l.original, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags").run(ctx)
	if err != nil {
		return fmt.Errorf("list branches: %w", err)
	}
	if near := nearest(revision, strings.Fields(string(out))); len(near) > 0 {
		problem.Hint = "it has " + strings.Join(near, ", ")
	}
	return problem
}

// nearest returns up to five names, those most like name first.
func nearest(name string, names []string) []string {
	slices.SortStableFunc(names, func(a, b string) int {
		return levenshtein.ComputeDistance(name, a) - levenshtein.ComputeDistance(name, b)
	})
	return names[:min(len(names), 5)]
}
