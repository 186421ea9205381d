package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// A Worker does jobs. Every field but Deadline is required.
type Worker struct {
	Planner  *Planner
	Pulls    PullRequests
	Trees    Trees
	Comments Comments
	Checks   Checks
	Queue    Queue
	Log      *slog.Logger

	// Web is where people open GitHub, e.g. https://github.com.
	Web string

	// For what follows a merge.
	Deployers   Deployers
	Deployments Deployments
	History     History
	// For commands.
	People     People
	Reactions  Reactions
	Published  PublishedComments
	Allowances Allowances
	// For freshness.
	OpenPulls OpenPulls
	Reviews   Reviews
	Proposals Proposals
	// For drift.
	Issues       Issues
	Repositories Repositories
	// For what was missed.
	Deliveries Deliveries

	// Deadline bounds the planning of one job; past it the gate concludes as
	// timed out. Zero means ten minutes.
	Deadline time.Duration

	delays    delays
	concluded concluded
}

// Work does one job. A nil error means done; an error means that the job must run
// again. Its context is cancelled when a newer job of the same key has come.
func (w *Worker) Work(ctx context.Context, job Job) error {
	var err error
	switch job := job.(type) {
	case PlanPull:
		err = w.planPull(ctx, job)
	case PlanGroup:
		err = w.planGroup(ctx, job)
	case JudgePull:
		err = w.judgePull(ctx, job)
	case Refresh:
		err = w.refresh(ctx, job)
	case Rerun:
		err = w.rerun(ctx, job)
	case DeployBranch:
		err = w.deployBranch(ctx, job)
	case RunCommands:
		err = w.runCommands(ctx, job)
	case CheckDrift:
		err = w.checkDrift(ctx, job)
	case PlanHead:
		err = w.planShared(ctx, job)
	case Sweep:
		err = w.sweep(ctx, job)
	case Repair:
		err = w.repair(ctx)
	default:
		return fmt.Errorf("job %s: unknown kind %s", job.Key(), job.Kind())
	}
	w.delays.note(job, err, w.now())
	if errors.Is(err, ErrGone) {
		w.Log.InfoContext(ctx, "what the job was about is gone", "job", job.Key())
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", job.Kind(), job.Key(), err)
	}
	return nil
}

// GiveUp tells, where somebody waits for it, that a job failed for good: the gate
// concludes, a command is answered. What the clock will try again needs no word.
func (w *Worker) GiveUp(ctx context.Context, job Job, cause error) error {
	checks := []report.Check{gaveUp(cause)}
	switch job := job.(type) {
	case PlanPull:
		pull, err := w.Pulls.Pull(ctx, job.Repository, job.Number)
		if err != nil || pull.State != "open" {
			return err
		}
		if err := w.Checks.Conclude(ctx, job.Repository, pull.Head.Commit, about(pull, checks...), true); err != nil {
			return err
		}
		return w.replaced(ctx, job, pull.Head.Commit)
	case PlanGroup:
		return w.Checks.Conclude(ctx, job.Repository, job.Head, checks, true)
	case PlanHead:
		return w.Checks.Conclude(ctx, job.Repository, job.Head, checks, true)
	case RunCommands:
		return w.giveUpCommands(ctx, job)
	}
	return nil
}

// planPull is the line that a pull request's event travels.
func (w *Worker) planPull(ctx context.Context, job PlanPull) error {
	pull, err := w.Pulls.Pull(ctx, job.Repository, job.Number)
	if err != nil {
		return err
	}
	if pull.State != "open" {
		if err := w.dismiss(ctx, job.Repository, pull.Head.Commit, closed()); err != nil {
			return err
		}
		return w.replaced(ctx, job, pull.Head.Commit)
	}
	if needed, err := w.missing(ctx, job, pull); err != nil || !needed {
		return err
	}
	if job, err = w.begun(ctx, job, pull.Head.Commit); err != nil {
		return err
	}
	if err = w.planHead(ctx, job, pull); err != nil && errors.Is(context.Cause(ctx), ErrSuperseded) {
		return w.abandon(context.WithoutCancel(ctx), job, pull)
	}
	if err != nil {
		return w.unfinished(ctx, job.Repository, pull.Head.Commit, err)
	}
	return w.replaced(ctx, job, pull.Head.Commit)
}

// planHead plans the pull request's head and says so in checks and comment.
func (w *Worker) planHead(ctx context.Context, job PlanPull, pull Pull) error {
	w.concluded.drop(job.Repository, pull.Head.Commit)
	if err := w.Checks.Start(ctx, job.Repository, pull.Head.Commit, pull.about(), job.Again); err != nil {
		return err
	}
	r, err := w.report(ctx, func(ctx context.Context) (report.Report, error) { return w.pullReport(ctx, job, pull) })
	if errors.Is(err, context.DeadlineExceeded) {
		return w.Checks.Conclude(ctx, job.Repository, pull.Head.Commit, about(pull, timedOut(w.deadline(), r)), true)
	}
	if err != nil {
		return err
	}
	r.Notices = append(r.Notices, w.delays.notice(job, w.now())...)
	if err := w.conclude(ctx, job, pull, about(pull, report.Checks(r)...)); err != nil {
		return err
	}
	err = w.Comments.Publish(ctx, job.Repository, pull.Number, report.Comment(r))
	if errors.Is(err, ErrForbidden) { // a locked conversation: the checks have said it all
		w.Log.WarnContext(ctx, "the comment cannot be written", "job", job.Key(), "error", err)
		return nil
	}
	return err
}

