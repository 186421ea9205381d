// Package edit turns a field and its wanted value into edits of a target's own
// files, and proves them: the edited tree is rendered, and the edits stand only if
// the wanted fields are as wanted and every other field of every object is as it
// was before. What is edited is bytes: comments, order, quotes, indentation and
// line ends outside the value stay as they are. It writes to no repository.
//
// Where a value comes from is asked of the renderer and not guessed: every place in
// the target's own files that may set it gets a mark of its own, the marked tree is
// rendered once, and the mark that shows up in the field tells the place.
package edit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// A FileEdit is a file's new content, whole.
type FileEdit struct {
	Path    string // in the tree; there already
	Content []byte
}

// A Workspace is a tree and who reads what in it. It is immutable and safe for
// concurrent use.
type Workspace struct {
	engine  *render.Engine
	tree    render.Tree
	readers map[string][]string // by path of a file: the directories of the targets that read it
}

// Open renders all targets of tree, to know which files are whose: a target's own
// files are those that no other target reads, and only those are ever edited. It
// is cheap where the engine has rendered them before. The error is the tree's.
func Open(ctx context.Context, engine *render.Engine, tree render.Tree, targets []render.Target) (*Workspace, error) {
	all, err := engine.RenderAll(ctx, tree, targets)
	if err != nil {
		return nil, fmt.Errorf("render all targets to see what they read: %w", err)
	}
	w := &Workspace{engine: engine, tree: tree, readers: map[string][]string{}}
	for _, rendered := range all {
		for path := range rendered.Reads {
			if readers := w.readers[path]; !slices.Contains(readers, rendered.Target.Path) {
				w.readers[path] = append(readers, rendered.Target.Path)
			}
		}
	}
	return w, nil
}

// Images returns the edits that make the images of a target's containers those
// that are wanted, sorted by path; none where they are so already. The problem
// says what stands against it, in which file or field; then there are no edits.
// An error is the tree's, or means that ctx ended.
func (w *Workspace) Images(ctx context.Context, target render.Target, wanted []Image) ([]FileEdit, *render.Problem, error) {
	before, err := w.engine.Render(ctx, w.tree, target)
	if err != nil {
		return nil, nil, fmt.Errorf("render %s: %w", target, err)
	}
	if before.Problem != nil {
		return nil, before.Problem, nil
	}
	differing, problem := differing(before, wanted)
	if problem != nil || len(differing) == 0 {
		return nil, problem, nil
	}
	job := &job{Workspace: w, target: target, before: before, wanted: differing}
	edits, problem, err := job.run(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("edit the images of %s: %w", target, err)
	}
	return edits, problem, nil
}

// differing are the wanted images that are not so yet.
func differing(rendered *render.Rendered, wanted []Image) ([]Image, *render.Problem) {
	now := map[place]Reference{}
	for _, image := range ImagesOf(rendered) {
		now[image.place()] = image.Reference
	}
	var left []Image
	for _, image := range wanted {
		current, found := now[image.place()]
		switch {
		case !found:
			return nil, &render.Problem{File: rendered.Target.Path, Message: fmt.Sprintf("%s has no field %s", image.Object, image.Field)}
		case !image.Reference.valid():
			return nil, &render.Problem{File: rendered.Target.Path, Message: fmt.Sprintf("%q is no image reference that can be written for %s, container %s", image.Reference, image.Object, image.Container)}
		case current != image.Reference:
			left = append(left, image)
		}
	}
	return left, nil
}

// A job is one call of Images.
type job struct {
	*Workspace
	target render.Target
	before *render.Rendered
	wanted []Image

	files []*file // the own files that can be edited, by path
}

func (j *job) run(ctx context.Context) ([]FileEdit, *render.Problem, error) {
	if err := j.load(ctx); err != nil {
		return nil, nil, err
	}
	governed, problem, err := j.probe(ctx)
	if err != nil || problem != nil {
		return nil, problem, err
	}
	if problem := j.decide(governed); problem != nil {
		return nil, problem, nil
	}
	var edits []FileEdit
	for _, file := range j.files {
		if content, changed := file.edited(); changed {
			edits = append(edits, FileEdit{Path: file.path, Content: content})
		}
	}
	problem, err = j.prove(ctx, edits)
	if err != nil || problem != nil {
		return nil, problem, err
	}
	return edits, nil, nil
}

// own reports whether no other target reads a file.
func (w *Workspace) own(target render.Target, path string) bool {
	return !slices.ContainsFunc(w.readers[path], func(reader string) bool { return reader != target.Path })
}

// changing are the references that are to become others.
func (j *job) changing() []Reference {
	wanted := map[place]bool{}
	for _, image := range j.wanted {
		wanted[image.place()] = true
	}
	var all []Reference
	for _, image := range ImagesOf(j.before) {
		if wanted[image.place()] {
			all = append(all, image.Reference)
		}
	}
	return all
}

// load reads the target's own files that may set an image.
func (j *job) load(ctx context.Context) error {
	changing := j.changing()
	for path := range j.before.Reads {
		entry, ok := j.tree.Stat(path)
		if !ok || entry.Mode != render.File || !j.own(j.target, path) {
			continue
		}
		content, err := j.tree.Read(ctx, path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		f := newFile(path, content)
		for _, document := range f.documents {
			f.local(document, changing)
		}
		j.files = append(j.files, f)
	}
	slices.SortFunc(j.files, func(a, b *file) int { return cmp.Compare(a.path, b.path) })
	return nil
}
