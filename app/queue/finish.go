package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/slipwayhq/slipway/handlers"
)

// errNotOurs says that a row was taken away: nothing is ended, nothing is lost.
var errNotOurs = fmt.Errorf("end a job: %w", handlers.ErrFenced)

// An end is what a try's last transaction finds and does.
type end struct {
	outcome outcome
	now     time.Time // the database's
	next    bool      // something newer is to be done
	kind    string
	payload string
	asked   asked
	// generation is the newest.
	generation int64
}

// finish ends a try in one transaction. Where the key has something newer to do, it
// returns that, claimed; nil where the job of River's is done with. While the database
// is gone it tries on, as long as the job is this process's.
func (q *Queue) finish(ctx context.Context, h *hold, row *rivertype.JobRow, o outcome) (*hold, error) {
	if o.cause != nil {
		o.cause = errors.New(q.options.Redact(o.cause.Error()))
	}
	var e end
	err := q.persist(ctx, h, func(ctx context.Context) error {
		e = end{outcome: o}
		return q.db.inTx(ctx, func(t tx) error { return q.conclude(ctx, t, h, row, &e) })
	})
	if err != nil {
		q.options.Log.Error("the end of a job could not be kept; it is worked again", "job", h.key, "delivery", h.asked.delivery, "error", err)
		return nil, err
	}
	q.tally(h, e)
	if h.alone > 0 && e.outcome.ending == done {
		q.exonerate(ctx, h)
	}
	if !e.next {
		return nil, nil
	}
	next := &hold{key: h.key, fence: h.fence, owner: h.owner, claim: h.claim, generation: e.generation, tries: 1, asked: e.asked}
	return next, q.take(next, e.kind, e.payload)
}

// persist tries until the database takes it, for at most a minute and not beyond the
// lease or a stop.
func (q *Queue) persist(ctx context.Context, h *hold, do func(context.Context) error) error {
	const patience = time.Minute
	deadline := time.Now().Add(patience)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
		err := do(bounded)
		cancel()
		if err == nil || errors.Is(err, handlers.ErrFenced) || !h.lease.valid() || time.Now().After(deadline) {
			return err
		}
		select {
		case <-q.stopping.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// conclude decides, under the row's lock, what follows the try, and does it.
func (q *Queue) conclude(ctx context.Context, t tx, h *hold, row *rivertype.JobRow, e *end) error {
	var claim, now int64
	var fence string
	err := t.query(ctx, `SELECT generation, claim, fence, kind, payload, {now}, delivery, traceparent, {now} - asked_at FROM slipway_work WHERE key = $1 {lock}`, []any{h.key}, func(s scan) error {
		return s(&e.generation, &claim, &fence, &e.kind, &e.payload, &now, &e.asked.delivery, &e.asked.traceparent, &e.asked.ago)
	})
	if err != nil {
		return fmt.Errorf("end %s: %w", h.key, err)
	}
	if claim != h.claim || fence != h.fence {
		return errNotOurs
	}
	e.now = time.UnixMilli(now)
	stopping := q.stopping.Err() != nil
	switch newer := e.generation > h.generation; {
	case newer && !stopping:
		e.next = true
		_, err = t.exec(ctx, `UPDATE slipway_work SET working = generation, working_kind = NULL, working_payload = NULL, tries = 1,
			crashes = CASE WHEN $2 = 1 THEN 0 ELSE crashes END, alone = CASE WHEN $2 = 1 THEN 0 ELSE alone END WHERE key = $1`, h.key, flag(e.outcome.ending == done))
	case newer, e.outcome.ending == handed:
		e.outcome.ending = handed
		err = q.release(ctx, t, h, row, e, riverdriver.JobSetStateInterrupted(row.ID, e.now, max(row.Attempt-1, 0), nil))
	case e.outcome.ending == done:
		err = q.close(ctx, t, h, riverdriver.JobSetStateCompleted(row.ID, e.now, nil))
	case e.outcome.ending == cancelled:
		err = q.close(ctx, t, h, riverdriver.JobSetStateCancelled(row.ID, e.now, attempt(row, e), nil))
	case e.outcome.ending == refused:
		err = q.fail(ctx, t, h, riverdriver.JobSetStateCancelled(row.ID, e.now, attempt(row, e), nil), e)
	case e.outcome.ending == failed:
		err = q.fail(ctx, t, h, riverdriver.JobSetStateDiscarded(row.ID, e.now, attempt(row, e), nil), e)
	default:
		err = q.release(ctx, t, h, row, e, paused(row, e))
	}
	if err != nil {
		return fmt.Errorf("end %s: %w", h.key, err)
	}
	return nil
}

// attempt is a failure as River keeps it.
func attempt(row *rivertype.JobRow, e *end) []byte {
	content, err := json.Marshal(rivertype.AttemptError{At: e.now, Attempt: row.Attempt, Error: fmt.Sprint(e.outcome.cause)})
	if err != nil {
		return []byte("{}") // of strings and numbers alone
	}
	return content
}

// scheduling is how often River looks for jobs whose pause is over; a shorter one
// waits among those that can be worked.
const scheduling = 5 * time.Second

// paused is the state of a job that is tried again later.
func paused(row *rivertype.JobRow, e *end) *riverdriver.JobSetStateIfRunningParams {
	at, short := e.now.Add(e.outcome.pause), e.outcome.pause <= scheduling
	switch {
	case e.outcome.ending == snoozed && short:
		return riverdriver.JobSetStateSnoozedAvailable(row.ID, at, max(row.Attempt-1, 0), nil)
	case e.outcome.ending == snoozed:
		return riverdriver.JobSetStateSnoozed(row.ID, at, max(row.Attempt-1, 0), nil)
	case short:
		return riverdriver.JobSetStateErrorAvailable(row.ID, at, attempt(row, e), nil)
	}
	return riverdriver.JobSetStateErrorRetryable(row.ID, at, attempt(row, e), nil)
}

// set gives River's job a state. Where the job is not running any more, it was taken
// away.
func set(ctx context.Context, t tx, params *riverdriver.JobSetStateIfRunningParams) error {
	rows, err := t.river().JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{params.ID}, Attempt: []*int{params.Attempt}, ErrData: [][]byte{params.ErrData},
		FinalizedAt: []*time.Time{params.FinalizedAt}, MetadataDoMerge: []bool{false}, MetadataUpdates: [][]byte{nil},
		ScheduledAt: []*time.Time{params.ScheduledAt}, State: []rivertype.JobState{params.State},
	})
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0].State != params.State && rows[0].State != rivertype.JobStateCancelled {
		return errNotOurs
	}
	return nil
}

