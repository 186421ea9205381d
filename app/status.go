package app

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/app/github"
	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/app/web"
)

// status is what the status page shows.
func (s *Service) status(ctx context.Context, version string, started time.Time) web.Status {
	status := web.Status{Version: version, Started: started, Jobs: web.JobsPath + "/jobs"}
	stats, err := s.queue.Stats(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "the queue's figures are not known", "error", err)
	}
	if err == nil {
		status.Figures = figures(stats)
	}
	status.Budgets = budgets(s.github.Stats(), time.Now())
	for _, d := range s.webhook.Recent() {
		status.Deliveries = append(status.Deliveries, web.Delivery{At: d.At, ID: d.ID, Event: d.Event, Repository: d.Repository, Outcome: string(d.Outcome)})
	}
	failures, failing := s.queue.Failures(ctx)
	if failing != nil {
		s.log.WarnContext(ctx, "the jobs that failed are not known", "error", failing)
	}
	for _, f := range failures {
		status.Failures = append(status.Failures, web.Failure{At: f.At, Job: f.Job, Error: f.Error, GivenUp: f.GivenUp, Attempts: f.Tries})
	}
	status.Troubles = troubles(stats, err, s.workers.Sandboxed(), status)
	return status
}

// figures are the counts of the queue, with the states of River's pages that list them.
func figures(stats queue.Stats) []web.Figure {
	figure := func(name, state string, byKind map[string]int) web.Figure {
		n := 0
		for _, of := range byKind {
			n += of
		}
		return web.Figure{Name: name, Value: fmt.Sprint(n), State: state}
	}
	return []web.Figure{
		figure("jobs waiting", "available", stats.Waiting), figure("jobs running", "running", stats.Running), figure("jobs given up", "discarded", stats.Failed),
		{Name: "oldest job waits", Value: stats.OldestWaiting.Truncate(time.Second).String()},
		{Name: "replicas that work", Value: fmt.Sprint(stats.Replicas)},
		figure("done here", "", stats.Done), figure("tried again here", "", stats.Retried), figure("waited for a limit here", "", stats.Snoozed),
		figure("overtaken here", "", stats.Superseded),
	}
}

// budgets are the installations' figures, without those that asked for nothing yet.
func budgets(all []github.Stats, now time.Time) (shown []web.Budget) {
	for _, s := range all {
		if s.Calls == 0 && s.Waiting == 0 {
			continue
		}
		b := web.Budget{Installation: s.Installation, Calls: s.Calls, Free: s.Free, Limit: s.Limit, Remaining: s.Remaining, Reset: s.Reset, Waiting: s.Waiting, Limited: s.Limited}
		if s.PausedUntil.After(now) {
			b.PausedUntil = s.PausedUntil
		}
		shown = append(shown, b)
	}
	return shown
}

// late is from when on a job that waits is a trouble, lean what share of a budget is
// little; the alerts of docs/alerts say the same.
const (
	late = 10 * time.Minute
	lean = 10 // percent
)

// troubles say what is not as it should be, in a sentence each.
func troubles(stats queue.Stats, database, sandbox error, status web.Status) (all []string) {
	say := func(when bool, format string, args ...any) {
		if when {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	say(database != nil, "The queue's database does not answer: deliveries are refused until it does.")
	say(database == nil && stats.Replicas == 0, "No process works jobs.")
	given := 0
	for _, n := range stats.Failed {
		given += n
	}
	say(given > 0, "%d jobs failed for the last time.", given)
	say(stats.OldestWaiting > late, "A job has waited for %s.", stats.OldestWaiting.Truncate(time.Second))
	refused := 0
	for _, d := range status.Deliveries {
		if d.Outcome == string(github.Refused) {
			refused++
		}
	}
	say(refused > 0, "%d of the newest %d deliveries were refused.", refused, len(status.Deliveries))
	for _, b := range status.Budgets {
		say(!b.PausedUntil.IsZero(), "GitHub takes no calls of installation %d before %s UTC.", b.Installation, b.PausedUntil.UTC().Format("15:04:05"))
		say(b.Limit > 0 && b.Remaining*100 < b.Limit*lean, "Installation %d has %d of %d calls left until %s UTC.", b.Installation, b.Remaining, b.Limit, b.Reset.UTC().Format("15:04:05"))
	}
	say(sandbox != nil, "Render workers have no sandbox: what outsiders propose is not rendered.")
	return all
}
