package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/slipwayhq/slipway/render/internal/helm"
	"github.com/slipwayhq/slipway/render/internal/kustomize"
	"github.com/slipwayhq/slipway/render/internal/plain"
	"github.com/slipwayhq/slipway/render/internal/view"
)

// Options are what an [Engine] is made of. The zero Options are usable.
type Options struct {
	// Masker masks what the rendered objects hand out. Nil masks without a hash.
	Masker *Masker
	// Limits bound one rendering. Fields that are zero have their defaults.
	Limits Limits
	// Parallel is how many renderings run at once, whoever asks. Defaults to GOMAXPROCS.
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
	slots   *semaphore.Weighted
	cache   *cache
	known   *referenceCache

	renders, hits atomic.Int64
}

// New returns an Engine.
func New(options Options) *Engine {
	options = options.withDefaults()
	return &Engine{
		options: options,
		slots:   semaphore.NewWeighted(int64(options.Parallel)),
		cache:   newCache(options.CacheBytes),
		known:   newReferenceCache(),
	}
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
		if rendered := e.cache.find(tree, target.Path); rendered != nil {
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

// An outcome is what one rendering came to.
type outcome struct {
	objects  []Object
	warnings []string
	err      error
}

// render runs one rendering under the limit of time. kustomize cannot be stopped:
// past the limit its next read fails, and until then it goes on in the background
// and keeps its slot.
func (e *Engine) render(ctx context.Context, tree Tree, target Target) (*Rendered, error) {
	if err := e.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	e.renders.Add(1)
	limited, cancel := context.WithTimeout(ctx, e.options.Limits.Time)
	defer cancel()
	v := view.New(limited, seen{tree}, e.options.Limits.Bytes)
	done := make(chan outcome, 1)
	go func() {
		defer e.slots.Release(1)
		done <- e.run(limited, v, target.Path)
	}()
	select {
	case result := <-done:
		if limited.Err() == nil || result.err == nil {
			return e.conclude(target, v, result)
		}
	case <-limited.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &Rendered{Target: target, Reads: reads(v), Problem: &Problem{
		File:    target.Path,
		Message: fmt.Sprintf("rendering takes longer than the %s that are allowed", e.options.Limits.Time),
		Hint:    "split the target",
	}}, nil
}

// run renders dir. A panic is the target's problem, so that one that an engine has
// with what a stranger wrote hides no other target.
func (e *Engine) run(ctx context.Context, v *view.View, dir string) (result outcome) {
	defer func() {
		if r := recover(); r != nil {
			crash := &view.Problem{File: dir, Message: "rendering it crashes", Hint: "a defect of Slipway or of kustomize, set off by these files"}
			if cause, ok := r.(runtime.Error); ok { // any other may quote the files
				crash.Message += ": " + cause.Error()
			}
			result = outcome{err: crash}
		}
	}()
	entry, err := v.Resolve(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && entry.Mode != view.Directory {
		return outcome{err: &view.Problem{File: dir, Message: "there is no such directory in the repository"}}
	}
	if err != nil {
		return outcome{err: err}
	}
	objects, taken, err := e.special(ctx, v, &result, entry.Path)
	if !taken && err == nil {
		objects, err = plain.Build(v, entry.Path, e.options.Limits.Objects, func(dir string) ([]plain.Object, bool, error) {
			return e.special(ctx, v, &result, dir)
		})
		if err == nil && len(objects) == 0 {
			err = &view.Problem{File: entry.Path, Message: "has no manifests", Hint: "add YAML files or a kustomization.yaml"}
		}
	}
	if err != nil {
		return outcome{err: err}
	}
	result.objects = make([]Object, len(objects))
	for i, object := range objects {
		result.objects[i] = NewObject(object.Content, Origin{File: object.File, Line: object.Line}, e.options.Masker)
	}
	return result
}

// special builds dir where it has a kustomization or a chart; taken is false
// where it has neither.
func (e *Engine) special(ctx context.Context, v *view.View, result *outcome, dir string) (objects []plain.Object, taken bool, err error) {
	if !holds(v, dir, kustomize.FileNames...) {
		if holds(v, dir, helm.FileName) {
			return nil, true, helm.Refuse(v, dir)
		}
		return nil, false, nil
	}
	built, err := kustomize.Build(ctx, v, dir, e.options.Limits.Objects)
	if err != nil {
		return nil, true, err
	}
	result.warnings = append(result.warnings, built.Warnings...)
	for _, object := range built.Objects {
		objects = append(objects, plain.Object{Content: object.Content, File: object.File})
	}
	return objects, true, nil
}

// holds reports whether dir has something by one of names.
func holds(v *view.View, dir string, names ...string) bool {
	for _, name := range names {
		if _, err := v.Resolve(path.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// conclude makes the rendered of an outcome and keeps it.
func (e *Engine) conclude(target Target, v *view.View, result outcome) (*Rendered, error) {
	rendered := &Rendered{Target: target, Objects: result.objects, Warnings: result.warnings, Reads: reads(v)}
	size := 0
	problem := v.Problem()
	switch {
	case v.Failure() != nil:
		return nil, v.Failure()
	case problem != nil:
	case result.err == nil:
		var err error
		if rendered.Digest, size, err = digest(result.objects); err != nil {
			return nil, err
		}
		if int64(size) > e.options.Limits.Bytes {
			problem = &view.Problem{File: target.Path, Message: fmt.Sprintf("renders %d bytes of objects, more than the %d that are allowed", size, e.options.Limits.Bytes), Hint: "split the target, or raise the limit"}
		}
	case !errors.As(result.err, &problem):
		return nil, result.err
	}
	if problem != nil {
		rendered.Problem = &Problem{File: problem.File, Line: problem.Line, Message: problem.Message, Hint: problem.Hint}
		rendered.Objects, rendered.Digest = nil, ""
	}
	// Decoded maps take several times the room of their JSON.
	e.cache.put(target.Path, rendered, int64(4*size+200*len(rendered.Reads)+1000))
	return rendered, nil
}

func reads(v *view.View) Reads {
	recorded := v.Reads()
	reads := make(Reads, len(recorded))
	for name, id := range recorded {
		reads[name] = GitID(id)
	}
	return reads
}

// seen shows a Tree to a view.
type seen struct{ tree Tree }

func (s seen) Stat(name string) (view.Entry, bool) {
	entry, ok := s.tree.Stat(name)
	return view.Entry{Path: entry.Path, Mode: view.Mode(entry.Mode), ID: string(entry.ID)}, ok
}

func (s seen) List(dir string) []view.Entry {
	listed := s.tree.List(dir)
	entries := make([]view.Entry, len(listed))
	for i, entry := range listed {
		entries[i] = view.Entry{Path: entry.Path, Mode: view.Mode(entry.Mode), ID: string(entry.ID)}
	}
	return entries
}

// Read passes a tree's own problem on, e.g. of a file that is too large.
func (s seen) Read(ctx context.Context, name string) ([]byte, error) {
	content, err := s.tree.Read(ctx, name)
	var problem *Problem
	if errors.As(err, &problem) {
		return nil, &view.Problem{File: problem.File, Line: problem.Line, Message: problem.Message, Hint: problem.Hint}
	}
	return content, err
}
