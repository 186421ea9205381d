package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// beatsMissed is after how many of its own beats without a sign of life of another
// replica a replica takes that one's jobs over. Counting beats, not time, means that
// nobody is taken for dead by one who slept or by a clock that jumped.
const beatsMissed = 5

// tend shows that this replica lives and takes over from those that do not, until ctx
// ends.
func (q *Queue) tend(ctx context.Context) {
	ticker := time.NewTicker(q.options.Beat)
	defer ticker.Stop()
	observed := map[string]*observation{}
	orphans := map[int64]bool{}
	clock := steady{at: time.Now()}
	for beat := 1; ; beat++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		steps := []func(context.Context) error{q.beat, func(ctx context.Context) error { return q.reap(ctx, observed) }}
		if beat%beatsMissed == 0 {
			steps = append(steps,
				func(ctx context.Context) (err error) { orphans, err = q.adopt(ctx, orphans); return err },
				func(ctx context.Context) error { return q.due(ctx, &clock) },
			)
		}
		for _, step := range steps {
			bounded, cancel := context.WithTimeout(ctx, max(q.options.Beat, time.Second))
			err := step(bounded)
			cancel()
			if err != nil && ctx.Err() == nil {
				q.options.Log.Warn("the queue is not tended", "error", err)
				break
			}
		}
	}
}

