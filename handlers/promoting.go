package handlers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/deploy/promotion"
	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// A way is a promotion from one environment to another, as it was asked for.
type way struct {
	from, to     config.Environment
	settings     deploy.PromotionSettings
	applications []render.Application // all of the source's where empty
	askedBy      string
	askedAt      string // the comment's page; empty from a terminal
}

// An offer is one application's part of a promotion, and the record that it stands on.
type offer struct {
	promotion.Part
	deployed inventory.Deployment
}

// promote opens the pull requests that carry a version onwards.
func (r *rollout) promote(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	w, problem := r.way(c)
	if problem != nil {
		return refuse(c, problem), nil
	}
	if problem, err := r.allowed(ctx, job, w.to.Name, needs(w.to, config.VerbPromote)); err != nil || problem != nil {
		return refuse(c, problem), err
	}
	w.askedBy, w.askedAt = job.Author, fmt.Sprintf("%s/%s/pull/%d#issuecomment-%d", r.Web, job.Repository, job.Number, job.Comment)
	offers, problems, err := r.offers(ctx, w)
	if err != nil {
		return report.CommandResult{}, err
	}
	return r.propose(ctx, c, w, offers, problems)
}

// way finds the environments that a command names.
func (r *rollout) way(c command.Command) (way, *render.Problem) {
	w := way{settings: deploy.DefaultPromotion()}
	known := make([]string, 0, len(r.judge.Environments))
	for _, name := range r.judge.order() {
		known = append(known, string(name))
	}
	for _, end := range []struct {
		name command.Environment
		into *config.Environment
	}{{c.From, &w.from}, {c.To, &w.to}} {
		settings, ok := r.judge.Environments.Get(render.Environment(end.name))
		if !ok {
			return w, report.UnknownName("environment", string(end.name), known)
		}
		*end.into = settings
	}
	if w.from.Name == w.to.Name {
		return w, &render.Problem{Message: "from and to are the same environment", Hint: "write /promote staging→production"}
	}
	ways := r.judge.Promotions
	i := slices.IndexFunc(ways, func(p deploy.PromotionSettings) bool { return p.From == w.from.Name && p.To == w.to.Name })
	switch {
	case i >= 0:
		w.settings = ways[i]
	case len(ways) > 0:
		return w, &render.Problem{
			Message: fmt.Sprintf("%s is not promoted to %s here", w.from.Name, w.to.Name),
			Hint:    "promotions in " + config.File + " says what is",
		}
	}
	for _, application := range c.Applications {
		w.applications = append(w.applications, render.Application(application))
	}
	return w, nil
}

// offers works out what each application's promotion comes to. What stands against
// one is a problem beside the others.
func (r *rollout) offers(ctx context.Context, w way) ([]offer, []render.Problem, error) {
	source, err := r.stop(ctx, w.from)
	if err != nil {
		return nil, nil, err
	}
	if source.problem != nil {
		return nil, []render.Problem{*source.problem}, nil
	}
	var problems []render.Problem
	var pairs []promotion.Pair
	var deployed []inventory.Deployment
	for _, application := range r.applications(w, source) {
		pair, is, problem, err := r.pair(ctx, w, source, application)
		if err != nil {
			return nil, nil, err
		}
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		pairs, deployed = append(pairs, pair), append(deployed, is)
	}
	tree, err := r.git.Tree(ctx, r.commit)
	if err != nil {
		return nil, nil, err
	}
	parts, err := promotion.Images(ctx, r.engine(), tree, targets(r.judge.Layouts, r.judge.order(), tree), pairs)
	if err != nil {
		return nil, nil, fmt.Errorf("promote %s to %s: %w", w.from.Name, w.to.Name, err)
	}
	var offers []offer
	for i, part := range parts {
		if part.Problem != nil {
			problems = append(problems, *part.Problem)
			continue
		}
		offers = append(offers, offer{part, deployed[i]})
	}
	return offers, problems, nil
}

