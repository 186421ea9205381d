package app

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/app/web"
)

// TestTroubles: the status page says of each thing that is wrong what it is, and of
// nothing that is not.
func TestTroubles(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	working := queue.Stats{Replicas: 1, OldestWaiting: late}
	for name, tc := range map[string]struct {
		stats             queue.Stats
		database, sandbox error
		github            []github.Stats
		deliveries        []web.Delivery
		want              []string
	}{
		"all is well": {
			stats:      working,
			github:     []github.Stats{{}, {Installation: 1, Calls: 1, Limit: 5000, Remaining: 500, PausedUntil: now.Add(-time.Hour)}},
			deliveries: []web.Delivery{{Outcome: "taken"}, {Outcome: "ignored"}},
		},
		"no database": {database: errors.New("gone"), want: []string{"The queue's database does not answer: deliveries are refused until it does."}},
		"no workers":  {want: []string{"No process works jobs."}},
		"no sandbox":  {stats: working, sandbox: errors.New("no seccomp"), want: []string{"Render workers have no sandbox: what outsiders propose is not rendered."}},
		"jobs": {
			stats: queue.Stats{Replicas: 1, Failed: map[string]int{"plan_pull": 2, "sweep": 1}, OldestWaiting: late + 90*time.Second},
			want:  []string{"3 jobs failed for the last time.", "A job has waited for 11m30s."},
		},
		"deliveries": {stats: working, deliveries: []web.Delivery{{Outcome: "taken"}, {Outcome: "refused"}}, want: []string{"1 of the newest 2 deliveries were refused."}},
		"GitHub": {
			stats: working,
			github: []github.Stats{
				{Installation: 1, Calls: 1, PausedUntil: now.Add(5 * time.Minute)},
				{Installation: 2, Calls: 1, Limit: 5000, Remaining: 499, Reset: now.Add(time.Minute)},
			},
			want: []string{"GitHub takes no calls of installation 1 before 12:05:00 UTC.", "Installation 2 has 499 of 5000 calls left until 12:01:00 UTC."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := troubles(tc.stats, tc.database, tc.sandbox, web.Status{Budgets: budgets(tc.github, now), Deliveries: tc.deliveries})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