// beat shows that this replica lives. Where it was taken for dead, its jobs are no
// longer its own. In an SQLite file, where nobody looks, the first sign is enough.
func (q *Queue) beat(ctx context.Context) error {
	if !q.db.shared() && q.worker != nil {
		return nil
	}
	sent := time.Now()
	var touched int64
	err := q.db.inTx(ctx, func(t tx) (err error) {
		if touched, err = t.exec(ctx, `UPDATE slipway_replica SET beats = beats + 1, at = {now} WHERE id = $1`, q.replica); err != nil || touched > 0 {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO slipway_replica (id, beats, at) VALUES ($1, 1, {now})`, q.replica)
		return err
	})
	if err != nil {
		return fmt.Errorf("show that this replica lives: %w", err)
	}
	if touched == 0 {
		for _, h := range q.holds.all() {
			h.fenceOff()
		}
	}
	q.lease.renew(sent)
	return nil
}

// leave signs this replica off.
func (q *Queue) leave(ctx context.Context) error {
	return q.db.inTx(ctx, func(t tx) error {
		_, err := t.exec(ctx, `DELETE FROM slipway_replica WHERE id = $1`, q.replica)
		return err
	})
}

// An observation is what was seen of another replica.
type observation struct {
	beats  int64
	missed int // of our own beats, since its last
}

// reap takes over the jobs of replicas that show no life.
func (q *Queue) reap(ctx context.Context, observed map[string]*observation) error {
	if !q.db.shared() {
		return nil
	}
	dead, err := q.observe(ctx, observed)
	if err != nil {
		return err
	}
	for id, beats := range dead {
		q.options.Log.Warn("a replica shows no life; its jobs are taken over", "replica", id)
		if err := q.strikeOff(ctx, id, beats); err != nil {
			return err
		}
		delete(observed, id)
	}
	return q.takeFromDead(ctx)
}

// strikeOff takes a replica off the list, with its last sign of life, and blames it.
func (q *Queue) strikeOff(ctx context.Context, id string, beats int64) error {
	var blamed []suspicion
	err := q.db.inTx(ctx, func(t tx) error {
		touched, err := t.exec(ctx, `DELETE FROM slipway_replica WHERE id = $1 AND beats = $2`, id, beats)
		if err != nil || touched == 0 {
			return err
		}
		blamed, err = blame(ctx, t, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("strike a replica off: %w", err)
	}
	for _, b := range blamed {
		q.options.Log.Warn("a process ended while it was at a job", "job", b.key, "replica", id, "crashes", b.crashes, "alone", b.alone)
	}
	return nil
}

// takeFromDead frees what replicas have that are not on the list.
func (q *Queue) takeFromDead(ctx context.Context) error {
	return q.takeAway(ctx, `NOT EXISTS (SELECT 1 FROM slipway_replica WHERE slipway_replica.id = {worker}) AND $1 = $1`, q.replica, nil)
}

// observe notes the signs of life, and returns the replicas that showed none for long,
// with their last.
func (q *Queue) observe(ctx context.Context, observed map[string]*observation) (dead map[string]int64, err error) {
	seen := map[string]bool{}
	dead = map[string]int64{}
	err = q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `SELECT id, beats FROM slipway_replica WHERE id <> $1`, []any{q.replica}, func(s scan) error {
			var id string
			var beats int64
			if err := s(&id, &beats); err != nil {
				return err
			}
			seen[id] = true
			o := observed[id]
			if o == nil || o.beats != beats {
				observed[id] = &observation{beats: beats}
			} else if o.missed++; o.missed >= beatsMissed {
				dead[id] = beats
			}
			return nil
		})
	})
	for id := range observed {
		if err == nil && !seen[id] {
			delete(observed, id)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look for other replicas: %w", err)
	}
	return dead, nil
}

// adopt frees jobs that River holds for running here though nobody has them: their end
// could not be written while the database was gone. before are those that were found
// the last time.
func (q *Queue) adopt(ctx context.Context, before map[int64]bool) (found map[int64]bool, err error) {
	found = map[int64]bool{}
	err = q.takeAway(ctx, `{worker} = $1`, q.replica, func(id int64) bool {
		if q.holds.has(id) {
			return false
		}
		found[id] = true
		return before[id]
	})
	return found, err
}

// takeAway frees running jobs of River's that match a condition on $1, and that take
// (where not nil) says yes to: whoever has them can end nothing any more.
func (q *Queue) takeAway(ctx context.Context, condition, argument string, take func(id int64) bool) error {
	type held struct {
		id  int64
		key string
	}
	var all []held
	err := q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `SELECT id, {key} FROM river_job WHERE state = 'running' AND `+condition+` ORDER BY 2`, []any{argument}, func(s scan) error {
			var h held
			err := s(&h.id, &h.key)
			all = append(all, h)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("look for jobs that nobody has: %w", err)
	}
	for _, h := range all {
		if take != nil && !take(h.id) {
			continue
		}
		if err := q.db.inTx(ctx, func(t tx) error { return q.free(ctx, t, h.id, h.key) }); err != nil && !errors.Is(err, errNotOurs) {
			return fmt.Errorf("free the job of %s: %w", h.key, err)
		}
	}
	return nil
}

// free gives a key another fence and River's job another id. Whoever had begun the job
// did not end its try, which does not count.
func (q *Queue) free(ctx context.Context, t tx, id int64, key string) error {
	alone, begun := 0, 0
	err := t.query(ctx, `SELECT alone, CASE WHEN owner IS NULL THEN 0 ELSE 1 END FROM slipway_work WHERE key = $1 {lock}`, []any{key}, func(s scan) error { return s(&alone, &begun) })
	if err != nil {
		return err
	}
	fence, pause := newFence(), time.Duration(0)
	if begun == 1 {
		pause = q.penance(alone)
	}
	_, err = t.exec(ctx, `UPDATE slipway_work SET fence = $2, owner = NULL, working = NULL, working_kind = NULL, working_payload = NULL,
		tries = CASE WHEN tries > $4 THEN tries - $4 ELSE 0 END, paused_until = {now} + $3 WHERE key = $1`, key, fence, pause.Milliseconds(), begun)
	if err != nil {
		return err
	}
	touched, err := t.exec(ctx, `UPDATE river_job SET id = {id}, state = 'available', scheduled_at = {later},
		attempt = CASE WHEN attempt > 0 THEN attempt - 1 ELSE 0 END, args = {refenced} WHERE id = $1 AND state = 'running'`, id, fence, pause.Milliseconds())
	if err == nil && touched == 0 {
		return errNotOurs // it ended meanwhile
	}
	return err
}

// steady notices when the database's clock jumps against this process's own.
type steady struct {
	at     time.Time // with the process's steady clock
	offset int64     // the database's clock minus that, in milliseconds; 0 before it was read
}

// backwards is what a clock may be set back without anybody's minding.
const backwards = 2 * time.Second

// due makes all that waits due where the database's clock was set back, since it would
// wait until the clock has caught up. What is tried too early is tried once more. What
// is due by the database's clock is made so as well: River looks at its leader's own,
// which may be behind.
func (q *Queue) due(ctx context.Context, clock *steady) error {
	var now int64
	err := q.db.inTx(ctx, func(t tx) error {
		if err := t.query(ctx, `SELECT {now}`, nil, func(s scan) error { return s(&now) }); err != nil {
			return err
		}
		offset := now - time.Since(clock.at).Milliseconds()
		back := clock.offset - offset
		if clock.offset == 0 || back <= backwards.Milliseconds() {
			clock.offset = offset
			_, err := t.exec(ctx, `UPDATE river_job SET state = 'available' WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= {moment}`)
			return err
		}
		clock.offset = offset
		q.options.Log.Warn("the database's clock was set back; what waits is due now", "seconds", back/1000)
		_, err := t.exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = {moment} WHERE state IN ('available', 'scheduled', 'retryable') AND scheduled_at > {moment}`)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the database's clock: %w", err)
	}
	return nil
}
