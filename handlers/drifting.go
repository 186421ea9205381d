package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/deploy/drift"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// checkDrift compares an environment with the commits deployed to it, and keeps its
// one issue: opened, edited only when what drifted is other than it says, closed
// when nothing is. A check that could not run closes nothing.
func (w *Worker) checkDrift(ctx context.Context, job CheckDrift) error {
	r, err := w.rollout(ctx, job.Repository)
	if err != nil {
		return err
	}
	switch err = r.checkEnvironment(ctx, job.Environment); {
	case errors.Is(err, errUnderWay):
		return nil // what is live is between two commits; it is looked at when it has arrived
	case errors.Is(err, ErrNoIssues):
		w.Log.WarnContext(ctx, "the repository has issues switched off: drift is not told", "repository", job.Repository.String(),
			"environment", string(job.Environment))
		return nil
	case errors.Is(err, ErrForbidden): // archived, say
		w.Log.WarnContext(ctx, "GitHub does not let the drift issue be written: drift is not told", "repository", job.Repository.String(),
			"environment", string(job.Environment), "error", err)
		return nil
	}
	return err
}

// checkEnvironment checks one environment, or says why it is not.
func (r *rollout) checkEnvironment(ctx context.Context, name render.Environment) error {
	d := report.DriftReport{Repository: r.repo.String(), Environment: name}
	if r.judge == nil && r.configuration != "" {
		r.Planner.outcome(ctx, StageDrift, string(DriftFailed))
		return r.keepDriftIssue(ctx, d, 0, &render.Problem{
			Message: fmt.Sprintf("the configuration on %s is broken, so nobody knows what to look at", r.repo.DefaultBranch), Hint: "mend " + r.configuration,
		})
	}
	if r.judge == nil {
		return r.Issues.Close(ctx, r.repo, driftMarker(name), report.DriftUnwatched(name, "the repository has no `"+config.File+"` any more"))
	}
	settings, ok := r.judge.Environments.Get(name)
	if !ok {
		return r.Issues.Close(ctx, r.repo, driftMarker(name), report.DriftUnwatched(name, "`"+r.configuration+"` has no such environment any more"))
	}
	if settings.ServiceAccount == "" {
		r.Planner.outcome(ctx, StageDrift, string(DriftFailed))
		return r.keepDriftIssue(ctx, d, 0, &render.Problem{
			Message: "the environment selects no service account, so there is nobody to look as", Hint: "set serviceAccount in " + r.configuration,
		})
	}
	checking, end := r.Planner.begin(ctx, StageDrift, render.Target{Environment: name})
	d, compared, whole, err := r.drift(checking, settings)
	if errors.Is(err, errUnderWay) {
		end(nil)
		return err
	}
	if end(err); err != nil {
		return err
	}
	r.Planner.outcome(ctx, StageDrift, string(driftOutcome(d, whole)))
	return r.keepDriftIssue(ctx, d, compared, whole)
}

// driftMarker is the first line of an environment's drift issue.
func driftMarker(name render.Environment) string {
	return strings.TrimSpace(report.DriftMarker(name)) + " -->"
}

// errUnderWay says that a deployment is under way, so that nothing can be said of
// drift.
var errUnderWay = errors.New("a deployment is under way")

// running returns the deployment that a target's live objects are of: the newest, also
// where it did not become healthy; nil before the first.
func running(record inventory.Record) *inventory.Deployment {
	if record.Deployed == nil || record.Current == nil {
		return record.Deployed
	}
	return record.Current
}

// halfWay says why it is not known what should be live after a deployment that wrote
// some of its objects and not the others; nil where it wrote all of them.
func halfWay(runs *inventory.Deployment) *render.Problem {
	if runs.State == inventory.Healthy || !runs.Applied.IsZero() {
		return nil
	}
	return &render.Problem{
		Message: fmt.Sprintf("its deployment of %s ended half-way (%s), so it is not known what should be live", runs.Commit.Short(), cmp.Or(runs.Reason, string(runs.State))),
		Hint:    "push a commit that mends it",
	}
}

// drift asks the environment's cluster about every target that is deployed there. It
// returns how many objects were compared, too, and why nothing is known of the
// environment as a whole.
func (r *rollout) drift(ctx context.Context, settings config.Environment) (d report.DriftReport, compared int, whole *render.Problem, err error) {
	s, err := r.stop(ctx, settings)
	if err != nil {
		if ctx.Err() != nil {
			return d, 0, nil, err
		}
		s = r.unread(settings, err)
		s.problem.Hint = "it is looked at again at the next check"
	}
	for _, record := range s.records {
		if record.Current != nil && record.Current.State == inventory.Applying {
			return d, 0, nil, errUnderWay
		}
	}
	d, compared, err = r.driftOf(ctx, s)
	return d, compared, s.problem, err
}

