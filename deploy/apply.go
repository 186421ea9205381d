package deploy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// An attempt is one call of Apply.
type attempt struct {
	cluster *Cluster
	request Request
	key     inventory.Key
	lease   *lease

	record     *inventory.Record     // as it was read under the lease; never nil
	deployment *inventory.Deployment // ours, once it is recorded
	words      []inventory.Word      // that it rests on
	scaffold   render.ObjectID       // the namespace that is made and not owned

	others map[inventory.Key]idSet // other targets' records, as they were when first asked for

	mu      sync.Mutex                 // guards what follows, and calls of Progress
	uids    map[render.ObjectID]string // of what was written
	receipt Receipt
	index   map[render.ObjectID]int // into receipt.Objects
	next    time.Time               // before which Progress is not told of marks on many
	pending *time.Timer             // will call it; nil where there is nothing new
}

// A failure stops an attempt for a reason that trying again does not mend.
type failure struct{ reason, hint string }

func (f *failure) Error() string { return f.reason }

// Apply brings a target to what a commit renders, and returns what became of it.
// What a person must do something about is the receipt's State and Reason; an
// error means that the same call is to be made again later, and then takes up
// what this one began. A target whose record says that it is deployed already costs
// one request.
func (c *Cluster) Apply(ctx context.Context, request Request) (Receipt, error) {
	a := &attempt{cluster: c, request: request, key: keyOf(request.Repository, request.Target), uids: make(map[render.ObjectID]string)}
	a.receipt = Receipt{Target: request.Target, Commit: request.Commit, State: Applying, Started: a.now()}
	if request.Rendered != nil {
		a.receipt.Digest = request.Rendered.Digest
	}
	defer a.hush()
	err := a.run(ctx)
	var problem *render.Problem
	var failed *failure
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), ErrSuperseded):
		err = a.supersede(ctx)
	case errors.As(err, &failed):
		err = a.fail(ctx, failed)
	case errors.As(err, &problem):
		a.conclude(decision{state: Refused, reason: problem.Message, hint: problem.Hint})
		err = nil
	}
	if a.lease != nil {
		a.lease.end()
	}
	if err != nil {
		return a.receipt, fmt.Errorf("apply %s: %w", a.key, err)
	}
	return a.receipt, nil
}

func (a *attempt) now() time.Time { return a.cluster.options.Now().UTC().Truncate(time.Millisecond) }

// run is the way of an attempt from beginning to end. A *failure ends it as Failed,
// a *[render.Problem] as Refused.
func (a *attempt) run(ctx context.Context) error {
	if r := a.request.Rendered; r != nil && r.Problem != nil {
		return r.Problem
	}
	record, err := a.cluster.store.Read(ctx, a.key)
	if err != nil {
		return err
	}
	if d := settled(record, a.request); d.state != "" {
		a.conclude(d)
		return nil
	}
	if err := a.cluster.prepare(ctx); err != nil {
		return err
	}
	if ctx, a.lease, err = a.cluster.hold(ctx, a.key, a.wait); err != nil {
		return err
	}
	if err := a.underLease(ctx); err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errLeaseLost) {
			return cause
		}
		return err
	}
	return nil
}

// wait tells that another writer has the target.
func (a *attempt) wait(holder string) {
	a.tell(func(r *Receipt) {
		r.State, r.Reason = Waiting, otherWriter+holder
	})
}

func (a *attempt) underLease(ctx context.Context) error {
	record, err := a.cluster.store.Read(ctx, a.key)
	if err != nil {
		return err
	}
	if d := settled(record, a.request); d.state != "" {
		a.conclude(d)
		return nil
	}
	if a.record = record; record == nil {
		a.record = &inventory.Record{Key: a.key}
	}
	s, err := a.look(ctx)
	if err != nil {
		return err
	}
	if ctx.Err() != nil { // what could not be read for that is not unknown
		return context.Cause(ctx)
	}
	d := decide(a.facts(s))
	a.list(s)
	if d.state != Applying {
		a.conclude(d)
		return nil
	}
	a.tell(func(r *Receipt) { r.State, r.Reason, r.By = Applying, "", d.by })
	return a.carryOut(ctx, s, d)
}

