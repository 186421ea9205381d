package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/slipwayhq/slipway/app/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/source"
)

// A mirrors implements [handlers.Trees] with one mirror per repository, below one
// directory.
type mirrors struct {
	dir string
	// origin returns the URL to fetch from, token what to fetch with.
	origin func(handlers.Repository) string
	token  func(ctx context.Context, installation int64) (string, error)

	mu   sync.Mutex
	open map[string]*source.Mirror
}

func newMirrors(dir string, app *github.App) *mirrors {
	return &mirrors{dir: dir, origin: app.CloneURL, token: app.Token, open: make(map[string]*source.Mirror)}
}

// Open implements [handlers.Trees].
func (m *mirrors) Open(ctx context.Context, repo handlers.Repository, refs []string, commits []render.Commit) (handlers.Repo, error) {
	mirror, err := m.mirror(repo)
	if err != nil {
		return nil, err
	}
	opened := &openRepo{Repository: mirror.Repository, refs: make(map[string]render.Commit, len(refs))}
	for _, ref := range refs {
		if opened.refs[ref], err = mirror.FetchRef(ctx, ref); err != nil {
			return nil, gone(err)
		}
	}
	if err := mirror.Fetch(ctx, commits...); err != nil {
		return nil, gone(err)
	}
	return opened, nil
}

func (m *mirrors) mirror(repo handlers.Repository) (*source.Mirror, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := fmt.Sprintf("%d/%s", repo.Installation, repo)
	if mirror := m.open[key]; mirror != nil {
		return mirror, nil
	}
	credentials := func(ctx context.Context) (string, string, error) {
		token, err := m.token(ctx, repo.Installation)
		return "x-access-token", token, err
	}
	mirror, err := source.Open(filepath.Join(m.dir, filepath.FromSlash(key)+".git"), m.origin(repo), credentials)
	if err != nil {
		return nil, err
	}
	m.open[key] = mirror
	return mirror, nil
}

// Close ends the processes that read the mirrors.
func (m *mirrors) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, mirror := range m.open {
		errs = append(errs, mirror.Close())
	}
	return errors.Join(errs...)
}

// gone says of what vanished, or is not ours to see, what handlers know it as.
func gone(err error) error {
	if errors.Is(err, source.ErrUnknownCommit) || errors.Is(err, source.ErrNoRepository) {
		return fmt.Errorf("%w: %w", handlers.ErrGone, err)
	}
	return err
}

// An openRepo is a repository with the refs that were asked for resolved.
type openRepo struct {
	*source.Repository
	refs map[string]render.Commit
}

// Resolve implements [handlers.Repo].
func (r *openRepo) Resolve(_ context.Context, ref string) (render.Commit, error) {
	commit, ok := r.refs[ref]
	if !ok {
		return "", fmt.Errorf("ref %s was not opened: %w", ref, handlers.ErrGone)
	}
	return commit, nil
}

var _ handlers.Repo = (*openRepo)(nil)

// defaults reads the organisation-wide configuration: the file of the same name in
// the account's .github repository. An installation that does not have that
// repository has no such configuration.
func (m *mirrors) defaults(ctx context.Context, repo handlers.Repository) (file string, content []byte, err error) {
	organisation := handlers.Repository{Installation: repo.Installation, Owner: repo.Owner, Name: ".github"}
	opened, err := m.Open(ctx, organisation, []string{"HEAD"}, nil)
	if err != nil {
		return "", nil, ignoreGone(err)
	}
	commit, err := opened.Resolve(ctx, "HEAD")
	if err != nil {
		return "", nil, err
	}
	tree, err := opened.Tree(ctx, commit)
	if err != nil {
		return "", nil, err
	}
	content, err = tree.Read(ctx, config.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	return organisation.String() + "/" + config.File, content, err
}

func ignoreGone(err error) error {
	if errors.Is(err, handlers.ErrGone) {
		return nil
	}
	return err
}
