package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/propagation"

	"github.com/slipwayhq/slipway/handlers"
)

// A stored job is one that was made ready to be kept.
type stored struct {
	job                   handlers.Job
	key, kind, payload    string
	delivery, traceparent string
	installation          int64
}

// store makes a job ready. The trace that ctx belongs to is kept with it.
func store(ctx context.Context, job handlers.Job, delivery string) (stored, error) {
	payload, err := json.Marshal(job)
	if err != nil {
		return stored{}, err
	}
	trace := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, trace)
	return stored{
		job: job, key: job.Key(), kind: job.Kind(), payload: string(payload), delivery: delivery,
		traceparent: trace["traceparent"], installation: handlers.RepositoryOf(job).Installation,
	}, nil
}

// reconcile is River's job: its key is unique while it is not finished.
type reconcile struct {
	Key          string `json:"key" river:"unique"`
	Fence        string `json:"fence"`
	Installation int64  `json:"installation,omitempty"`
}

// Kind implements [river.JobArgs].
func (reconcile) Kind() string { return "reconcile" }

// active are the states in which a key has a job already.
var active = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}

func insertOptions(priority int) *river.InsertOpts {
	return &river.InsertOpts{Priority: priority, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: active}}
}

// commit keeps requests in one transaction and interrupts the work that they overtake.
func (q *Queue) commit(ctx context.Context, requests []*request) error {
	var interrupted []string
	err := q.db.inTx(ctx, func(t tx) error {
		urgent := newUrgency(group(requests))
		fresh, err := newDeliveries(ctx, t, requests, urgent.part())
		if err != nil {
			return fmt.Errorf("keep deliveries: %w", err)
		}
		interrupted, err = keep(ctx, t, group(fresh), urgent)
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range interrupted {
		q.holds.interrupt(key)
	}
	q.signal()
	return nil
}

// newDeliveries keeps the ids of deliveries and returns the requests that are no
// duplicates, in their order. more is asked with it.
func newDeliveries(ctx context.Context, t tx, requests []*request, more part) (fresh []*request, err error) {
	listed, seen := map[string]bool{}, map[string]bool{}
	var rows [][]any
	for _, r := range requests {
		if r.duplicate = r.delivery != ""; r.duplicate && !listed[r.delivery] {
			listed[r.delivery] = true
			rows = append(rows, []any{r.delivery})
		}
	}
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(fmt.Sprint(a...), fmt.Sprint(b...)) })
	err = t.parts(ctx, part{`INSERT INTO slipway_delivery (id, at) VALUES ($1, {now}) ON CONFLICT (id) DO NOTHING RETURNING id`, rows,
		func(_ int, s scan) error {
			var id string
			err := s(&id)
			seen[id] = true
			return err
		}}, more)
	if err != nil {
		return nil, err
	}
	for _, r := range requests {
		if r.duplicate && seen[r.delivery] {
			r.duplicate, seen[r.delivery] = false, false // the next one of the same id is a duplicate
		}
		if !r.duplicate {
			fresh = append(fresh, r)
		}
	}
	return fresh, nil
}

// group sorts jobs by key, in which order rows are locked, each key's oldest first.
func group(requests []*request) [][]stored {
	byKey := map[string][]stored{}
	for _, r := range requests {
		for _, s := range r.jobs {
			byKey[s.key] = append(byKey[s.key], s)
		}
	}
	groups := make([][]stored, 0, len(byKey))
	for _, jobs := range byKey {
		groups = append(groups, jobs)
	}
	slices.SortFunc(groups, func(a, b []stored) int { return strings.Compare(a[0].key, b[0].key) })
	return groups
}

// A row is what is known of a key, read under its lock.
type row struct {
	generation, claim           int64
	working                     *int64
	kind, payload, fence        string
	workingKind, workingPayload *string
	failed                      int
	now                         int64 // the database's clock, in milliseconds
}