func (a *attempt) facts(s *survey) facts {
	f := facts{
		target: a.request.Target, digest: a.receipt.Digest, retired: a.request.Rendered == nil, sync: a.request.Sync,
		record: a.record, plan: s.plan, owned: len(a.record.Objects),
		foreign: s.foreign, theirs: s.theirs,
		empty: a.request.Rendered != nil && len(a.request.Rendered.Objects) == 0,
	}
	succeeded := superseded(s.plan, a.request.Namespace)
	for _, step := range s.deletes {
		if step.Action == preview.Delete && !succeeded[step.ID] {
			f.deletes = append(f.deletes, step.ID)
		}
	}
	for _, entry := range a.record.Objects {
		if why := s.kept[entry.ObjectID]; why != "" && f.kept == "" {
			f.kept = entry.ObjectID.String() + " " + why
		}
	}
	return f
}

// superseded are the objects whose place another one takes under a new name, so that
// with them nothing is lost.
func superseded(plan *preview.Plan, namespace string) map[render.ObjectID]bool {
	ids := make(map[render.ObjectID]bool)
	for _, change := range plan.Changes {
		if change.RenamedFrom == "" {
			continue
		}
		old := change.ID
		old.Name = change.RenamedFrom
		for _, id := range candidates(old, namespace) {
			ids[id] = true
		}
	}
	return ids
}

// carryOut writes: the record, the objects, and the record again.
func (a *attempt) carryOut(ctx context.Context, s *survey, d decision) error {
	if err := a.begin(ctx, s, d); err != nil {
		return err
	}
	steps, err := a.write(ctx, s)
	if err != nil {
		return err
	}
	a.deployment.Applied = a.now()
	if err := a.awaitHealth(ctx, steps); err != nil {
		return err
	}
	gone, err := a.prune(ctx, s, steps)
	if err != nil {
		return err
	}
	return a.finish(ctx, s, steps, gone, d)
}

// list fills the receipt's objects.
func (a *attempt) list(s *survey) {
	a.tell(func(r *Receipt) {
		r.Plan, r.Objects = s.plan, nil
		a.index = make(map[render.ObjectID]int)
		add := func(o ObjectReceipt) {
			a.index[o.ID] = len(r.Objects)
			r.Objects = append(r.Objects, o)
		}
		for _, step := range s.wanted {
			add(ObjectReceipt{ID: step.ID, Action: step.Action, State: ObjectPending})
		}
		for _, step := range s.deletes {
			if s.released[step.ID] == "" && step.Action != "" {
				add(ObjectReceipt{ID: step.ID, Action: step.Action, State: ObjectPending})
			}
		}
		for _, step := range s.sealed {
			add(ObjectReceipt{ID: step.ID, Action: step.Action, State: ObjectSkipped, Message: "encrypted by SOPS, not applied by Slipway"})
		}
		for _, entry := range a.record.Objects {
			if why := s.released[entry.ObjectID]; why != "" {
				add(ObjectReceipt{ID: entry.ObjectID, Action: preview.None, State: ObjectKept, Message: why})
			}
		}
		for _, entry := range a.record.Objects {
			if why := s.kept[entry.ObjectID]; why != "" {
				add(ObjectReceipt{ID: entry.ObjectID, Action: preview.None, State: ObjectKept, Message: why})
			}
		}
	})
}

// conclude ends the receipt.
func (a *attempt) conclude(d decision) {
	a.tell(func(r *Receipt) {
		r.State, r.Reason, r.Hint, r.Ended = d.state, d.reason, d.hint, a.now()
		if d.by != "" {
			r.By = d.by
		}
	})
}