// release gives a key back, to be worked later. River's job goes on under another id,
// so that nothing that River still writes for this try can touch it.
func (q *Queue) release(ctx context.Context, t tx, h *hold, row *rivertype.JobRow, e *end, params *riverdriver.JobSetStateIfRunningParams) error {
	if err := set(ctx, t, params); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE river_job SET id = {id} WHERE id = $1`, row.ID); err != nil {
		return err
	}
	undone := 0
	if e.outcome.ending != again {
		undone = 1 // the try does not count
	}
	said, at := "", int64(0)
	if e.outcome.ending == again || e.outcome.ending == snoozed {
		said, at = e.outcome.cause.Error(), e.now.UnixMilli()
	}
	_, err := t.exec(ctx, `UPDATE slipway_work SET owner = NULL, working = NULL, working_kind = NULL, working_payload = NULL,
		tries = CASE WHEN tries > $2 THEN tries - $2 ELSE 0 END, paused_until = $3,
		error = CASE WHEN $4 = '' THEN error ELSE $4 END, error_at = CASE WHEN CAST($5 AS {big}) = 0 THEN error_at ELSE $5 END WHERE key = $1`,
		h.key, undone, e.now.Add(e.outcome.pause).UnixMilli(), said, at)
	return err
}

// close forgets a key: there is nothing left to do for it.
func (q *Queue) close(ctx context.Context, t tx, h *hold, params *riverdriver.JobSetStateIfRunningParams) error {
	if err := set(ctx, t, params); err != nil {
		return err
	}
	_, err := t.exec(ctx, `DELETE FROM slipway_work WHERE key = $1`, h.key)
	return err
}

// fail keeps a key that failed for good, for the operator to see.
func (q *Queue) fail(ctx context.Context, t tx, h *hold, params *riverdriver.JobSetStateIfRunningParams, e *end) error {
	if err := set(ctx, t, params); err != nil {
		return err
	}
	_, err := t.exec(ctx, `UPDATE slipway_work SET owner = NULL, working = NULL, working_kind = NULL, working_payload = NULL,
		failed = 1, error = $2, error_at = $3 WHERE key = $1`, h.key, e.outcome.cause.Error(), e.now.UnixMilli())
	return err
}

// tally counts a try's end and logs a failure.
func (q *Queue) tally(h *hold, e end) {
	overtaken := e.next && h.Context.Err() != nil
	q.totals.ended(h.job, e.outcome.ending, overtaken, e.next)
	switch e.outcome.ending {
	case again, snoozed, failed, refused:
		if !overtaken {
			q.options.Log.ErrorContext(h.Context, "job failed", "job", h.key, "delivery", h.asked.delivery, "try", h.tries, "given_up", (e.outcome.ending == failed || e.outcome.ending == refused) && !e.next, "error", e.outcome.cause)
		}
	}
}
