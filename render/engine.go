package render

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Options are what an [Engine] is made of. The zero Options are usable.
type Options struct {
	// Masker masks what the rendered objects hand out. Nil masks without a hash.
	Masker *Masker
	// Builder builds what is not known yet; in this process where nil.
	Builder Builder
	// Repository names whose trees are rendered, to the Builder.
	Repository string
	// Limits bound one rendering. Fields that are zero have their defaults.
	Limits Limits
	// Parallel is how many renderings one call of RenderAll runs at once, and without
	// a Builder whoever asks. Defaults to GOMAXPROCS.
	Parallel int
	// CacheBytes is roughly how much memory rendereds kept for later may take.
	// Defaults to 64 MiB; negative keeps none.
	CacheBytes int64
}

// Limits bound one rendering. What exceeds one is a [Problem] of its target.
type Limits struct {
	Objects int           // Defaults to 10,000.
	Bytes   int64         // of files read, repetitions counted, and of objects as JSON. Defaults to 64 MiB.
	Time    time.Duration // Defaults to one minute.
}

func (o Options) withDefaults() Options {
	if o.Limits.Objects == 0 {
		o.Limits.Objects = 10_000
	}
	if o.Limits.Bytes == 0 {
		o.Limits.Bytes = 64 << 20
	}
	if o.Limits.Time == 0 {
		o.Limits.Time = time.Minute
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.Builder == nil {
		o.Builder = here{semaphore.NewWeighted(int64(o.Parallel))}
	}
	return o
}

// Stats count what an [Engine] did.
type Stats struct {
	Renders     int64 // renderings run
	Hits        int64 // renderings answered from what was recorded
	CachedBytes int64 // roughly what is kept
}

// An Engine renders targets and remembers, by what each rendering read, what it
// produced. It is safe for concurrent use.
type Engine struct {
	options Options
	cache   *cache
	known   *referenceCache

	// inner is the engine that this one, for outsiders' trees, stands around; nil
	// for any other.
	inner    *Engine
	outsider func() *Engine

	renders, hits atomic.Int64
}

// New returns an Engine.
func New(options Options) *Engine {
	e := &Engine{options: options.withDefaults(), known: newReferenceCache()}
	e.cache = newCache(e.options.CacheBytes)
	e.outsider = sync.OnceValue(func() *Engine {
		return &Engine{options: e.options, cache: newCache(e.options.CacheBytes / 4), known: e.known, inner: e}
	})
	return e
}

// Outsider returns the engine for trees that hold what somebody wrote who may not
// write to the repository. It knows what e knows; what it renders, by builds of a
// scope of their own, it never tells e, so that nothing an outsider may do to a
// build can be taken for the rendering of a branch.
func (e *Engine) Outsider() *Engine {
	if e.inner != nil {
		return e
	}
	return e.outsider()
}

// find returns what is known of dir in tree, or nil.
func (e *Engine) find(tree Tree, dir string) *Rendered {
	if rendered := e.cache.find(tree, dir); rendered != nil || e.inner == nil {
		return rendered
	}
	return e.inner.cache.find(tree, dir)
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	return Stats{Renders: e.renders.Load(), Hits: e.hits.Load(), CachedBytes: e.cache.bytes()}
}

// Render renders one target of tree. Mistakes in its files are the rendered's
// Problem; an error means that the tree could not be read or ctx ended. The
// result is shared and must not be changed.
func (e *Engine) Render(ctx context.Context, tree Tree, target Target) (*Rendered, error) {
	all, err := e.RenderAll(ctx, tree, []Target{target})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Path renders any directory of tree, as [Engine.Render] does a target's.
func (e *Engine) Path(ctx context.Context, tree Tree, dir string) (*Rendered, error) {
	return e.Render(ctx, tree, Target{Path: path.Clean(dir)})
}

// RenderAll renders targets of tree; the result has theirs in the same order.
// Those whose recorded reads are unchanged are not rendered again; what the rest
// will read is prefetched together.
func (e *Engine) RenderAll(ctx context.Context, tree Tree, targets []Target) ([]*Rendered, error) {
	all := make([]*Rendered, len(targets))
	var missing []int
	for i, target := range targets {
		if rendered := e.find(tree, target.Path); rendered != nil {
			e.hits.Add(1)
			all[i] = rendered.of(target)
			continue
		}
		missing = append(missing, i)
	}
	if len(missing) == 0 {
		return all, nil
	}
	dirs := make([]string, len(missing))
	for i, index := range missing {
		dirs[i] = targets[index].Path
	}
	if err := e.prefetch(ctx, tree, dirs); err != nil {
		return nil, fmt.Errorf("prefetch %d directories: %w", len(dirs), err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.options.Parallel)
	for _, index := range missing {
		group.Go(func() error {
			rendered, err := e.render(ctx, tree, targets[index])
			if err != nil {
				return fmt.Errorf("render %s: %w", targets[index], err)
			}
			all[index] = rendered
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// of is the rendered for another target of the same directory.
func (r *Rendered) of(target Target) *Rendered {
	other := *r
	other.Target = target
	return &other
}

// render builds one target.
func (e *Engine) render(ctx context.Context, tree Tree, target Target) (*Rendered, error) {
	e.renders.Add(1)
	built, err := e.options.Builder.Build(ctx, tree, Task{
		Scope:    Scope{Repository: e.options.Repository, Outsider: e.inner != nil},
		Dir:      target.Path,
		Limits:   e.options.Limits,
		Expected: func() []string { return e.expected(ctx, tree, target.Path) },
	})
	if err != nil {
		return nil, err
	}
	return e.conclude(tree, target, built)
}

// conclude makes the rendered of what was built and, unless that is unfinished,
// keeps it.
func (e *Engine) conclude(tree Tree, target Target, built Built) (*Rendered, error) {
	rendered := &Rendered{Target: target, Warnings: built.Warnings, Reads: make(Reads, len(built.Reads)), Problem: built.Problem}
	for _, name := range built.Reads {
		entry, _ := tree.Stat(name) // the zero Entry of a miss has the empty id
		rendered.Reads[name] = entry.ID
	}
	size := 0
	if rendered.Problem == nil {
		objects := make([]Object, len(built.Objects))
		for i, object := range built.Objects {
			objects[i] = NewObject(object.Content, object.Origin, e.options.Masker)
		}
		sum, bytes, err := digest(objects)
		if err != nil {
			return nil, err
		}
		if size = bytes; int64(size) > e.options.Limits.Bytes {
			rendered.Problem = TooLarge(target.Path, int64(size), e.options.Limits.Bytes)
		} else {
			rendered.Objects, rendered.Digest = objects, sum
		}
	}
	if !built.Unfinished {
		// Decoded maps take several times the room of their JSON.
		e.cache.put(target.Path, rendered, int64(4*size+200*len(rendered.Reads)+1000))
	}
	return rendered, nil
}
