package queue

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipwayhq/slipway/handlers"
)

// note keeps a job that is being worked with what its work has learnt, so that it is
// known to whoever works the key next, in whichever process. A newer job that waits
// absorbs it.
func (q *Queue) note(ctx context.Context, h *hold, job handlers.Job) error {
	if job.Key() != h.key || h.job == nil || job.Kind() != h.job.Kind() {
		return fmt.Errorf("note %s: it is not what is worked, %s", job.Key(), h.key)
	}
	err := q.db.inTx(ctx, func(t tx) error {
		var generation, claim int64
		var fence, kind, payload string
		err := t.query(ctx, `SELECT generation, claim, fence, kind, payload FROM slipway_work WHERE key = $1 {lock}`, []any{h.key}, func(s scan) error {
			return s(&generation, &claim, &fence, &kind, &payload)
		})
		if err != nil {
			return err
		}
		if claim != h.claim || fence != h.fence {
			return handlers.ErrFenced
		}
		if generation > h.generation {
			newer, err := handlers.DecodeJob(kind, []byte(payload))
			if err != nil {
				return err
			}
			absorber, ok := newer.(handlers.Absorber)
			if !ok {
				return nil
			}
			job = absorber.Absorb(job)
		}
		content, err := json.Marshal(job)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE slipway_work SET payload = $2 WHERE key = $1`, h.key, string(content))
		return err
	})
	if err != nil {
		return fmt.Errorf("note %s: %w", h.key, err)
	}
	return nil
}
