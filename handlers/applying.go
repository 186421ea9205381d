package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// apply lets what waits be applied: exactly what the deployment comment showed when
// the command was written. What main renders now must be that.
func (r *rollout) apply(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	stops, err := r.stops(ctx)
	if err != nil {
		return report.CommandResult{}, err
	}
	meant, problem := r.find(stops, c.Targets)
	if problem != nil {
		return refuse(c, problem), nil
	}
	shown, problem, err := r.shown(ctx, job)
	if err != nil || problem != nil {
		return refuse(c, problem), err
	}
	waiting, problem, err := r.waiting(ctx, job, meant, shown)
	if err != nil || problem != nil {
		return refuse(c, problem), err
	}
	var said []string
	for _, n := range waiting {
		if err := r.say(ctx, job, n, inventory.Apply, r.rendered[n.target].Digest); err != nil {
			return report.CommandResult{}, err
		}
		said = append(said, "`"+n.target.String()+"`")
	}
	if len(said) == 0 {
		return refuse(c, &render.Problem{Message: "nothing that this pull request brought waits to be applied", Hint: "/status says what runs where"}), nil
	}
	return obeyed(c, strings.Join(said, ", ")+" may be applied; the deployment comment says how it goes."), nil
}

// waiting returns those of the meant targets that were shown to wait. All of them may
// be applied by the comment's author, or else none is.
func (r *rollout) waiting(ctx context.Context, job RunCommands, meant []named, shown map[string]string) ([]named, *render.Problem, error) {
	var waiting []named
	for _, n := range meant {
		rendered := r.rendered[n.target]
		if rendered == nil || rendered.Problem != nil || n.cluster == nil || shown[n.target.String()] == "" {
			continue // nothing of it was shown to wait
		}
		if shown[n.target.String()] != rendered.Digest {
			return nil, &render.Problem{
				Message: fmt.Sprintf("what would be applied to %s is no longer what this page showed when you commented", n.target),
				Hint:    "look at the newest deployment comment and comment there",
			}, nil
		}
		if problem, err := r.allowed(ctx, job, n.target.Environment, needs(n.settings, config.VerbApply)); err != nil || problem != nil {
			return nil, problem, err
		}
		waiting = append(waiting, n)
	}
	return waiting, nil, nil
}

// shown is what the deployment comment of this pull request showed, if it did so before
// the command was written.
func (r *rollout) shown(ctx context.Context, job RunCommands) (map[string]string, *render.Problem, error) {
	pull, err := r.Pulls.Pull(ctx, job.Repository, job.Number)
	if err != nil {
		return nil, nil, err
	}
	if pull.State == "open" {
		return nil, &render.Problem{Message: "this pull request is not merged yet", Hint: "merge it first: what is applied is what the default branch says"}, nil
	}
	switch {
	case job.Shown.At.IsZero():
		return nil, report.NoPlan(), nil
	case !job.Shown.At.Before(job.At): // GitHub counts in whole seconds: one of the same second may not have been seen
		return nil, report.ChangedSince(), nil
	}
	return job.Shown.Bound, nil, nil
}

// deploymentMarker is the first line of every deployment comment.
var deploymentMarker = func() string {
	line, _, _ := strings.Cut(report.Deployment(report.DeploymentReport{}), "\n")
	return line
}()

// confirm lets one exact plan delete what it deletes: its digest is in the command.
func (r *rollout) confirm(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	stops, err := r.stops(ctx)
	if err != nil {
		return report.CommandResult{}, err
	}
	meant, problem := r.find(stops, c.Targets)
	if problem == nil && len(meant) != 1 {
		problem = &render.Problem{Message: "confirm takes one target", Hint: "copy the line from the deployment comment"}
	}
	if problem == nil && meant[0].cluster == nil {
		problem = meant[0].problem
	}
	if problem != nil {
		return refuse(c, problem), nil
	}
	n := meant[0]
	if problem, err := r.allowed(ctx, job, n.target.Environment, needs(n.settings, config.VerbConfirm)); err != nil || problem != nil {
		return refuse(c, problem), err
	}
	digest, problem := confirmed(n.target, string(c.Digest), job.Shown.Bound, job.Shown.At.Before(job.At))
	if problem != nil {
		return refuse(c, problem), nil
	}
	if err := r.say(ctx, job, n, inventory.Confirm, digest); err != nil {
		return report.CommandResult{}, err
	}
	return obeyed(c, "`"+n.target.String()+"` may do what the plan `"+string(c.Digest)+"` says, and nothing else."), nil
}

// confirmed returns the digest of the plan that a person confirms by its first digits:
// all of it where the comment showed it before they wrote, since another plan may be
// made to begin alike. That something else waits by now is a problem.
func confirmed(target render.Target, written string, shown map[string]string, before bool) (string, *render.Problem) {
	waits := shown[boundConfirm+target.String()]
	switch {
	case waits == "":
		return written, nil
	case !strings.HasPrefix(waits, written):
		return "", report.StaleDigest(target, written, waits)
	case before:
		return waits, nil
	}
	return written, nil
}

// status says what runs where.
func (r *rollout) status(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	if problem, err := r.allowed(ctx, job, "", []string{string(RoleRead)}); err != nil || problem != nil {
		return refuse(c, problem), err
	}
	stops, err := r.stops(ctx)
	if err != nil {
		return report.CommandResult{}, err
	}
	meant, problem := r.find(stops, c.Targets)
	if problem != nil {
		return refuse(c, problem), nil
	}
	status := r.statusOf(meant)
	return report.CommandResult{Command: c.Text, State: report.CommandDone, Status: &status}, nil
}

// statusOf sums up what the records say of targets.
func (r *rollout) statusOf(meant []named) report.StatusReport {
	status := report.StatusReport{Repository: r.repo.String(), Head: r.commit}
	for _, n := range meant {
		record := n.records[n.target]
		target := report.TargetStatus{
			Target: n.target, Deployed: record.Deployed, Current: record.Current, Problem: n.problemOf(n.target), Health: report.HealthUnknown,
		}
		i := slices.IndexFunc(n.requests, func(q deploy.Request) bool { return q.Target == n.target })
		target.Behind = i >= 0 && !n.deployed(n.requests[i])
		if record.Current != nil {
			target.Health, target.Message = healthOf[record.Current.State], record.Current.Reason
		}
		status.Targets = append(status.Targets, target)
	}
	return status
}

// healthOf says what a deployment's state means for what runs.
var healthOf = map[inventory.State]report.Health{
	inventory.Applying:   report.Progressing,
	inventory.Healthy:    report.Healthy,
	inventory.Failed:     report.Unhealthy,
	inventory.Superseded: report.Progressing,
}
