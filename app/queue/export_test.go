package queue

import "context"

func init() { turn = 0 } // as if every job had taken a second

// Strike is one round of Every.
var Strike = (*Queue).strike

// Version is that of the tables that this program makes.
var Version = len(migrations)

// Change runs statements in a queue's database.
func Change(ctx context.Context, q *Queue, statements ...string) error {
	return q.db.inTx(ctx, func(t tx) error {
		for _, statement := range statements {
			if _, err := t.exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// AtDoor is how many jobs of an installation wait for one of this process's workers.
func AtDoor(q *Queue, installation int64) int {
	q.fair.mu.Lock()
	defer q.fair.mu.Unlock()
	return q.fair.doors[installation]
}
