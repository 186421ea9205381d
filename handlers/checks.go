package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// gaveUp is the gate of a job that failed for good.
func gaveUp(cause error) report.Check {
	if errors.Is(cause, ErrEndsProcess) {
		return report.Check{
			Name: report.GateName, Conclusion: report.Failure,
			Title:   "Slipway cannot plan this",
			Summary: "Its process ended each time that it worked on this and on nothing else, so it does not try on. What this pull request changes may take more memory than there is, or set off a defect of Slipway. Its operator sees how often with `slipway jobs list`. Press “Re-run” to try once more.",
		}
	}
	return report.Check{
		Name: report.GateName, Conclusion: report.Failure,
		Title:   "Slipway could not finish this plan",
		Summary: "It tried several times and failed each time for a reason of its own, not of this pull request's. Its operator sees the cause in the log. Press “Re-run” to try again.",
	}
}

// timedOut is the gate of a plan that took longer than it may, with what is known.
func timedOut(after time.Duration, known report.Report) report.Check {
	summary := fmt.Sprintf("Planning was stopped after %s. A cluster may be slow to answer, or the change may touch more than that time allows. Press “Re-run” to try again.", after)
	if known.Targets > 0 {
		summary += fmt.Sprintf("\n\nThe repository's %d targets were found and those that the change affects rendered; what was not finished is comparing them with the clusters.", known.Targets)
	}
	return report.Check{
		Name: report.GateName, Conclusion: report.TimedOut,
		Title: fmt.Sprintf("Not planned within %s", after), Summary: summary,
	}
}

// closed is the gate of a pull request that ended before it was planned. It is no
// neutral one, with which the commit could be merged by whoever opens another.
func closed() report.Check {
	return report.Check{
		Name: report.GateName, Conclusion: report.Cancelled,
		Title:   "Closed before it was planned",
		Summary: "No open pull request has this commit as its head any more. It is planned when one is reopened.",
	}
}

// vanished is the gate of a commit that cannot be planned any more.
func vanished() report.Check {
	return report.Check{
		Name: report.GateName, Conclusion: report.Failure,
		Title:   "What was to be planned is gone",
		Summary: "A branch or commit that this plan needs was deleted while it was made. A new push, or “Re-run”, plans again.",
	}
}

// overtaken is the gate of a head that was pushed over before it was planned.
func overtaken(by render.Commit) report.Check {
	return report.Check{
		Name: report.GateName, Conclusion: report.Failure,
		Title:   "Superseded by " + by.Short(),
		Summary: "A newer commit came before this one was planned. It is planned in its place.",
	}
}

// about says of the gate, the first of a pull request's checks, what it is of.
func about(pull Pull, checks ...report.Check) []report.Check {
	checks[0].About = []string{pull.about()}
	return checks
}

// combine makes one set of checks of those of several pull requests with the same
// head: a commit has only one gate, which takes the worst of them, and each pull
// request's other checks carry its number.
func combine(pulls []int, checks [][]report.Check) []report.Check {
	if len(checks) == 1 {
		return checks[0]
	}
	gate := report.Check{Name: report.GateName, Conclusion: report.Success}
	var rest []report.Check
	var lines []string
	for i, number := range pulls {
		for _, check := range checks[i] {
			if check.Name != report.GateName {
				check.Name += fmt.Sprintf(" (#%d)", number)
				rest = append(rest, check)
				continue
			}
			if report.Worst(gate.Conclusion, check.Conclusion) != gate.Conclusion {
				gate.Conclusion = check.Conclusion
			}
			gate.Annotations = append(gate.Annotations, check.Annotations...)
			gate.About = append(gate.About, check.About...)
			lines = append(lines, fmt.Sprintf("- #%d: **%s**, %s", number, check.Conclusion, check.Title))
		}
	}
	gate.Title = fmt.Sprintf("%d pull requests have this head; the worst of them counts", len(pulls))
	gate.Summary = strings.Join(lines, "\n")
	return append([]report.Check{gate}, rest...)
}

// conclude writes the checks of a pull request's head. Where other open pull requests
// have that head too, one job of the head's own writes for all of them.
func (w *Worker) conclude(ctx context.Context, job PlanPull, pull Pull, checks []report.Check) error {
	alone, err := w.alone(ctx, job, pull)
	if err != nil {
		return err
	}
	shared := PlanHead{Repository: job.Repository, Head: pull.Head.Commit, Again: job.Again}
	if !alone {
		return w.Queue.Insert(ctx, shared)
	}
	looked := w.now()
	if err := w.Checks.Conclude(ctx, job.Repository, pull.Head.Commit, checks, job.Again); err != nil {
		return err
	}
	w.concluded.add(job.Repository, pull.Head.Commit)
	if w.now().Sub(looked) < overtakable {
		return nil
	}
	if alone, err = w.alone(ctx, job, pull); err != nil || alone {
		return err
	}
	return w.Queue.Insert(ctx, shared)
}

// overtakable is a pause in which another pull request may have been opened and
// planned: who wrote after it looks again.
const overtakable = 5 * time.Second

// alone reports whether no other open pull request has the head.
func (w *Worker) alone(ctx context.Context, job PlanPull, pull Pull) (bool, error) {
	numbers, err := w.Pulls.PullsAt(ctx, job.Repository, pull.Head.Commit)
	return !slices.ContainsFunc(numbers, func(n int) bool { return n != pull.Number }), err
}

// planShared concludes the checks of a head with what each of its open pull requests
// needs said. One that is closed or gone by now needs nothing said.
func (w *Worker) planShared(ctx context.Context, job PlanHead) error {
	if err := w.Checks.Start(ctx, job.Repository, job.Head, "", false); err != nil {
		return err
	}
	numbers, err := w.Pulls.PullsAt(ctx, job.Repository, job.Head)
	if err != nil {
		return err
	}
	var open []int
	var checks [][]report.Check
	for _, number := range numbers {
		said, err := w.others(ctx, PlanPull{Repository: job.Repository, Number: number, Again: job.Again}, number, job.Head)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return err
		}
		open, checks = append(open, number), append(checks, said)
	}
	if len(open) == 0 {
		return w.Checks.Conclude(ctx, job.Repository, job.Head, []report.Check{vanished()}, false)
	}
	return w.Checks.Conclude(ctx, job.Repository, job.Head, combine(open, checks), job.Again)
}

// others makes the checks of another pull request with the same head; ErrGone
// where it is open there no more.
func (w *Worker) others(ctx context.Context, job PlanPull, number int, head render.Commit) ([]report.Check, error) {
	other, err := w.Pulls.Pull(ctx, job.Repository, number)
	if err != nil {
		return nil, err
	}
	if other.State != "open" || other.Head.Commit != head {
		return nil, fmt.Errorf("pull request #%d: %w", number, ErrGone)
	}
	r, err := w.report(ctx, func(ctx context.Context) (report.Report, error) { return w.pullReport(ctx, job, other) })
	if errors.Is(err, context.DeadlineExceeded) {
		return about(other, timedOut(w.deadline(), r)), nil
	}
	if err != nil {
		return nil, err
	}
	return about(other, report.Checks(r)...), nil
}
