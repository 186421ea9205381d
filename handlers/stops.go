package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/render"
)

// A stop is one environment of a rollout.
type stop struct {
	settings config.Environment
	cluster  *deploy.Cluster
	problem  *render.Problem // why there is no cluster
	requests []deploy.Request
	records  map[render.Target]inventory.Record
	damaged  map[render.Target]*render.Problem // whose record cannot be read
	orphans  []render.Target                   // on record in the cluster, of environments that are configured no more
	// untold is set where all is deployed, and GitHub was told something else last.
	untold bool
}

// stops returns the environments that Slipway applies, in order, each with what is
// asked of its targets. Where clusters answer by grant, an environment that selects
// no service account has nobody to apply as, and is left alone.
func (r *rollout) stops(ctx context.Context) ([]*stop, error) {
	if r.judge == nil {
		return nil, nil
	}
	var stops []*stop
	for _, settings := range r.judge.Environments {
		if settings.Apply != config.BySlipway || r.Planner.Granting && settings.ServiceAccount == "" {
			continue
		}
		s, err := r.stop(ctx, settings)
		if err != nil {
			return nil, err
		}
		if len(s.requests) > 0 {
			stops = append(stops, s)
		}
	}
	return stops, nil
}

// stop asks the environment's cluster for what it has on record, and makes a
// request for each target: those of Git, and those that are gone from it.
func (r *rollout) stop(ctx context.Context, settings config.Environment) (*stop, error) {
	s := &stop{settings: settings, records: make(map[render.Target]inventory.Record)}
	byName := map[render.Application]render.Target{}
	for target := range r.rendered {
		if target.Environment == settings.Name {
			byName[target.Application] = target
		}
	}
	s.cluster, s.problem = r.Deployers.Deployer(ctx, r.repo, selectionOf(settings))
	if s.cluster != nil {
		records, damaged, err := s.cluster.Records(ctx, r.repo.String())
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil { // one cluster's trouble is its own targets'
			s.problem, s.cluster = recordProblem(settings, err), nil
		}
		r.noteDamaged(ctx, s, damaged)
		for _, record := range records {
			if record.Environment != settings.Name {
				if _, configured := r.judge.Environments.Get(record.Environment); !configured {
					s.orphans = append(s.orphans, render.Target{Environment: record.Environment, Application: record.Application})
				}
				continue
			}
			target, ok := byName[record.Application]
			if !ok {
				target = render.Target{Environment: record.Environment, Application: record.Application}
				byName[record.Application] = target
			}
			s.records[target] = record
		}
	}
	for _, target := range byName {
		s.requests = append(s.requests, r.request(settings, target))
	}
	r.arrange(s)
	return s, nil
}

// noteDamaged notes the records that cannot be read, by the targets that Git has for
// them. They stop no other target.
func (r *rollout) noteDamaged(ctx context.Context, s *stop, damaged []inventory.Damaged) {
	s.damaged = make(map[render.Target]*render.Problem)
	for _, d := range damaged {
		known := false
		for target := range r.rendered {
			if key := (named{s, target}).key(r.repo); key.Name() == d.Name {
				known, s.damaged[target] = true, &d.Problem
			}
		}
		if !known {
			r.Log.WarnContext(ctx, "a record cannot be read, and is of no target that Git has", "repository", r.repo.String(), "record", d.Name,
				"problem", d.Problem.Error())
		}
	}
}

// problemOf says why nothing is known of what is deployed to a target; nil where
// something is.
func (s *stop) problemOf(target render.Target) *render.Problem {
	return cmp.Or(s.problem, s.damaged[target])
}

// request asks for one target of the rollout.
func (r *rollout) request(settings config.Environment, target render.Target) deploy.Request {
	return deploy.Request{
		Repository: r.repo.String(), Target: target, Commit: r.commit, Rendered: r.rendered[target],
		Sync: settings.Sync, Ignore: settings.Drift.Ignore, Namespace: settings.Namespace,
	}
}