// keep makes each key's row ask for its jobs, and has River work it. It returns the
// keys whose work is overtaken.
func keep(ctx context.Context, t tx, groups [][]stored, urgent urgency) (interrupted []string, err error) {
	if len(groups) == 0 {
		return nil, nil
	}
	rows, err := raise(ctx, t, groups)
	if err != nil {
		return nil, fmt.Errorf("keep jobs: %w", err)
	}
	var merged [][]any
	for i, g := range groups {
		if rows[i].generation == 1 {
			continue
		}
		last, interrupts, err := merge(g, rows[i])
		if err != nil {
			return nil, err
		}
		if interrupts {
			interrupted = append(interrupted, last.key)
		}
		merged = append(merged, update(last, rows[i], interrupts))
	}
	if err := many(ctx, t, updateRow, merged, func(int, scan) error { return nil }); err != nil {
		return nil, fmt.Errorf("keep jobs: %w", err)
	}
	return interrupted, wake(ctx, t, groups, rows, urgent)
}

// raise inserts the rows that are not there, and raises the generation of those that
// are. Either locks the row.
func raise(ctx context.Context, t tx, groups [][]stored) ([]row, error) {
	args := make([][]any, len(groups))
	for i, g := range groups {
		last := g[0]
		for _, next := range g[1:] {
			var err error
			if last, err = absorb(next, last.job); err != nil {
				return nil, err
			}
		}
		args[i] = []any{last.key, newFence(), last.kind, last.payload, last.installation, last.delivery, last.traceparent}
	}
	rows := make([]row, len(groups))
	err := many(ctx, t, `INSERT INTO slipway_work (key, generation, fence, kind, payload, installation, asked_at, delivery, traceparent)
		VALUES ($1, 1, $2, $3, $4, $5, {now}, $6, $7)
		ON CONFLICT (key) DO UPDATE SET generation = slipway_work.generation + 1
		RETURNING generation, claim, working, kind, CASE WHEN generation = 1 THEN '' ELSE payload END, fence, working_kind, working_payload, failed, {now}`, args,
		func(i int, s scan) error {
			r := &rows[i]
			return s(&r.generation, &r.claim, &r.working, &r.kind, &r.payload, &r.fence, &r.workingKind, &r.workingPayload, &r.failed, &r.now)
		})
	return rows, err
}

// absorb returns the job with what an older one of its key had asked for.
func absorb(s stored, older handlers.Job) (stored, error) {
	absorber, ok := s.job.(handlers.Absorber)
	if !ok {
		return s, nil
	}
	s.job = absorber.Absorb(older)
	payload, err := json.Marshal(s.job)
	if err != nil {
		return s, fmt.Errorf("keep %s: %w", s.key, err)
	}
	s.payload = string(payload)
	return s, nil
}

// waits reports whether the row's payload waits to be worked, as it was before its
// generation was raised.
func (r row) waits() bool {
	return r.failed == 0 && (r.working == nil || *r.working < r.generation-1)
}

// merge returns what a key is to do: the last of the new jobs, with what those before
// it, the one that waits and the one that is being worked had asked for. interrupts is
// whether the latter is overtaken.
func merge(jobs []stored, r row) (last stored, interrupts bool, err error) {
	var working, waiting handlers.Job
	if r.working != nil {
		kind, payload := r.kind, r.payload
		if r.workingPayload != nil {
			kind, payload = *r.workingKind, *r.workingPayload
		}
		if working, err = handlers.DecodeJob(kind, []byte(payload)); err != nil {
			return last, false, err
		}
	}
	if r.waits() {
		if waiting, err = handlers.DecodeJob(r.kind, []byte(r.payload)); err != nil {
			return last, false, err
		}
	}
	for _, last = range jobs {
		for _, older := range []handlers.Job{working, waiting} {
			if older == nil {
				continue
			}
			if last, err = absorb(last, older); err != nil {
				return last, false, err
			}
		}
		if working != nil {
			follower, ok := last.job.(handlers.Follower)
			interrupts = interrupts || !ok || !follower.Follows(working)
		}
		waiting = last.job
	}
	return last, interrupts, nil
}

