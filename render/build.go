package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/slipwayhq/slipway/render/internal/helm"
	"github.com/slipwayhq/slipway/render/internal/kustomize"
	"github.com/slipwayhq/slipway/render/internal/plain"
	"github.com/slipwayhq/slipway/render/internal/view"
)

// A Builder turns a directory of files into objects, within the task's limits. A
// mistake in the files, or a limit that they meet, is the built's Problem; an
// error means that the files could not be read, that ctx ended, or that the
// builder itself is broken.
type Builder interface {
	Build(ctx context.Context, files Files, task Task) (Built, error)
}

// Files are what a build may see of a [Tree], with the same contracts.
type Files interface {
	Stat(path string) (Entry, bool)
	List(dir string) []Entry
	Read(ctx context.Context, path string) ([]byte, error)
}

// A Task is what one build is asked for.
type Task struct {
	Scope  Scope
	Dir    string // in the tree
	Limits Limits
	// Expected lists files that the build will probably read, for a builder to
	// which files have to be sent. It is a forecast and may be nil.
	Expected func() []string
}

// A Scope says whose files a build reads. What a build leaves behind must not
// reach one of another scope.
type Scope struct {
	Repository string // any name that is the repository's alone
	Outsider   bool   // the files are of somebody who may not write to the repository
}

// Built is what a build came to.
type Built struct {
	Objects  []BuiltObject // in the order in which the source wrote them
	Warnings []string
	// Reads are the paths that were looked at, misses included; complete even when
	// there is a Problem, unless the build is Unfinished.
	Reads   []string
	Problem *Problem
	// Unfinished says that the build was stopped, so that the same files may come
	// to something else another time.
	Unfinished bool
}

// A BuiltObject is one object, not yet masked.
type BuiltObject struct {
	Content map[string]any // the shapes of encoding/json, integers as int64
	Origin  Origin
}

// TooSlow is the problem of a build that was stopped at its limit of time.
func TooSlow(dir string, limit time.Duration) *Problem {
	return &Problem{File: dir, Message: fmt.Sprintf("rendering takes longer than the %s that are allowed", limit), Hint: "split the target"}
}

// TooLarge is the problem of a build whose objects take more bytes than allowed.
func TooLarge(dir string, size, limit int64) *Problem {
	return &Problem{File: dir, Message: fmt.Sprintf("renders %d bytes of objects, more than the %d that are allowed", size, limit), Hint: "split the target, or raise the limit"}
}

// Build builds in this process, on this goroutine. Nothing but reading ends with
// ctx.
func Build(ctx context.Context, files Files, task Task) (Built, error) {
	v := view.New(ctx, seen{files}, task.Limits.Bytes)
	return finish(v, build(ctx, v, task))
}

// finish is what an outcome and what its view met come to.
func finish(v *view.View, result outcome) (Built, error) {
	built := Built{Warnings: result.warnings, Reads: v.Reads()}
	problem := v.Problem()
	switch {
	case v.Failure() != nil:
		return Built{}, v.Failure()
	case problem != nil:
	case result.err == nil:
		built.Objects = result.objects
	case !errors.As(result.err, &problem):
		return Built{}, result.err
	}
	if problem != nil {
		built.Problem = &Problem{File: problem.File, Line: problem.Line, Message: problem.Message, Hint: problem.Hint}
	}
	return built, nil
}

// An outcome is what one build came to, its view aside.
type outcome struct {
	objects  []BuiltObject
	warnings []string
	err      error
}

// here builds in this process. kustomize cannot be stopped: past the limit of time
// its next read fails, and until then it goes on in the background and keeps its
// slot.
type here struct{ slots *semaphore.Weighted }

// Build implements [Builder].
func (h here) Build(ctx context.Context, files Files, task Task) (Built, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return Built{}, err
	}
	limited, cancel := context.WithTimeout(ctx, task.Limits.Time)
	defer cancel()
	v := view.New(limited, seen{files}, task.Limits.Bytes)
	done := make(chan outcome, 1)
	go func() {
		defer h.slots.Release(1)
		done <- build(limited, v, task)
	}()
	select {
	case result := <-done:
		if limited.Err() == nil || result.err == nil {
			return finish(v, result)
		}
	case <-limited.Done():
	}
	if err := ctx.Err(); err != nil {
		return Built{}, err
	}
	return Built{Reads: v.Reads(), Problem: TooSlow(task.Dir, task.Limits.Time), Unfinished: true}, nil
}

// build builds the task's directory. A panic is the target's problem, so that one
// that an engine has with what a stranger wrote hides no other target.
func build(ctx context.Context, v *view.View, task Task) (result outcome) {
	defer func() {
		if r := recover(); r != nil {
			crash := &view.Problem{File: task.Dir, Message: "rendering it crashes", Hint: "a defect of Slipway or of kustomize, set off by these files"}
			if cause, ok := r.(runtime.Error); ok { // any other may quote the files
				crash.Message += ": " + cause.Error()
			}
			result = outcome{err: crash}
		}
	}()
	entry, err := v.Resolve(task.Dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && entry.Mode != view.Directory {
		return outcome{err: &view.Problem{File: task.Dir, Message: "there is no such directory in the repository"}}
	}
	if err != nil {
		return outcome{err: err}
	}
	limit := task.Limits.Objects
	objects, taken, err := special(ctx, v, &result, entry.Path, limit)
	if !taken && err == nil {
		objects, err = plain.Build(v, entry.Path, limit, func(dir string) ([]plain.Object, bool, error) {
			return special(ctx, v, &result, dir, limit)
		})
		if err == nil && len(objects) == 0 {
			err = &view.Problem{File: entry.Path, Message: "has no manifests", Hint: "add YAML files or a kustomization.yaml"}
		}
	}
	if err != nil {
		return outcome{err: err}
	}
	result.objects = make([]BuiltObject, len(objects))
	for i, object := range objects {
		result.objects[i] = BuiltObject{object.Content, Origin{File: object.File, Line: object.Line}}
	}
	return result
}

// special builds dir where it has a kustomization or a chart; taken is false
// where it has neither.
func special(ctx context.Context, v *view.View, result *outcome, dir string, limit int) (objects []plain.Object, taken bool, err error) {
	if !holds(v, dir, kustomize.FileNames...) {
		if holds(v, dir, helm.FileName) {
			return nil, true, helm.Refuse(v, dir)
		}
		return nil, false, nil
	}
	built, err := kustomize.Build(ctx, v, dir, limit)
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
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := v.Resolve(path.Join(dir, name))
		return err == nil
	})
}

// seen shows Files to a view.
type seen struct{ files Files }

func (s seen) Stat(name string) (view.Entry, bool) {
	entry, ok := s.files.Stat(name)
	return view.Entry{Path: entry.Path, Mode: view.Mode(entry.Mode)}, ok
}

func (s seen) List(dir string) []view.Entry {
	listed := s.files.List(dir)
	entries := make([]view.Entry, len(listed))
	for i, entry := range listed {
		entries[i] = view.Entry{Path: entry.Path, Mode: view.Mode(entry.Mode)}
	}
	return entries
}

// Read passes a tree's own problem on, e.g. of a file that is too large.
func (s seen) Read(ctx context.Context, name string) ([]byte, error) {
	content, err := s.files.Read(ctx, name)
	var problem *Problem
	if errors.As(err, &problem) {
		return nil, &view.Problem{File: problem.File, Line: problem.Line, Message: problem.Message, Hint: problem.Hint}
	}
	return content, err
}