// arrange puts requests in order: what others depend on first, then by name.
func (r *rollout) arrange(s *stop) {
	slices.SortFunc(s.requests, func(a, b deploy.Request) int {
		return cmp.Or(r.rank(a.Target)-r.rank(b.Target), strings.Compare(a.Target.String(), b.Target.String()))
	})
}

// recordProblem says why what is deployed to an environment is not known. The clock
// asks again.
func recordProblem(settings config.Environment, err error) *render.Problem {
	var problem *render.Problem
	if errors.As(err, &problem) {
		return problem
	}
	return &render.Problem{
		Message: fmt.Sprintf("what is deployed to %s could not be read: %v", settings.Name, err),
		Hint:    "it is tried again by itself; the operator sees why in the log",
	}
}

// introduce tells each request of its siblings: the other targets of the same
// cluster, so that an object which moves between two of them is handed over. Those of
// an environment that was renamed, say, want nothing any more.
func introduce(stops []*stop) {
	byCluster := map[string][]deploy.Sibling{}
	for _, s := range stops {
		name := cmp.Or(s.settings.Cluster, DefaultCluster)
		for _, q := range s.requests {
			byCluster[name] = append(byCluster[name], deploy.Sibling{Target: q.Target, Rendered: q.Rendered, Namespace: q.Namespace})
		}
		for _, orphan := range s.orphans {
			byCluster[name] = append(byCluster[name], deploy.Sibling{Target: orphan})
		}
	}
	for _, s := range stops {
		for i, q := range s.requests {
			s.requests[i].Siblings = slices.DeleteFunc(slices.Clone(byCluster[cmp.Or(s.settings.Cluster, DefaultCluster)]), func(sibling deploy.Sibling) bool { return sibling.Target == q.Target })
		}
	}
}

// rank orders targets of an environment: those that it depends on first.
func (r *rollout) rank(target render.Target) int {
	settings := r.judge.environment(target.Environment)
	if i := slices.Index(settings.DependsOn, string(target.Application)); i >= 0 {
		return i - len(settings.DependsOn)
	}
	return 0
}

// pending reports whether any target has something to do or to say.
func pending(stops []*stop) bool {
	return slices.ContainsFunc(stops, func(s *stop) bool {
		return s.problem != nil || s.untold || slices.ContainsFunc(s.requests, func(q deploy.Request) bool { return !s.deployed(q) })
	})
}

// settled reports whether all targets are as Git has them.
func (s *stop) settled() bool {
	return s.problem == nil && !slices.ContainsFunc(s.requests, func(q deploy.Request) bool { return !s.deployed(q) })
}

// findUntold marks the environments of which GitHub was told last that something
// was not deployed, while all is: a commit that was refused, or waited, was taken
// back, or the process died before it could tell.
func (r *rollout) findUntold(ctx context.Context, stops []*stop) error {
	for _, s := range stops {
		if !s.settled() {
			continue
		}
		state, err := r.Deployments.Newest(ctx, r.repo, s.settings.Name)
		if errors.Is(err, ErrForbidden) {
			return nil
		}
		if err != nil {
			return err
		}
		s.untold = state != "" && state != DeploymentSuccess && state != DeploymentInactive
	}
	return nil
}

// deployed reports whether the record says that the target is as Git has it, and
// nobody has asked since for it to be applied again.
func (s *stop) deployed(q deploy.Request) bool {
	record, ok := s.records[q.Target]
	if q.Rendered == nil {
		return len(record.Objects) == 0
	}
	return ok && record.Deployed != nil && record.Current != nil && q.Rendered.Problem == nil &&
		record.Current.State == inventory.Healthy && record.Deployed.Digest == q.Rendered.Digest && deploy.Places(&record, q) &&
		!slices.ContainsFunc(record.Words, func(w inventory.Word) bool { return w.Verb == inventory.Apply && w.Digest == q.Rendered.Digest })
}

// selectionOf is what an environment's settings select.
func selectionOf(settings config.Environment) Selection {
	return Selection{Environment: settings.Name, Cluster: settings.Cluster, Namespace: settings.Namespace, ServiceAccount: settings.ServiceAccount}
}
