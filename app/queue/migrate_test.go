package queue_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// An upgrade by one version can be taken back: this program works with the tables and
// the jobs of the next one, which only adds. Of much newer ones it keeps its hands off.
func TestDowngrade(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		next := open(t, queue.Options{Database: database})
		insert(t, next, pull(1, true))
		if err := queue.Change(t.Context(), next,
			`ALTER TABLE slipway_work ADD COLUMN novelty text NOT NULL DEFAULT ''`,
			`CREATE TABLE slipway_novelty (name text PRIMARY KEY)`,
			`UPDATE slipway_work SET payload = replace(payload, '"number"', '"novelty":1,"number"'), novelty = 'x'`,
			fmt.Sprintf(`INSERT INTO slipway_migration (version, at) VALUES (%d, {now})`, queue.Version+1),
		); err != nil {
			t.Fatal(err)
		}
		stop(t, next)

		var worked atomic.Int32
		q := start(t, queue.Options{Database: database}, worker{work: func(_ context.Context, job handlers.Job) error {
			if job.(handlers.PlanPull).Again {
				worked.Add(1)
			}
			return nil
		}})
		insert(t, q, pull(2, true))
		idle(t, q)
		if err := q.Ready(t.Context()); err != nil || worked.Load() != 2 {
			t.Errorf("worked %d of 2, ready: %v", worked.Load(), err)
		}
		if applied, err := queue.Migrate(t.Context(), queue.Options{Database: database}); err == nil && applied != 0 || err != nil && !strings.Contains(err.Error(), queue.ErrLocked.Error()) {
			t.Errorf("migrated %d versions, %v", applied, err)
		}
		if err := queue.Change(t.Context(), q, fmt.Sprintf(`INSERT INTO slipway_migration (version, at) VALUES (%d, {now})`, queue.Version+2)); err != nil {
			t.Fatal(err)
		}
		if err := q.Ready(t.Context()); err == nil {
			t.Error("it is ready with tables that it does not know")
		}
		stop(t, q)
		if _, err := queue.New(t.Context(), queue.Options{Database: database}); err == nil || !strings.Contains(err.Error(), "much newer version") {
			t.Errorf("it opened tables that it does not know: %v", err)
		}
	})
}
