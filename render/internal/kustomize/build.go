// Package kustomize turns a directory with a kustomization into decoded objects,
// in this process and through a view of the tree: no plugin, no exec, no Helm and
// no remote base. What would need one is refused when the kustomization that asks
// for it is read, before kustomize sees it.
//
// Files may be read from anywhere in the repository (kustomize's
// LoadRestrictionsNone, as Flux builds): the view ends at the repository's edge,
// many repositories share files between bases, and what builds under kustomize's
// own default builds to the same objects.
package kustomize

import (
	"context"
	"errors"
	"fmt"
	"path"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// An Object is decoded content and the file that it came from: the resource file,
// or for a generated object the file that configures its generator.
type Object struct {
	Content map[string]any
	File    string
}

// A Result is what a build produced.
type Result struct {
	Objects  []Object // in the order of the source
	Warnings []string
}

// FileNames are the names under which kustomize looks for a kustomization.
var FileNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// Build builds the kustomization in dir, a directory of v that is not behind a
// symbolic link, to at most objects objects. The error is a *view.Problem for
// what a person can mend; any other is ours.
func Build(ctx context.Context, v *view.View, dir string, objects int) (Result, error) {
	guardFatal()
	release, err := schema.shared(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("wait for the schema: %w", err)
	}
	result, err := build(v, dir, objects, false)
	release()
	if !errors.Is(err, errOwnSchema) {
		return result, err
	}
	release, err = schema.exclusive(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("wait for the schema alone: %w", err)
	}
	defer release()
	return build(v, dir, objects, true)
}

// build runs kustomize once, and again where the names leave a doubt about where
// an object comes from.
func build(v *view.View, dir string, objects int, alone bool) (Result, error) {
	files := newFileSystem(v, dir, alone, false)
	resources, err := run(files)
	if files.ownSchema {
		return Result{}, errOwnSchema
	}
	if err != nil {
		return Result{}, explain(v, files, dir, err)
	}
	if resources.Size() > objects {
		return Result{}, &view.Problem{File: files.root, Message: fmt.Sprintf("renders %d objects, more than the %d that are allowed", resources.Size(), objects), Hint: "split the target, or raise the limit"}
	}
	origins, ok := matchOrigins(resources, files.sources())
	if !ok {
		// Without origins there are still objects, so its error changes nothing.
		origins, _ = tracedOrigins(files)
	}
	result := Result{Objects: make([]Object, 0, resources.Size()), Warnings: files.warnings}
	for _, r := range resources.Resources() {
		file := origins[identity(r)]
		if file == "" {
			file = files.root
		}
		content, err := decode(&r.RNode)
		if err != nil {
			return Result{}, &view.Problem{File: file, Message: fmt.Sprintf("%s %s: %v", r.GetKind(), r.GetName(), err)}
		}
		result.Objects = append(result.Objects, Object{Content: content, File: file})
	}
	return result, nil
}

// run is one run of kustomize; a panic inside it is an error.
func run(files *fileSystem) (resources resmap.ResMap, err error) {
	defer func() {
		if r := recover(); r != nil {
			resources, err = nil, fmt.Errorf("kustomize stopped: %v", r)
		}
	}()
	options := krusty.MakeDefaultOptions() // source order, built-in plugins only
	options.LoadRestrictions = types.LoadRestrictionsNone
	return krusty.MakeKustomizer(options).Run(files, path.Join(root, files.dir))
}
