package handlers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// Sweep looks at every repository: what the default branch says is deployed, even
// where the push was never heard of, and drift is looked for where its schedule
// came due between Since and Until.
type Sweep struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// Kind implements [Job].
func (Sweep) Kind() string { return "sweep" }

// Key implements [Job].
func (Sweep) Key() string { return "sweep" }

// Absorb implements [Absorber]: what came due for a sweep that was not done is due
// still.
func (j Sweep) Absorb(older Job) Job {
	if older, ok := older.(Sweep); ok && older.Since.Before(j.Since) {
		j.Since = older.Since
	}
	return j
}

// Follows implements [Follower]: a sweep at work is left alone, however long it takes. The
// next would be at the same repositories again, and never come to the last of them.
func (Sweep) Follows(Job) bool { return true }

// sweep inserts the jobs that a sweep finds. One repository's trouble is not
// another's.
func (w *Worker) sweep(ctx context.Context, job Sweep) error {
	repositories, err := w.Repositories.All(ctx)
	if err != nil {
		return fmt.Errorf("list repositories: %w", err)
	}
	for _, repo := range repositories {
		jobs, err := w.sweptPulls(ctx, repo, job)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			w.Log.WarnContext(ctx, "repository not swept", "repository", repo.String(), "error", err)
			continue
		}
		if err := w.Queue.Insert(ctx, jobs...); err != nil {
			return err
		}
	}
	return nil
}

// sweptPulls returns what there is to do about one repository and its pull requests.
// What can be found of one is done although the other cannot be read.
func (w *Worker) sweptPulls(ctx context.Context, repo Repository, job Sweep) ([]Job, error) {
	pulls, err := w.unreported(ctx, repo)
	if err != nil {
		return nil, err
	}
	jobs, err := w.swept(ctx, repo, job)
	if err != nil && len(pulls) > 0 {
		w.Log.WarnContext(ctx, "default branch not swept", "repository", repo.String(), "error", err)
		return pulls, nil
	}
	return append(pulls, jobs...), err
}

// swept returns what there is to do about one repository; nothing where it has no
// usable configuration.
func (w *Worker) swept(ctx context.Context, repo Repository, job Sweep) ([]Job, error) {
	ref := "refs/heads/" + repo.DefaultBranch
	git, err := w.Trees.Open(ctx, repo, []string{ref}, nil)
	if err != nil {
		return nil, err
	}
	commit, err := git.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	tree, err := git.Tree(ctx, commit)
	if err != nil {
		return nil, err
	}
	var said report.Report
	settings, problems, err := w.Planner.settings(ctx, repo, tree, &said)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 || said.Configuration == "" {
		return w.unwatched(ctx, repo, nil), nil
	}
	jobs := []Job{DeployBranch{Repository: repo}}
	var watched []render.Environment
	for _, environment := range settings.Environments {
		if environment.ServiceAccount != "" {
			watched = append(watched, environment.Name)
		}
		if due(environment, job) {
			jobs = append(jobs, CheckDrift{Repository: repo, Environment: environment.Name})
		}
	}
	return append(jobs, w.unwatched(ctx, repo, watched)...), nil
}

// unwatched are the environments that have an open drift issue, and that no schedule
// has looked at: what their issues say is no longer so, or not known.
func (w *Worker) unwatched(ctx context.Context, repo Repository, watched []render.Environment) []Job {
	markers, err := w.Issues.Open(ctx, repo, report.DriftIssues)
	if err != nil {
		w.Log.WarnContext(ctx, "drift issues could not be listed", "repository", repo.String(), "error", err)
		return nil
	}
	var jobs []Job
	for _, marker := range markers {
		if name, ok := report.DriftEnvironment(marker); ok && !slices.Contains(watched, name) {
			jobs = append(jobs, CheckDrift{Repository: repo, Environment: name})
		}
	}
	return jobs
}

// due reports whether an environment's schedule came due in the sweep's time. One
// that selects no service account has nobody to look as.
func due(environment config.Environment, job Sweep) bool {
	schedule, err := cron.ParseStandard(environment.Drift.Schedule)
	if err != nil || environment.ServiceAccount == "" {
		return false // the configuration has checked it
	}
	next := schedule.Next(job.Since.UTC()) // zero where it never comes due
	return !next.IsZero() && !next.After(job.Until.UTC())
}