// abandon concludes the gate of a head that is the head no more, so that nothing is
// in progress there for ever. It fails, since nobody judged that commit; the job that
// superseded this one has the new head.
func (w *Worker) abandon(ctx context.Context, job PlanPull, planned Pull) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	now, err := w.Pulls.Pull(ctx, job.Repository, job.Number)
	if err != nil || now.Head.Commit == planned.Head.Commit {
		return err
	}
	return w.Checks.Conclude(ctx, job.Repository, planned.Head.Commit, []report.Check{overtaken(now.Head.Commit)}, false)
}

// pullReport reads both sides from Git and plans them.
func (w *Worker) pullReport(ctx context.Context, job PlanPull, pull Pull) (report.Report, error) {
	baseRef := "refs/heads/" + pull.Base.Branch
	repo, err := w.Trees.Open(ctx, job.Repository, []string{baseRef}, []render.Commit{pull.Head.Commit})
	if err != nil {
		return report.Report{}, err
	}
	base, err := repo.Resolve(ctx, baseRef) // the branch as it is now, not as it was when GitHub last looked
	if err != nil {
		return report.Report{}, err
	}
	trusted, by, err := w.trusted(ctx, job.Repository, pull)
	if err != nil {
		return report.Report{}, err
	}
	r, err := w.Planner.Report(ctx, repo, Comparison{
		Repository: job.Repository, Pull: pull.Number, BaseRef: pull.Base.Branch, HeadRef: pull.Head.Branch,
		Base: base, Head: pull.Head.Commit, Trusted: trusted, Outside: pull.FromFork, Judge: job.Judge,
		Facts: func(ctx context.Context) (*policy.PullRequest, error) { return w.facts(ctx, job.Repository, pull) },
	})
	if by != "" {
		r.Notices = append([]string{report.AllowedNotice(by)}, r.Notices...)
	}
	return r, err
}

// planGroup plans a merge group: its head is the merge result, made by GitHub.
func (w *Worker) planGroup(ctx context.Context, job PlanGroup) error {
	if job.Base == "" {
		base, err := w.grouped(ctx, job)
		if errors.Is(err, ErrGone) {
			return w.rerun(ctx, Rerun{Repository: job.Repository, Head: job.Head})
		}
		if err != nil {
			return err
		}
		job.Base = base
	}
	if err := w.Checks.Start(ctx, job.Repository, job.Head, "", job.Again); err != nil {
		return err
	}
	r, err := w.report(ctx, func(ctx context.Context) (report.Report, error) { return w.groupReport(ctx, job) })
	if errors.Is(err, context.DeadlineExceeded) {
		return w.Checks.Conclude(ctx, job.Repository, job.Head, []report.Check{timedOut(w.deadline(), r)}, true)
	}
	if err != nil {
		return w.unfinished(ctx, job.Repository, job.Head, err)
	}
	return w.Checks.Conclude(ctx, job.Repository, job.Head, report.Checks(r), job.Again)
}

func (w *Worker) groupReport(ctx context.Context, job PlanGroup) (report.Report, error) {
	repo, err := w.Trees.Open(ctx, job.Repository, nil, []render.Commit{job.Head, job.Base})
	if err != nil {
		return report.Report{}, err
	}
	return w.Planner.Report(ctx, repo, Comparison{
		Repository: job.Repository, BaseRef: job.BaseRef, Base: job.Base, Head: job.Head, Merged: true, Trusted: true,
	})
}

// grouped returns what a merge group is based on that is known by its branch's name
// alone: where it left its base branch, since the commit below a head may be another
// pull request's of the same group. ErrGone where the head is no group's, or no longer:
// a fork's branch may have such a name, and so may one that somebody pushed.
func (w *Worker) grouped(ctx context.Context, job PlanGroup) (render.Commit, error) {
	none := fmt.Errorf("merge group %s: %w", job.Head.Short(), ErrGone)
	numbers, err := w.Pulls.PullsAt(ctx, job.Repository, job.Head)
	if err != nil {
		return "", err
	}
	if len(numbers) > 0 || job.Branch == "" {
		return "", none
	}
	branch, onto := "refs/heads/"+job.Branch, "refs/heads/"+job.BaseRef
	repo, err := w.Trees.Open(ctx, job.Repository, []string{branch, onto}, nil)
	if err != nil {
		return "", err
	}
	if at, err := repo.Resolve(ctx, branch); err != nil || at != job.Head {
		return "", errors.Join(none, err)
	}
	base, err := repo.Resolve(ctx, onto)
	if err != nil {
		return "", err
	}
	return repo.MergeBase(ctx, base, job.Head)
}

// rerun queues a plan for every open pull request at a commit.
func (w *Worker) rerun(ctx context.Context, job Rerun) error {
	numbers, err := w.Pulls.PullsAt(ctx, job.Repository, job.Head)
	if err != nil {
		return err
	}
	jobs := make([]Job, len(numbers))
	for i, number := range numbers {
		jobs[i] = PlanPull{Repository: job.Repository, Number: number, Again: true}
	}
	return w.Queue.Insert(ctx, jobs...)
}

func (w *Worker) deadline() time.Duration {
	if w.Deadline == 0 {
		return 10 * time.Minute
	}
	return w.Deadline
}

// report bounds the making of a report. Only its own deadline shows as
// DeadlineExceeded, so that a job which was superseded is not called timed out.
func (w *Worker) report(ctx context.Context, plan func(context.Context) (report.Report, error)) (report.Report, error) {
	bounded, cancel := context.WithTimeout(ctx, w.deadline())
	defer cancel()
	r, err := plan(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return r, context.DeadlineExceeded
	}
	return r, err
}
