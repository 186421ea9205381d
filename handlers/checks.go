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
func gaveUp() report.Check {
	return report.Check{
		Name: report.GateName, Conclusion: report.Failure,
		Title:   "Slipway could not finish this plan",
		Summary: "It tried several times and failed each time for a reason of its own, not of this pull request's. Its operator sees the cause in the log. Press “Re-run” to try again.",
	}
}

// timedOut is the gate of a plan that took longer than it may.
func timedOut(after time.Duration) report.Check {
	return report.Check{
		Name: report.GateName, Conclusion: report.TimedOut,
		Title:   fmt.Sprintf("Not planned within %s", after),
		Summary: fmt.Sprintf("Planning was stopped after %s. A cluster may be slow to answer, or the change may touch more than that time allows. Press “Re-run” to try again.", after),
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
			lines = append(lines, fmt.Sprintf("- #%d: **%s**, %s", number, check.Conclusion, check.Title))
		}
	}
	gate.Title = fmt.Sprintf("%d pull requests have this head; the worst of them counts", len(pulls))
	gate.Summary = strings.Join(lines, "\n")
	return append([]report.Check{gate}, rest...)
}

// shared adds what other open pull requests with the same head need said. One that
// is closed or gone by now needs nothing said.
func (w *Worker) shared(ctx context.Context, job PlanPull, pull Pull, own []report.Check) ([]report.Check, error) {
	numbers, err := w.Pulls.PullsAt(ctx, job.Repository, pull.Head.Commit)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(numbers, pull.Number) { // GitHub's index may lag behind the event
		numbers = append(numbers, pull.Number)
	}
	slices.Sort(numbers)
	var open []int
	var checks [][]report.Check
	for _, number := range numbers {
		said, err := own, error(nil)
		if number != pull.Number {
			said, err = w.others(ctx, job, number, pull.Head.Commit)
		}
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		open, checks = append(open, number), append(checks, said)
	}
	return combine(open, checks), nil
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
		return []report.Check{timedOut(w.deadline())}, nil
	}
	if err != nil {
		return nil, err
	}
	return report.Checks(r), nil
}
