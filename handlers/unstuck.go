package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

func (w *Worker) now() time.Time {
	if w.Planner == nil || w.Planner.Now == nil {
		return time.Now()
	}
	return w.Planner.Now()
}

// dismiss concludes a gate that is in progress on a commit that a pull request has no
// more and nobody plans. What was concluded of several is concluded anew of the others:
// a stranger who gives theirs another's head must not keep that from being merged.
func (w *Worker) dismiss(ctx context.Context, repo Repository, commit render.Commit, as report.Check) error {
	if w.concluded.has(repo, commit) {
		return nil
	}
	gate, err := w.Checks.Gate(ctx, repo, commit)
	if err != nil || gate.Started.IsZero() || gate.Concluded && !gate.Shared {
		return err
	}
	numbers, err := w.Pulls.PullsAt(ctx, repo, commit)
	if err != nil {
		return err
	}
	switch {
	case gate.Concluded && len(numbers) > 0:
		return w.Queue.Insert(ctx, PlanHead{Repository: repo, Head: commit})
	case gate.Concluded:
		return nil
	case len(numbers) > 0: // it is another pull request's head as well
		return w.Queue.Insert(ctx, PlanPull{Repository: repo, Number: numbers[0], Missing: true})
	}
	return w.Checks.Conclude(ctx, repo, commit, []report.Check{as}, false)
}

// replaced concludes what is in progress on heads that a push replaced. This process
// knows those that it concluded itself.
func (w *Worker) replaced(ctx context.Context, job PlanPull, now render.Commit) error {
	for _, before := range job.Before {
		if before == now {
			continue
		}
		err := w.dismiss(ctx, job.Repository, before, overtaken(now))
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return nil
}

// begun keeps the head that is to be planned with the job, before its gate is shown as
// in progress: where this process ends and the head is replaced by a push that nobody
// tells of, the job is worked again at the new head, and concludes the old one's.
func (w *Worker) begun(ctx context.Context, job PlanPull, head render.Commit) (PlanPull, error) {
	if slices.Contains(job.Before, head) {
		return job, nil
	}
	job.Before = append(slices.Clone(job.Before), head)
	return job, Note(ctx, job)
}

// unfinished concludes the gate of a plan that cannot be made any more, since what it
// needs is gone, and returns err.
func (w *Worker) unfinished(ctx context.Context, repo Repository, head render.Commit, err error) error {
	if !errors.Is(err, ErrGone) {
		return err
	}
	if concluding := w.Checks.Conclude(ctx, repo, head, []report.Check{vanished()}, false); concluding != nil && !errors.Is(concluding, ErrGone) && !errors.Is(concluding, ErrForbidden) {
		return concluding
	}
	return err
}

// missing reports whether a job of the clock has still something to do. One that began
// the head and did not end may have concluded the gate and not written the comment yet.
func (w *Worker) missing(ctx context.Context, job PlanPull, pull Pull) (bool, error) {
	if !job.Missing || slices.Contains(job.Before, pull.Head.Commit) {
		return true, nil
	}
	gate, err := w.Checks.Gate(ctx, job.Repository, pull.Head.Commit)
	return !gate.Concluded, err
}

// closedLately is how far back the clock looks at closed pull requests.
const closedLately = 3 * 24 * time.Hour

// unreported returns the pull requests of a repository on which something is missing:
// open ones whose head has no gate, or one that is in progress for longer than a plan
// may take; closed ones whose gate is in progress. It costs a call for the list and one
// for each head that is new to this process.
func (w *Worker) unreported(ctx context.Context, repo Repository) ([]Job, error) {
	heads, err := w.Pulls.Heads(ctx, repo, w.now().Add(-closedLately))
	if err != nil {
		return nil, err
	}
	sharing := map[render.Commit]int{}
	for _, head := range heads {
		if head.Open {
			sharing[head.Commit]++
		}
	}
	var jobs []Job
	for _, head := range heads {
		if sharing[head.Commit] > 1 { // one gate says nothing of each of them
			silent, err := w.silent(ctx, repo, head)
			if err != nil {
				return nil, err
			}
			if silent {
				jobs = append(jobs, PlanPull{Repository: repo, Number: head.Number})
				continue
			}
		}
		if w.concluded.has(repo, head.Commit) {
			continue
		}
		gate, err := w.Checks.Gate(ctx, repo, head.Commit)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		underWay := !gate.Started.IsZero() && w.now().Sub(gate.Started) < 2*w.deadline()
		switch {
		case gate.Concluded, !head.Open && gate.Started.IsZero():
			w.concluded.add(repo, head.Commit)
		case !underWay || !head.Open:
			w.Planner.outcome(ctx, StageRepair, repairOf(gate))
			jobs = append(jobs, PlanPull{Repository: repo, Number: head.Number, Missing: true})
		}
	}
	return jobs, nil
}

// silent reports whether nothing was said on an open pull request yet.
func (w *Worker) silent(ctx context.Context, repo Repository, head Head) (bool, error) {
	if !head.Open {
		return false, nil
	}
	said, _, err := w.Published.Published(ctx, repo, head.Number, report.Marker)
	return err == nil && said == "", err
}

// concluded remembers heads whose gate concluded, as a short cut. What it does not know
// is asked for. Its zero value is ready for use.
type concluded struct {
	mu    sync.Mutex
	heads map[string]bool
}

const concludedKnown = 10000

func headName(repo Repository, commit render.Commit) string {
	return repo.String() + "@" + string(commit)
}

func (c *concluded) add(repo Repository, commit render.Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heads == nil || len(c.heads) >= concludedKnown {
		c.heads = map[string]bool{}
	}
	c.heads[headName(repo, commit)] = true
}

// drop forgets a head whose gate is to conclude anew.
func (c *concluded) drop(repo Repository, commit render.Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.heads, headName(repo, commit))
}

func (c *concluded) has(repo Repository, commit render.Commit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads[headName(repo, commit)]
}

// delays remember since when GitHub's limits hold up a job, so that what it says at
// last tells why it is late. Another process, or a restart, does not know. The zero
// value is ready for use.
type delays struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// noticeable is a delay that people ask about.
const noticeable = time.Minute

// note hears how a try of a job ended.
func (d *delays) note(job Job, err error, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var limited interface{ NotBefore() time.Time }
	if !errors.As(err, &limited) || limited.NotBefore().IsZero() {
		delete(d.since, job.Key())
		return
	}
	if d.since == nil || len(d.since) >= concludedKnown {
		d.since = map[string]time.Time{}
	}
	if _, known := d.since[job.Key()]; !known {
		d.since[job.Key()] = now
	}
}

// notice is what to say of a job's delay; nothing where it was none.
func (d *delays) notice(job Job, now time.Time) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	since, known := d.since[job.Key()]
	if late := now.Sub(since); known && late >= noticeable {
		return []string{fmt.Sprintf("GitHub's limits delayed this by %d min.", int(late.Minutes()))}
	}
	return nil
}