// driftOf checks the targets of a stop, and counts the objects that were compared. One
// whose cluster is not to be had could not be checked, which is not to have no drift.
func (r *rollout) driftOf(ctx context.Context, s *stop) (d report.DriftReport, compared int, err error) {
	d = report.DriftReport{Repository: r.repo.String(), Environment: s.settings.Name}
	requests, parts, err := r.driftRequests(ctx, s)
	if err != nil {
		return d, 0, err
	}
	cluster, problem := r.Planner.Clusters.Cluster(ctx, r.repo, selectionOf(s.settings))
	checked, compared := driftParts(ctx, cluster, problem, requests, r.Planner.Now().UTC())
	d.Targets = len(requests) + len(parts)
	for _, part := range slices.Concat(parts, checked) {
		if len(part.Objects) > 0 || part.Problem != nil {
			d.Parts = append(d.Parts, part)
		}
	}
	slices.SortFunc(d.Parts, func(a, b report.DriftPart) int { return strings.Compare(a.Target.String(), b.Target.String()) })
	return d, compared, ctx.Err()
}

// driftRequests renders what is deployed. Where another engine applies, that is what
// the default branch says. A target whose deployed commit cannot be rendered any
// more is a part that could not be checked.
func (r *rollout) driftRequests(ctx context.Context, s *stop) ([]drift.Request, []report.DriftPart, error) {
	var requests []drift.Request
	var parts []report.DriftPart
	for _, q := range s.requests {
		if problem := s.problemOf(q.Target); problem != nil { // there is no record: no drift is not known to be none
			parts = append(parts, report.DriftPart{Target: q.Target, Problem: problem, FailingSince: r.Planner.Now().UTC()})
			continue
		}
		rendered, commit := q.Rendered, r.commit
		if s.settings.Apply == config.BySlipway {
			runs := running(s.records[q.Target])
			if runs == nil {
				continue // nothing is deployed yet
			}
			if problem := halfWay(runs); problem != nil {
				parts = append(parts, report.DriftPart{Target: q.Target, Commit: runs.Commit, Problem: problem, FailingSince: r.Planner.Now().UTC()})
				continue
			}
			var err error
			if rendered, err = r.before(ctx, q.Target, runs.Commit); err != nil {
				return nil, nil, err
			}
			commit = runs.Commit
		}
		if rendered == nil || rendered.Problem != nil {
			parts = append(parts, report.DriftPart{Target: q.Target, Commit: commit, Problem: &render.Problem{
				Message: "what is deployed (" + commit.Short() + ") can no longer be rendered",
			}})
			continue
		}
		requests = append(requests, drift.Request{Target: q.Target, Commit: commit, Rendered: rendered, Ignore: q.Ignore, Namespace: q.Namespace})
	}
	return requests, parts, nil
}

// driftParts checks the requests, as people are told of it, and counts the objects
// that were compared.
func driftParts(ctx context.Context, cluster *preview.Cluster, problem *render.Problem, requests []drift.Request, now time.Time) (parts []report.DriftPart, compared int) {
	if cluster == nil {
		for _, q := range requests {
			parts = append(parts, report.DriftPart{Target: q.Target, Commit: q.Commit, Problem: problem, FailingSince: now})
		}
		return parts, 0
	}
	for _, result := range drift.Check(ctx, cluster, requests) {
		compared += result.Checked
		part := report.DriftPart{Target: result.Target, Cluster: cluster.Name(), Commit: result.Commit, Digest: result.Digest, Since: now, Problem: result.Problem, Unknown: result.Unknown}
		if result.Problem != nil {
			part.FailingSince = now
		}
		for _, object := range result.Objects {
			part.Objects = append(part.Objects, drifted(object))
		}
		parts = append(parts, part)
	}
	return parts, compared
}

func drifted(object drift.Object) report.DriftedObject {
	told := report.DriftedObject{ID: object.ID, Origin: object.Origin, Missing: object.Missing}
	for _, field := range object.Fields {
		kind := report.DriftChanged
		if field.Kind == drift.Extra {
			kind = report.DriftExtra
		}
		told.Fields = append(told.Fields, report.DriftedField{
			Kind: kind, Path: field.Path, Pointer: field.Pointer, Git: field.Git, Live: field.Live, Manager: field.Manager, At: field.At,
		})
	}
	return told
}
