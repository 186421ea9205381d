package deploy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// begin records what is about to be owned, old and new, before the first of it is
// written.
func (a *attempt) begin(ctx context.Context, s *survey, d decision) error {
	deployment := inventory.Deployment{
		Commit: a.request.Commit, Digest: a.receipt.Digest, Plan: s.plan.Digest,
		State: inventory.Applying, By: d.by, Started: a.receipt.Started,
	}
	before := a.record
	if old := before.Current; old != nil && old.State == inventory.Applying && old.Digest == deployment.Digest && old.Commit == deployment.Commit {
		deployment.Started, deployment.Plan = old.Started, old.Plan // taken up again
	} else if old != nil && old.State == inventory.Healthy && old.Digest == deployment.Digest && d.by == "" {
		deployment.Commit, deployment.By, deployment.Started = old.Commit, old.By, old.Started // nothing but leftovers
	}
	record, err := a.cluster.store.Change(ctx, a.key, func(record *inventory.Record) error {
		if !slices.Equal(record.Objects, before.Objects) || !isSame(record.Current, before.Current) {
			return inventory.ErrMoved
		}
		if old := record.Current; old != nil && old.State == inventory.Applying && !old.Started.Equal(deployment.Started) {
			interrupted := *old
			interrupted.State, interrupted.Ended = inventory.Superseded, a.now()
			setCurrent(record, interrupted)
		}
		setCurrent(record, deployment)
		record.Objects = withSteps(record.Objects, s)
		return nil
	})
	if err != nil {
		return err
	}
	a.record, a.deployment, a.words, a.scaffold = record, &deployment, d.words, s.scaffold
	return nil
}

// withSteps returns the objects that are or will be owned: old ones that were not
// released, and new ones.
func withSteps(old []inventory.Entry, s *survey) []inventory.Entry {
	entries := make(map[render.ObjectID]inventory.Entry)
	for _, entry := range old {
		if s.released[entry.ObjectID] == "" {
			entries[entry.ObjectID] = entry
		}
	}
	for _, step := range s.wanted {
		if step.ID == s.scaffold {
			continue
		}
		entry := entryOf(step)
		if step.Action == preview.Replace {
			entry.UID = "" // of the one that will be in its place
		}
		entries[step.ID] = entry
	}
	return sortedEntries(entries)
}

func sortedEntries(entries map[render.ObjectID]inventory.Entry) []inventory.Entry {
	list := make([]inventory.Entry, 0, len(entries))
	for _, entry := range entries {
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b inventory.Entry) int { return a.Compare(b.ObjectID) })
	return list
}

func isSame(a, b *inventory.Deployment) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Commit == b.Commit && a.Digest == b.Digest && a.State == b.State && a.Started.Equal(b.Started)
}

// setCurrent makes the deployment the newest of the record, in the place of what
// the record knew of it before.
func setCurrent(record *inventory.Record, deployment inventory.Deployment) {
	same := len(record.History) > 0 && record.History[0].Started.Equal(deployment.Started) && record.History[0].Digest == deployment.Digest
	if same {
		record.History[0] = deployment
	} else {
		record.History = slices.Insert(record.History, 0, deployment)
	}
	record.History = record.History[:min(len(record.History), inventory.HistoryLength)]
	record.Current = &deployment
}

// end records what became of the deployment; words that it rests on are used up.
func (a *attempt) end(ctx context.Context, ended inventory.Deployment, used []inventory.Word, change func(*inventory.Record)) error {
	_, err := a.cluster.store.Change(ctx, a.key, func(record *inventory.Record) error {
		if a.lease.lost() || !isSame(record.Current, a.deployment) {
			return errLeaseLost
		}
		change(record)
		setCurrent(record, ended)
		record.Words = slices.DeleteFunc(record.Words, func(w inventory.Word) bool {
			return slices.ContainsFunc(used, func(u inventory.Word) bool { return u.Verb == w.Verb && u.Digest == w.Digest })
		})
		return nil
	})
	return err
}

// setUIDs records which live objects are owned, as far as is known.
func (a *attempt) setUIDs(record *inventory.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, entry := range record.Objects {
		if uid := a.uids[entry.ObjectID]; uid != "" {
			record.Objects[i].UID = uid
		}
	}
}

// finish records a deployment that is healthy and pruned.
func (a *attempt) finish(ctx context.Context, s *survey, steps []preview.Step, gone map[render.ObjectID]bool, d decision) error {
	ended := *a.deployment
	ended.State, ended.Ended = inventory.Healthy, a.now()
	objects := make(map[render.ObjectID]inventory.Entry)
	for _, entry := range a.record.Objects {
		if !gone[entry.ObjectID] {
			objects[entry.ObjectID] = entry
		}
	}
	for _, step := range steps {
		if step.ID != s.scaffold {
			objects[step.ID] = entryOf(step)
		}
	}
	if a.request.Rendered == nil && len(objects) == 0 {
		err := a.cluster.store.Remove(ctx, a.key, func(record *inventory.Record) error {
			if a.lease.lost() || !isSame(record.Current, a.deployment) {
				return errLeaseLost
			}
			return nil
		})
		if err != nil {
			return err
		}
	} else {
		err := a.end(ctx, ended, a.words, func(record *inventory.Record) {
			record.Objects = sortedEntries(objects)
			record.Deployed = &ended
		})
		if err != nil {
			return err
		}
	}
	a.conclude(decision{state: Applied, reason: a.remaining(), by: d.by})
	return nil
}

// remaining says what of a healthy deployment could not be deleted; empty when
// nothing is left.
func (a *attempt) remaining() string {
	for _, object := range a.receipt.Objects {
		if object.State == ObjectFailed {
			return object.ID.String() + " is still there: " + object.Message
		}
	}
	return ""
}

// closing bounds what is still recorded once an attempt's context has ended.
const closing = 10 * time.Second

// fail records that the deployment failed, so that it is held until a new commit.
func (a *attempt) fail(ctx context.Context, f *failure) error {
	if a.deployment != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		ended := *a.deployment
		ended.State, ended.Reason, ended.Ended = inventory.Failed, clipped(f.reason), a.now()
		if err := a.end(ctx, ended, a.words, a.setUIDs); err != nil {
			return err
		}
	}
	a.conclude(decision{state: Failed, reason: f.reason, hint: f.hint})
	return nil
}

// clipped is a reason as a record keeps it.
func clipped(reason string) string {
	const more = " …"
	if len(reason) <= inventory.ReasonLength {
		return reason
	}
	return strings.ToValidUTF8(reason[:inventory.ReasonLength-len(more)], "") + more
}

// supersede records that a newer commit interrupted the deployment.
func (a *attempt) supersede(ctx context.Context) error {
	if a.deployment != nil && !a.lease.lost() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		ended := *a.deployment
		ended.State, ended.Ended = inventory.Superseded, a.now()
		if err := a.end(ctx, ended, nil, a.setUIDs); err != nil {
			return err
		}
	}
	a.conclude(decision{state: Superseded, reason: ErrSuperseded.Error()})
	return nil
}
