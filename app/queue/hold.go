package queue

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/handlers"
)

// A lease is how long this replica may trust that its jobs are still its own. It is
// measured with the process's own steady clock, which goes on while the process is
// suspended.
type lease struct {
	length time.Duration // 0: for ever, nobody else is there

	mu      sync.Mutex
	renewed time.Time
}

// newLease returns the lease of a replica with this beat. Others take its jobs over
// after five beats, see [Queue.reap].
func newLease(beat time.Duration, shared bool) *lease {
	l := &lease{renewed: time.Now()}
	if shared {
		l.length = beat * 10 / 3
	}
	return l
}

// renew extends the lease from when the sign of life was sent.
func (l *lease) renew(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = sent
}

func (l *lease) valid() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.length == 0 || time.Since(l.renewed) < l.length
}

// A hold is a key that a worker of this process works on. It is the context of that
// work, which ends when the lease does, without waiting for anybody to notice.
type hold struct {
	context.Context
	cancel context.CancelCauseFunc
	lease  *lease

	key, fence, owner string
	claim             int64
	generation        int64
	job               handlers.Job
	tries, alone      int
	cancelled         bool
	fenced            atomic.Bool // for good, once it is
	asked             asked
}

// ErrCancelled is the cause of a context whose job an operator cancelled.
var ErrCancelled = errors.New("cancelled by an operator")

// Err implements [context.Context].
func (h *hold) Err() error {
	h.check()
	return h.Context.Err()
}

// Done implements [context.Context].
func (h *hold) Done() <-chan struct{} {
	h.check()
	return h.Context.Done()
}

func (h *hold) check() {
	if !h.lease.valid() {
		h.fenceOff()
	}
}

// fenceOff ends the work for good, whatever its context had ended for before.
func (h *hold) fenceOff() {
	h.fenced.Store(true)
	h.cancel(handlers.ErrFenced)
}

// holding implements what [handlers.Holding] asks. Work that was overtaken, cancelled
// or is to be handed back still has its key, and may tell of its end.
func (h *hold) holding() error {
	if h.check(); h.fenced.Load() {
		return handlers.ErrFenced
	}
	return nil
}

// holds are the keys that this process works on, and the ids of River's jobs that it
// has in hand.
type holds struct {
	mu    sync.Mutex
	byKey map[string]*hold
	jobs  map[int64]bool
}

// begin notes that River gave this process a job; the result, that it is done with it.
func (hs *holds) begin(id int64) (done func()) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.jobs == nil {
		hs.jobs = map[int64]bool{}
	}
	hs.jobs[id] = true
	return func() {
		hs.mu.Lock()
		defer hs.mu.Unlock()
		delete(hs.jobs, id)
	}
}

// has reports whether a job of River's is in hand.
func (hs *holds) has(id int64) bool {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.jobs[id]
}

func (hs *holds) add(h *hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.byKey == nil {
		hs.byKey = map[string]*hold{}
	}
	hs.byKey[h.key] = h
}

func (hs *holds) remove(h *hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.byKey[h.key] == h {
		delete(hs.byKey, h.key)
	}
}

func (hs *holds) all() []*hold {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	all := make([]*hold, 0, len(hs.byKey))
	for _, h := range hs.byKey {
		all = append(all, h)
	}
	return all
}

// interrupt cancels the work on a key, if it is done here.
func (hs *holds) interrupt(key string) {
	hs.mu.Lock()
	h := hs.byKey[key]
	hs.mu.Unlock()
	if h != nil {
		h.cancel(handlers.ErrSuperseded)
	}
}

// listening is how often a replica asks whether others overtook or cancelled what it
// works on. What it overtakes itself, it knows at once.
const listening = 500 * time.Millisecond

// listen cancels the work on what was overtaken, cancelled or taken away elsewhere.
func (q *Queue) listen(ctx context.Context) {
	ticker := time.NewTicker(listening)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := q.hear(ctx); err != nil && ctx.Err() == nil {
			q.options.Log.Warn("not known whether jobs were overtaken", "error", err)
		}
	}
}

func (q *Queue) hear(ctx context.Context) error {
	all := q.holds.all() // before asking: what is claimed afterwards is not judged
	if len(all) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	type heard struct {
		fence                       string
		claim, interrupt, cancelled int64
	}
	found := map[string]heard{}
	err := q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `SELECT key, fence, claim, interrupt, cancelled FROM slipway_work WHERE owner = $1`, []any{q.replica}, func(s scan) error {
			var key string
			var h heard
			err := s(&key, &h.fence, &h.claim, &h.interrupt, &h.cancelled)
			found[key] = h
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, h := range all {
		switch now, ours := found[h.key]; {
		case !ours || now.fence != h.fence || now.claim != h.claim:
			h.fenceOff()
		case now.interrupt > h.generation:
			h.cancel(handlers.ErrSuperseded)
		case now.cancelled != 0:
			h.cancel(ErrCancelled)
		}
	}
	return nil
}
