package queue

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/riverqueue/river/rivertype"
	"golang.org/x/sync/semaphore"
)

// Blame for the end of a process is just. What a process was at when it ended may have
// ended it (it took all memory, it found a defect that no recover catches), or was
// merely there. So nothing is held against a job but ends at which it was the only one:
//
//   - A job that processes ended at [suspected] times is a suspect, and from then on
//     worked alone in its process, until it is done once. A try that fails clears nobody:
//     it may not have come to what ends the process.
//   - A process that ends while it is at a suspect alone counts against that one. After
//     [aloneBorne] such ends it is given up. Between them it pauses, ever longer.
//   - A process that ends otherwise shows that processes end without the suspects, too,
//     and all that counted against any is forgotten. So it is where a suspect that a
//     process had ended at alone is worked to an end after all.
//
// So a job is given up only where it was tried alone again and again, each time its
// process ended, and meanwhile no process ended that was not at another such job.
const (
	suspected  = 2
	aloneBorne = 5
)

// A suspicion is what is known against a job after a process's end.
type suspicion struct {
	key            string
	crashes, alone int
}

// blame notes that a replica ended without signing off, and returns what it was at.
func blame(ctx context.Context, t tx, replica string) (had []suspicion, err error) {
	err = t.query(ctx, `SELECT key, crashes, alone FROM slipway_work WHERE owner = $1 OR alone > 0 AND failed = 0 ORDER BY key {lock}`, []any{replica}, func(scan) error { return nil })
	if err != nil {
		return nil, err
	}
	err = t.query(ctx, `UPDATE slipway_work SET crashes = crashes + 1 WHERE owner = $1 RETURNING key, crashes, alone`, []any{replica}, func(s scan) error {
		var one suspicion
		err := s(&one.key, &one.crashes, &one.alone)
		had = append(had, one)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(had) == 1 && had[0].crashes > suspected {
		had[0].alone++
		_, err = t.exec(ctx, `UPDATE slipway_work SET alone = alone + 1 WHERE key = $1`, had[0].key)
		return had, err
	}
	return had, forget(ctx, t)
}

// forget drops all that counts against suspects.
func forget(ctx context.Context, t tx) error {
	_, err := t.exec(ctx, `UPDATE slipway_work SET alone = 0 WHERE key IN (SELECT key FROM slipway_work WHERE alone > 0 AND failed = 0 ORDER BY key {lock})`)
	return err
}

// exonerate hears that a job was worked to an end although a process had ended at it
// alone: it was not that job which ended it.
func (q *Queue) exonerate(ctx context.Context, h *hold) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := q.db.inTx(ctx, func(t tx) error { return forget(ctx, t) }); err != nil {
		q.options.Log.Warn("suspects could not be cleared", "job", h.key, "error", err)
	}
}

// penance is how long a suspect pauses that processes ended at so many times while it
// was alone: long enough to show whether they end without it, too.
func (q *Queue) penance(alone int) time.Duration {
	if alone == 0 {
		return 0
	}
	return q.pause(alone + 3)
}

// A room holds the jobs that a process is at: any number, or one suspect alone.
type room struct {
	places *semaphore.Weighted
}

func newRoom() *room { return &room{semaphore.NewWeighted(math.MaxInt64)} }

// The ways in which a job is not begun.
var (
	errSuspect = errors.New("it is only worked alone")
	errCrowded = errors.New("others have been at work here for too long")
)

const (
	// patience is how long a suspect waits for others to end, while no other begins; a
	// tenth of how long it has waited already, where that is more.
	patience = 10 * time.Second
	// crowdedPause is how long it then leaves them alone.
	crowdedPause = time.Minute
	// solitude is how long a suspect is alone. What ends processes mostly does so soon,
	// and a rollout that takes its time need not keep everybody waiting.
	solitude = 2 * time.Minute
)

// everyPlace is the room for itself.
const everyPlace = math.MaxInt64

// enter waits for a place.
func (r *room) enter(ctx context.Context) (leave func(), err error) {
	if err := r.places.Acquire(ctx, 1); err != nil {
		return func() {}, err
	}
	return func() { r.places.Release(1) }, nil
}

// enterAlone waits until everybody has left; errCrowded where that takes too long.
func (r *room) enterAlone(ctx context.Context, patience time.Duration) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.places.Acquire(waiting, everyPlace); err != nil {
		if ctx.Err() == nil {
			err = errCrowded
		}
		return func() {}, err
	}
	opening := time.AfterFunc(solitude, func() { r.places.Release(everyPlace - 1) })
	return func() {
		if opening.Stop() {
			r.places.Release(everyPlace)
		} else {
			r.places.Release(1)
		}
	}, nil
}

// begin claims a job and enters the room: a suspect once everybody has left. leave is
// never nil.
func (q *Queue) begin(ctx context.Context, row *rivertype.JobRow, args reconcile) (h *hold, leave func(), err error) {
	if leave, err = q.room.enter(ctx); err != nil {
		return nil, leave, err
	}
	if h, err = q.claim(ctx, args, false); !errors.Is(err, errSuspect) {
		return h, leave, err
	}
	leave()
	if leave, err = q.room.enterAlone(ctx, max(patience, time.Since(row.CreatedAt)/10)); err != nil {
		return nil, leave, err
	}
	h, err = q.claim(ctx, args, true)
	return h, leave, err
}
