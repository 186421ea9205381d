package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/handlers"
)

// How insertions share commits: those that arrive while the commit before is under
// way, at most together. Where that one was of several, gathering is how long the next
// waits for as many again; an insertion that comes alone does not wait.
const (
	gathering     = 2 * time.Millisecond
	together      = 256
	commitTimeout = 5 * time.Second // GitHub waits ten
)

// A request is one insertion: a delivery with the jobs that it asks for, or jobs alone.
type request struct {
	delivery  string // empty where there is none
	jobs      []stored
	duplicate bool // set by the commit: the delivery was kept before
	done      chan error
}

// intake gathers insertions into few commits.
type intake struct {
	requests chan *request
	commit   func(context.Context, []*request) error
	gone     sync.WaitGroup

	mu      sync.RWMutex
	stopped bool
	last    error // of the last commit
}

func newIntake(commit func(context.Context, []*request) error) *intake {
	in := &intake{requests: make(chan *request, together), commit: commit}
	in.gone.Go(in.loop)
	return in
}

// insert waits until the request is kept, or is not.
func (in *intake) insert(ctx context.Context, r *request) error {
	r.done = make(chan error, 1)
	if err := in.hand(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *intake) hand(ctx context.Context, r *request) error {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.stopped {
		return ErrStopped
	}
	select {
	case in.requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *intake) loop() {
	last := 1
	for first := range in.requests {
		all := in.gather(first, last)
		last = len(all)
		in.keep(all)
	}
}

// gather returns the first request and those that are there or come right after it,
// for which it waits until there are as many as expected.
func (in *intake) gather(first *request, expected int) []*request {
	all := []*request{first}
	timer := time.NewTimer(gathering)
	defer timer.Stop()
	for len(all) < together {
		if len(all) >= expected && len(in.requests) == 0 {
			return all
		}
		select {
		case r, open := <-in.requests:
			if !open {
				return all
			}
			all = append(all, r)
		case <-timer.C:
			return all
		}
	}
	return all
}

// keep commits requests together and answers them. Where that fails, each is tried
// alone, so that one that cannot be kept fails no other; a database that is gone is
// asked once more only.
func (in *intake) keep(all []*request) {
	err := in.attempt(all)
	in.note(err)
	if err == nil || len(all) == 1 {
		answer(all, err)
		return
	}
	for i := range all {
		err := in.attempt(all[i : i+1])
		if errors.Is(err, context.DeadlineExceeded) {
			answer(all[i:], err)
			return
		}
		in.note(err)
		answer(all[i:i+1], err)
	}
}

func (in *intake) attempt(all []*request) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	return in.commit(ctx, all)
}

func answer(all []*request, err error) {
	for _, r := range all {
		r.done <- err
	}
}

// note remembers how the last commit went.
func (in *intake) note(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last = err
}

// failing returns the error of the last commit, nil where that went well and more may
// come.
func (in *intake) failing() error {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.stopped {
		return ErrStopped
	}
	return in.last
}

// stop answers what was handed in, and takes no more.
func (in *intake) stop(context.Context) error {
	in.mu.Lock()
	if !in.stopped {
		in.stopped = true
		close(in.requests)
	}
	in.mu.Unlock()
	in.gone.Wait()
	return nil
}

// Insert implements [handlers.Queue]: when it returns nil the jobs are kept.
func (q *Queue) Insert(ctx context.Context, jobs ...handlers.Job) error {
	_, err := q.insert(ctx, "", jobs)
	return err
}

// Take keeps what a delivery asks for, together with its id, before it is answered. A
// delivery that was taken before has no second effect; duplicate says so.
func (q *Queue) Take(ctx context.Context, delivery string, jobs ...handlers.Job) (duplicate bool, err error) {
	duplicate, err = q.insert(ctx, delivery, jobs)
	q.totals.delivered(duplicate, err)
	return duplicate, err
}

func (q *Queue) insert(ctx context.Context, delivery string, jobs []handlers.Job) (duplicate bool, err error) {
	if len(jobs) == 0 && delivery == "" {
		return false, nil
	}
	r := &request{delivery: delivery, jobs: make([]stored, len(jobs))}
	for i, job := range jobs {
		if r.jobs[i], err = store(ctx, job, cmp.Or(delivery, OriginOf(ctx).Delivery)); err != nil {
			return false, fmt.Errorf("insert %s: %w", job.Key(), err)
		}
	}
	if err := q.intake.insert(ctx, r); err != nil {
		return false, fmt.Errorf("insert jobs: %w", err)
	}
	return r.duplicate, nil
}
