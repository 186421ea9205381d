// Package promotion turns what one environment runs into edits of the files of
// another, so that the other's images (name, tag and digest) become those of the
// first and nothing else changes. It is a function of the tree and of what was
// rendered: who asks, whether the source is healthy and where the edits go is for
// others to know.
package promotion

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/edit"
)

// A Pair is one application's way from an environment to another.
type Pair struct {
	// From is the rendered of the commit that is deployed at the source, which is
	// seldom that of the tree to be edited.
	From *render.Rendered
	// To is a target of the tree to be edited.
	To render.Target
}

// A Part is what the promotion of one application comes to. With a Problem there
// are no edits; with no Problem and no Changes both run the same images.
type Part struct {
	From, To render.Target
	Changes  []Change        // in the order of the target's objects and fields
	Edits    []edit.FileEdit // sorted by path; of files that no other part edits
	// Left are the containers of one side that the other has none for, which stay
	// as they are; the source's first.
	Left    []Left
	Problem *render.Problem
}

// A Change is the image of one container of the target, before and after.
type Change struct {
	Object    render.ObjectID // in the target
	Field     string          // of the object, e.g. spec.template.spec.containers[web].image
	Container string
	Old, New  edit.Reference
}

// A Left is a container without its other.
type Left struct {
	In        render.Target // the only one of the two that has it
	Object    render.ObjectID
	Container string
}

// String prints what is left as a line for people.
func (l Left) String() string {
	return fmt.Sprintf("%s, container %s: only in %s", l.Object, l.Container, l.In)
}

// Images works out the promotion of each pair over one tree, of which targets are
// all that the layout knows: they tell which files are a target's own. The parts
// are in the order of the pairs; the edits of all may be made together. An error
// is the tree's, or means that ctx ended.
func Images(ctx context.Context, engine *render.Engine, tree render.Tree, targets []render.Target, pairs []Pair) ([]Part, error) {
	workspace, err := edit.Open(ctx, engine, tree, targets)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(pairs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, pair := range pairs {
		group.Go(func() error {
			to, err := engine.Render(ctx, tree, pair.To)
			if err != nil {
				return fmt.Errorf("render %s: %w", pair.To, err)
			}
			parts[i], err = part(ctx, workspace, pair.From, to)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return parts, nil
}

func part(ctx context.Context, workspace *edit.Workspace, from, to *render.Rendered) (Part, error) {
	p := Part{From: from.Target, To: to.Target}
	if to.Problem != nil {
		p.Problem = to.Problem
		return p, nil
	}
	if from.Problem != nil {
		problem := *from.Problem
		problem.Message = fmt.Sprintf("what is deployed to %s does not render: %s", from.Target, problem.Message)
		p.Problem = &problem
		return p, nil
	}
	m := match(from, to)
	p.Left, p.Problem = m.left, m.problem
	if p.Problem != nil {
		return p, nil
	}
	var wanted []edit.Image
	for _, pair := range m.pairs {
		if pair.from.Reference == pair.to.Reference {
			continue
		}
		p.Changes = append(p.Changes, Change{pair.to.Object, pair.to.Field, pair.to.Container, pair.to.Reference, pair.from.Reference})
		image := pair.to
		image.Reference = pair.from.Reference
		wanted = append(wanted, image)
	}
	var err error
	if p.Edits, p.Problem, err = workspace.Images(ctx, to.Target, wanted); err != nil {
		return Part{}, err
	}
	return p, nil
}
