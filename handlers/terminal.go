package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// A Terminal does at a person's request, and as that person, what a [Worker] does
// for a repository on GitHub. There is nobody to announce to and no queue behind it:
// what a person is to know is what its methods return. A *[render.Problem] among
// their errors is what the person got wrong.
type Terminal struct {
	Planner   *Planner
	Deployers Deployers
}

// A Checkout is one commit of a local repository, and who asks about it.
type Checkout struct {
	Repository Repository // as its records name it: owner/name
	Git        Repo
	Commit     render.Commit
	By         string // the person's name, as records are to have it
}

// Status says what runs where: of the written targets and environments, or of all.
// A cluster that does not answer is its targets' problem.
func (t *Terminal) Status(ctx context.Context, c Checkout, written ...string) (report.StatusReport, error) {
	r, stops, err := t.open(ctx, c)
	if err != nil {
		return report.StatusReport{}, err
	}
	meant, err := r.meant(stops, written)
	if err != nil {
		return report.StatusReport{}, err
	}
	return r.statusOf(meant), nil
}

// History says what one target has run.
func (t *Terminal) History(ctx context.Context, c Checkout, written string) (report.HistoryReport, error) {
	r, stops, err := t.open(ctx, c)
	if err != nil {
		return report.HistoryReport{}, err
	}
	meant, err := r.meant(stops, []string{written})
	switch {
	case err != nil:
		return report.HistoryReport{}, err
	case len(meant) != 1:
		return report.HistoryReport{}, &render.Problem{
			Message: fmt.Sprintf("%s is an environment of %d targets", written, len(meant)),
			Hint:    fmt.Sprintf("name one, e.g. %s", meant[0].target),
		}
	case meant[0].problemOf(meant[0].target) != nil:
		return report.HistoryReport{}, meant[0].problemOf(meant[0].target)
	}
	record := meant[0].records[meant[0].target]
	return report.HistoryReport{Target: meant[0].target, Deployments: record.History, Deployed: deployedCommit(record)}, nil
}

// open renders a commit and reads what is on record of its targets.
func (t *Terminal) open(ctx context.Context, c Checkout) (*rollout, []*stop, error) {
	r, err := t.rollout(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	var stops []*stop
	for _, settings := range r.judge.Environments {
		if settings.Apply != config.BySlipway {
			continue
		}
		s, err := r.stop(ctx, settings)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			s = r.unread(settings, err)
		}
		if len(s.requests) > 0 {
			stops = append(stops, s)
		}
	}
	introduce(stops)
	return r, stops, nil
}

// rollout renders a commit, of which there is a usable configuration.
func (t *Terminal) rollout(ctx context.Context, c Checkout) (*rollout, error) {
	w := &Worker{Planner: t.Planner, Deployers: t.Deployers, Queue: nowhere{}, Log: slog.New(slog.DiscardHandler)}
	r, err := w.rolloutOf(ctx, c.Repository, c.Git, c.Commit)
	switch {
	case err != nil:
		return nil, err
	case len(r.problems) > 0:
		return nil, &r.problems[0]
	case r.judge == nil:
		return nil, &render.Problem{
			Message: fmt.Sprintf("there is no %s at %s", config.File, c.Commit.Short()),
			Hint:    "nothing is ever applied without one; say where environments are with layout: and environments:, and commit it",
		}
	}
	return r, nil
}

// unread is an environment whose cluster did not say what it has on record.
func (r *rollout) unread(settings config.Environment, err error) *stop {
	s := &stop{settings: settings, records: make(map[render.Target]inventory.Record)}
	s.problem = &render.Problem{Message: err.Error(), Hint: "choose another cluster with --kubeconfig and --context"}
	for target := range r.rendered {
		if target.Environment == settings.Name {
			s.requests = append(s.requests, r.request(settings, target))
		}
	}
	r.arrange(s)
	return s
}

// meant returns the targets that a person wrote; all where nothing is written.
func (r *rollout) meant(stops []*stop, written []string) ([]named, error) {
	names := make([]command.Target, len(written))
	for i, name := range written {
		environment, _ := r.judge.Environments.Get(render.Environment(name))
		if environment.Name == render.Environment(name) && environment.Apply != config.BySlipway {
			return nil, &render.Problem{
				Message: fmt.Sprintf("%s is not applied by Slipway (apply: %s)", name, environment.Apply),
				Hint:    "ask the engine that applies it, or set apply: slipway in " + config.File,
			}
		}
		names[i] = command.Target(name)
	}
	found, problem := r.find(stops, names)
	if problem != nil {
		return nil, problem
	}
	seen := map[render.Target]bool{}
	return slices.DeleteFunc(found, func(n named) bool {
		again := seen[n.target]
		seen[n.target] = true
		return again
	}), nil
}

// nowhere is the queue of a terminal: nobody works behind it, and the clock of a
// running service finds by itself what is left to do.
type nowhere struct{}

// Insert implements [Queue].
func (nowhere) Insert(context.Context, ...Job) error { return nil }