// applications are those that were asked for, or all that the source has in Git.
func (r *rollout) applications(w way, source *stop) []render.Application {
	if len(w.applications) > 0 {
		return w.applications
	}
	var all []render.Application
	for _, q := range source.requests {
		if q.Rendered != nil {
			all = append(all, q.Target.Application)
		}
	}
	slices.Sort(all)
	return all
}

// pair is what is deployed and healthy at the source, and where it is to go.
func (r *rollout) pair(ctx context.Context, w way, source *stop, application render.Application) (promotion.Pair, inventory.Deployment, *render.Problem, error) {
	var none inventory.Deployment
	from, to := r.targetOf(w.from.Name, application), r.targetOf(w.to.Name, application)
	for _, end := range []struct {
		target      *render.Target
		environment render.Environment
	}{{from, w.from.Name}, {to, w.to.Name}} {
		if end.target == nil {
			return promotion.Pair{}, none, r.noApplication(application, end.environment), nil
		}
	}
	if problem := source.problemOf(*from); problem != nil {
		return promotion.Pair{}, none, problem, nil
	}
	record := source.records[*from]
	if problem := unfit(*from, record, w.settings, r.Planner.Now()); problem != nil {
		return promotion.Pair{}, none, problem, nil
	}
	is, _ := promotable(record, w.settings)
	rendered, err := r.before(ctx, *from, is.Commit)
	if err != nil {
		return promotion.Pair{}, none, nil, err
	}
	if rendered == nil {
		return promotion.Pair{}, none, &render.Problem{Message: fmt.Sprintf("what is deployed to %s (%s) can no longer be rendered", from, is.Commit.Short())}, nil
	}
	return promotion.Pair{From: rendered, To: *to}, *is, nil, nil
}

func (r *rollout) targetOf(environment render.Environment, application render.Application) *render.Target {
	for target := range r.rendered {
		if target.Environment == environment && target.Application == application {
			return &target
		}
	}
	return nil
}

// noApplication says that an environment does not have an application, and which it has.
func (r *rollout) noApplication(application render.Application, environment render.Environment) *render.Problem {
	var known []string
	for target := range r.rendered {
		if target.Environment == environment {
			known = append(known, string(target.Application))
		}
	}
	problem := report.UnknownName("application", string(application), known)
	problem.Message = fmt.Sprintf("there is no application %s in %s", application, environment)
	return problem
}

// promotable is the deployment that is promoted from a target, and since when it has been
// what the settings ask for; zero for not yet.
func promotable(record inventory.Record, settings deploy.PromotionSettings) (is *inventory.Deployment, since time.Time) {
	if settings.After == deploy.AfterApplied {
		if record.Current == nil {
			return nil, time.Time{}
		}
		return record.Current, record.Current.Applied
	}
	if record.Deployed == nil {
		return nil, time.Time{}
	}
	return record.Deployed, record.Deployed.Ended
}

// unfit says why what runs at the source is not to be promoted.
func unfit(from render.Target, record inventory.Record, settings deploy.PromotionSettings, now time.Time) *render.Problem {
	is, since := promotable(record, settings)
	switch soak := time.Duration(settings.Soak); {
	case is == nil:
		return &render.Problem{Message: fmt.Sprintf("nothing is deployed to %s yet", from), Hint: fmt.Sprintf("a version is promoted when it is deployed there and %s", settings.After)}
	case settings.After == deploy.AfterApplied && since.IsZero():
		return &render.Problem{
			Message: fmt.Sprintf("%s is not applied to %s: its deployment is %s", is.Commit.Short(), from, is.State),
			Hint:    "promote again when it is",
		}
	case settings.After != deploy.AfterApplied && record.Current != nil && record.Current.State != inventory.Healthy:
		return &render.Problem{
			Message: fmt.Sprintf("%s is not healthy: its deployment of %s is %s", from, record.Current.Commit.Short(), record.Current.State),
			Hint:    "promote again when it is",
		}
	case now.Sub(since) < soak:
		return &render.Problem{
			Message: fmt.Sprintf("%s is %s since %s, and %s is to pass first", from, settings.After, since.UTC().Format(time.RFC3339), soak),
			Hint:    "promote again after " + since.Add(soak).UTC().Format(time.RFC3339),
		}
	}
	return nil
}
