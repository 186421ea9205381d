package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// Origin returns the URL of the remote called origin, as the repository's own
// configuration has it; empty where there is none. It may hold credentials, and is
// not to be shown.
func (l *LocalRepository) Origin(ctx context.Context) (string, error) {
	out, err := original(l.scratch, l.original, "config", "--get", "remote.origin.url").run(ctx)
	var failed *failure
	if errors.As(err, &failed) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the remote origin: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// WorkTree returns the top directory of the work tree that dir is in. That it is in
// none, as in a bare repository, is a [*render.Problem].
func WorkTree(ctx context.Context, dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the work tree of %s: %w", dir, err)
	}
	out, err := original(abs, "", "rev-parse", "--path-format=absolute", "--show-toplevel").run(ctx)
	var failed *failure
	if errors.As(err, &failed) {
		return "", &render.Problem{Message: fmt.Sprintf("%s has no work tree to write to", dir), Hint: "give a clone that is not bare with --repo"}
	}
	if err != nil {
		return "", fmt.Errorf("find the work tree of %s: %w", dir, err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