// updateRow has a row that was there ask for something newer. What a delivery asked
// for, and waits, stays that delivery's when the clock asks for it as well. A key that
// is suspected stays so, and one that was given up for that has one chance.
const updateRow = `UPDATE slipway_work SET kind = $2, payload = $3, installation = $4,
	traceparent = CASE WHEN $5 = '' AND $7 = 1 THEN traceparent ELSE $6 END, delivery = CASE WHEN $5 = '' AND $7 = 1 THEN delivery ELSE $5 END,
	working_payload = CASE WHEN working IS NOT NULL AND working_payload IS NULL THEN payload ELSE working_payload END,
	working_kind = CASE WHEN working IS NOT NULL AND working_payload IS NULL THEN kind ELSE working_kind END,
	asked_at = CASE WHEN $7 = 1 THEN asked_at ELSE {now} END,
	interrupt = CASE WHEN $8 = 1 THEN generation ELSE interrupt END,
	tries = 0, alone = CASE WHEN alone >= $9 THEN $9 - 1 ELSE alone END, paused_until = 0, cancelled = 0, failed = 0 WHERE key = $1`

func update(s stored, r row, interrupts bool) []any {
	return []any{s.key, s.kind, s.payload, s.installation, s.delivery, s.traceparent, flag(r.waits()), flag(interrupts), aloneBorne}
}

// flag is a truth as the tables keep it.
func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// wake has River work the keys. One that pauses between two tries does not wait for
// the rest of its pause.
func wake(ctx context.Context, t tx, groups [][]stored, rows []row, urgent urgency) error {
	params := make([]river.InsertManyParams, len(groups))
	for i, g := range groups {
		params[i] = river.InsertManyParams{
			Args:       reconcile{Key: g[0].key, Fence: rows[i].fence, Installation: g[0].installation},
			InsertOpts: insertOptions(urgent.priority(g[0].installation)),
		}
	}
	results, err := t.jobs(ctx, params)
	if err != nil {
		return fmt.Errorf("have jobs worked: %w", err)
	}
	for i, result := range results {
		if err := atOnce(ctx, t, result, rows[i].now); err != nil {
			return err
		}
		if result.UniqueSkippedAsDuplicate && result.Job.State != rivertype.JobStateRunning {
			if _, err := t.river().JobRetry(ctx, &riverdriver.JobRetryParams{ID: result.Job.ID}); err != nil {
				return fmt.Errorf("wake a job: %w", err)
			}
		}
	}
	return nil
}

// skewBorne is how long a job may wait because clocks differ.
const skewBorne = 100 * time.Millisecond

// atOnce has a new job worked that River would have wait: it takes this process's clock
// for when a job is due, and the database's for what time it is, which may be behind.
// now is the database's in milliseconds, 0 where it was not read.
func atOnce(ctx context.Context, t tx, result *rivertype.JobInsertResult, now int64) error {
	if result.UniqueSkippedAsDuplicate || now != 0 && result.Job.ScheduledAt.Sub(time.UnixMilli(now)) < skewBorne {
		return nil
	}
	if _, err := t.exec(ctx, `UPDATE river_job SET scheduled_at = {moment} WHERE id = $1 AND scheduled_at > {moment}`, result.Job.ID); err != nil {
		return fmt.Errorf("have a job worked at once: %w", err)
	}
	return nil
}

// steps are how many jobs of an installation may wait before its next one goes behind
// those of installations that have fewer.
var steps = []int{10, 50, 250}

// An urgency says how many jobs of each installation wait: the more, the less urgent is
// its next.
type urgency map[int64]int

// newUrgency has the installations of jobs. Its part counts.
func newUrgency(groups [][]stored) urgency {
	u := urgency{}
	for _, g := range groups {
		u[g[0].installation] = 0
	}
	return u
}

func (u urgency) part() part {
	var args [][]any
	for installation := range u {
		args = append(args, []any{installation, steps[len(steps)-1] + 1})
	}
	return part{`SELECT count(*) FROM (SELECT 1 FROM slipway_work WHERE installation = $1 AND failed = 0 LIMIT $2) AS waiting`, args, func(i int, s scan) error {
		var waiting int
		err := s(&waiting)
		u[args[i][0].(int64)] = waiting
		return err
	}}
}

// priority is River's, from 1 to 4.
func (u urgency) priority(installation int64) int {
	priority := 1
	for _, step := range steps {
		if u[installation] > step {
			priority++
		}
	}
	return priority
}
