package render

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"sync"

	"github.com/slipwayhq/slipway/render/internal/kustomize"
	"github.com/slipwayhq/slipway/render/internal/plain"
	"github.com/slipwayhq/slipway/render/internal/view"
)

// maxPrefetchRounds is how many levels of bases upon bases are looked ahead;
// what lies deeper is read when it is needed.
const maxPrefetchRounds = 8

// maxForecast is how large a kustomization may be, in bytes, to be looked into before
// it is built.
const maxForecast = 1 << 20

// A referenceCache remembers what the kustomization in a blob refers to.
type referenceCache struct {
	mu    sync.Mutex
	known map[GitID][]string
}

// maxReferences bounds the cache; it starts anew when full.
const maxReferences = 20_000

func newReferenceCache() *referenceCache { return &referenceCache{known: map[GitID][]string{}} }

func (c *referenceCache) get(id GitID) ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	references, ok := c.known[id]
	return references, ok
}

func (c *referenceCache) put(id GitID, references []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxReferences {
		clear(c.known)
	}
	c.known[id] = references
}

// prefetch asks tree for what rendering dirs will probably read: what earlier
// renderings of them read, and level by level what their kustomizations name. It
// is a forecast: what it misses is read one by one.
func (e *Engine) prefetch(ctx context.Context, tree Tree, dirs []string) error {
	w := e.lookahead(tree, dirs)
	for range maxPrefetchRounds {
		if len(w.wanted) == 0 {
			return nil
		}
		slices.Sort(w.wanted)
		if err := tree.Prefetch(ctx, w.wanted); err != nil {
			return err
		}
		if err := w.advance(ctx); err != nil {
			return err
		}
	}
	return nil
}

// expected lists what rendering dir will probably read, by the same forecast.
func (e *Engine) expected(ctx context.Context, tree Tree, dir string) []string {
	w := e.lookahead(tree, []string{dir})
	var all []string
	for range maxPrefetchRounds {
		all = append(all, w.wanted...)
		if len(w.wanted) == 0 || w.advance(ctx) != nil { // reading says what is wrong with it
			break
		}
	}
	return all
}

func (e *Engine) lookahead(tree Tree, dirs []string) *lookahead {
	w := &lookahead{engine: e, tree: tree, seen: map[string]bool{}}
	for _, dir := range dirs {
		earlier := e.cache.of(dir)
		if e.inner != nil {
			earlier = append(earlier, e.inner.cache.of(dir)...)
		}
		for _, rendered := range earlier {
			for name, id := range rendered.Reads {
				if id != "" {
					w.want(name)
				}
			}
		}
		w.enter(dir)
	}
	return w
}

type lookahead struct {
	engine         *Engine
	tree           Tree
	seen           map[string]bool
	wanted         []string // blobs of the next request
	kustomizations []Entry  // to be read after it
}

func (w *lookahead) want(name string) {
	entry, ok := w.tree.Stat(name)
	if ok && !w.seen[name] && (entry.Mode == File || entry.Mode == Symlink) {
		w.seen[name] = true
		w.wanted = append(w.wanted, name)
	}
}

// enter wants what rendering dir starts with.
func (w *lookahead) enter(dir string) {
	if w.seen[dir] {
		return
	}
	w.seen[dir] = true
	for _, base := range kustomize.FileNames {
		entry, ok := w.tree.Stat(path.Join(dir, base))
		if ok && entry.Mode == File {
			w.want(entry.Path)
			w.kustomizations = append(w.kustomizations, entry)
			return
		}
	}
	w.plain(dir)
}

func (w *lookahead) plain(dir string) {
	for _, entry := range w.tree.List(dir) {
		switch {
		case entry.Mode == Directory && path.Base(entry.Path)[0] != '.':
			w.plain(entry.Path)
		case plain.Manifest(entry.Path):
			w.want(entry.Path)
		}
	}
}

// advance reads the kustomizations that are local by now and wants what they name.
func (w *lookahead) advance(ctx context.Context) error {
	current := w.kustomizations
	w.wanted, w.kustomizations = nil, nil
	for _, entry := range current {
		references, ok := w.engine.known.get(entry.ID)
		if !ok {
			content, err := w.tree.Read(ctx, entry.Path)
			var problem *Problem
			if errors.Is(err, fs.ErrNotExist) || errors.As(err, &problem) {
				continue // rendering says so, of the targets that it concerns
			}
			if err != nil {
				return err
			}
			if len(content) <= maxForecast && !view.Bomb(content) {
				references = kustomize.References(content)
			}
			w.engine.known.put(entry.ID, references)
		}
		for _, reference := range references {
			target := path.Join(path.Dir(entry.Path), reference)
			if found, ok := w.tree.Stat(target); ok && found.Mode == Directory {
				w.enter(target)
			} else {
				w.want(target)
			}
		}
	}
	return nil
}
