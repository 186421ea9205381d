package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// A Carriage is what carrying a version onwards comes to, before anybody writes it.
type Carriage struct {
	From, To render.Environment
	Carried  []report.CarriedApplication
	Files    []EditedFile    // sorted by path
	Same     []render.Target // run the source's images already
	// Problems say what is not carried, and why; the rest can be.
	Problems []render.Problem
}

// An EditedFile is a file before and after.
type EditedFile struct {
	Path          string
	Before, After []byte
}

// Carry works out the promotion of applications, or of all that the source has,
// from one environment to another: by the same rules as the command, over the
// files of the checkout's commit. It writes nothing.
func (t *Terminal) Carry(ctx context.Context, c Checkout, from, to render.Environment, applications []string) (*Carriage, error) {
	if from == to {
		return nil, &render.Problem{Message: fmt.Sprintf("%s is both where from and where to", from), Hint: "name two environments, e.g. slipway promote staging production"}
	}
	r, err := t.rollout(ctx, c)
	if err != nil {
		return nil, err
	}
	asked := command.Command{Verb: command.Promote, From: command.Environment(from), To: command.Environment(to)}
	for _, application := range applications {
		asked.Applications = append(asked.Applications, command.Application(application))
	}
	w, problem := r.way(asked)
	if problem != nil {
		return nil, problem
	}
	offers, problems, err := r.offers(ctx, w)
	if err != nil {
		return nil, err
	}
	carriage := &Carriage{From: from, To: to, Problems: problems}
	tree, err := r.git.Tree(ctx, r.commit)
	if err != nil {
		return nil, err
	}
	for _, o := range offers {
		if len(o.Edits) == 0 {
			carriage.Same = append(carriage.Same, o.To)
			continue
		}
		carriage.Carried = append(carriage.Carried, carry(o))
		for _, edit := range o.Edits {
			before, err := tree.Read(ctx, edit.Path)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", edit.Path, err)
			}
			carriage.Files = append(carriage.Files, EditedFile{Path: edit.Path, Before: before, After: edit.Content})
		}
	}
	slices.SortFunc(carriage.Files, func(a, b EditedFile) int { return strings.Compare(a.Path, b.Path) })
	return carriage, nil
}

// Drift compares the written targets, or all, with the commits that are deployed,
// environment by environment.
func (t *Terminal) Drift(ctx context.Context, c Checkout, written ...string) ([]report.DriftReport, error) {
	r, stops, err := t.open(ctx, c)
	if err != nil {
		return nil, err
	}
	meant, err := r.meant(stops, written)
	if err != nil {
		return nil, err
	}
	var reports []report.DriftReport
	for _, s := range stops {
		kept := *s
		kept.requests = slices.DeleteFunc(slices.Clone(s.requests), func(q deploy.Request) bool {
			return !slices.ContainsFunc(meant, func(n named) bool { return n.target == q.Target })
		})
		if len(kept.requests) == 0 {
			continue
		}
		r.Planner.say("checking " + string(s.settings.Name))
		d, _, err := r.driftOf(ctx, &kept)
		if err != nil {
			return nil, err
		}
		reports = append(reports, d)
	}
	return reports, ctx.Err()
}
