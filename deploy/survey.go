package deploy

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

var namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// A survey is what was found right before writing.
type survey struct {
	plan    *preview.Plan
	request preview.Request // what was planned
	wanted  []preview.Step
	deletes []preview.Step
	sealed  []preview.Step // encrypted in Git: not ours to apply
	// scaffold is the namespace that is made for the target and that it does not
	// own; the zero id where there is none.
	scaffold render.ObjectID
	// released are owned objects that are no longer the target's business: another
	// target has them now, or their mark is gone, or they are.
	released map[render.ObjectID]string // and why
	kept     []inventory.Entry          // not pruned: sync.prune is false
	foreign  []render.ObjectID
	theirs   []claim
}

// look plans once more and finds out whose each object is.
func (a *attempt) look(ctx context.Context) (*survey, error) {
	s := &survey{released: make(map[render.ObjectID]string)}
	if err := a.namespace(ctx, s); err != nil {
		return nil, err
	}
	elsewhere, siblings := siblingsOf(a.request)
	var stale []inventory.Entry
	wanted, sealed := wantedIDs(a.request.Rendered, a.request.Namespace), sealedIDs(a.request.Rendered, a.request.Namespace)
	for _, entry := range a.record.Objects {
		switch {
		case sealed[entry.ObjectID]:
			s.released[entry.ObjectID] = "encrypted in Git now: whoever has the keys applies it"
		case wanted[entry.ObjectID]:
		case elsewhere[entry.ObjectID]:
			s.released[entry.ObjectID] = "handed over to another target"
		case !a.request.Sync.Prune && a.request.Rendered != nil:
			s.kept = append(s.kept, entry)
		default:
			stale = append(stale, entry)
		}
	}
	for {
		a.plan(ctx, s, stale)
		released := len(s.released)
		for _, step := range s.deletes {
			a.release(step, s)
		}
		if len(s.released) == released {
			break
		}
		var rest []inventory.Entry
		for _, entry := range stale {
			if s.released[entry.ObjectID] == "" {
				rest = append(rest, entry)
			}
		}
		stale = rest
	}
	return s, a.claims(ctx, s, siblings)
}

// plan fills in the plan and its steps.
func (a *attempt) plan(ctx context.Context, s *survey, stale []inventory.Entry) {
	s.request.Target, s.request.Ignore, s.request.Namespace = a.request.Target, a.request.Ignore, a.request.Namespace
	s.request.Base = a.base(stale)
	var steps []preview.Step
	s.plan, steps = a.cluster.preview.PlanSteps(ctx, s.request)
	s.wanted, s.deletes, s.sealed = nil, nil, nil
	for _, step := range steps {
		switch {
		case step.Action == preview.Encrypted:
			s.sealed = append(s.sealed, step)
		case step.Wanted:
			s.wanted = append(s.wanted, step)
		default:
			s.deletes = append(s.deletes, step)
		}
	}
}

// base is what the plan takes for deployed: what the caller knows of the objects
// that are still wanted, and the owned ones that are not.
func (a *attempt) base(stale []inventory.Entry) *render.Rendered {
	base := &render.Rendered{Target: a.request.Target}
	wanted := wantedIDs(a.request.Rendered, a.request.Namespace)
	gone := make(idSet)
	for _, entry := range stale {
		gone[entry.ObjectID] = entry
	}
	if a.request.Base != nil {
		for _, object := range a.request.Base.Objects {
			entry, isStale := gone.find(object.ID, a.request.Namespace)
			if isStale || wanted[candidates(object.ID, a.request.Namespace)[0]] {
				base.Objects = append(base.Objects, object)
				delete(gone, entry.ObjectID)
			}
		}
	}
	for _, entry := range stale {
		if _, ok := gone[entry.ObjectID]; ok {
			base.Objects = append(base.Objects, stub(entry))
		}
	}
	return base
}

// namespace adds the target's namespace to what is wanted where it is missing.
func (a *attempt) namespace(ctx context.Context, s *survey) error {
	s.request.Head = a.request.Rendered
	name := a.request.Namespace
	if name == "" || a.request.Rendered == nil || !a.request.Sync.CreateNamespace {
		return nil
	}
	id := render.ObjectID{Kind: "Namespace", Name: name}
	if wantedIDs(a.request.Rendered, "")[id] {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := a.cluster.objects.Resource(namespaces).Get(ctx, name, metav1.GetOptions{})
	switch {
	case err == nil || apierrors.IsForbidden(err): // the plan will tell
		return nil
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("read namespace %s: %w", name, err)
	}
	head := *a.request.Rendered
	head.Objects = append([]render.Object{render.NewObject(map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}, render.Origin{}, nil)}, head.Objects...)
	s.request.Head, s.scaffold = &head, id
	return nil
}

// release notes an object that is not wanted and that is not the target's any more.
func (a *attempt) release(step preview.Step, s *survey) {
	live := step.Live()
	if live == nil || step.Action != preview.Delete {
		return // nothing is there, or the plan says what is wrong
	}
	if why := a.notOurs(live, step.ID); why != "" {
		s.released[step.ID] = why
	}
}

// notOurs says why an object of the record must not be deleted; empty when it may.
func (a *attempt) notOurs(live map[string]any, id render.ObjectID) string {
	entry := newIDSet(a.record)[id]
	owner, marked := ownerOf(live, id)
	switch {
	case marked && owner != a.key:
		return "belongs to " + owner.String() + " now"
	case !marked:
		return "has lost its ownership mark"
	case entry.UID != "" && entry.UID != uidOf(live):
		return "is another object of that name"
	}
	return ""
}

// claims finds the wanted objects that are live and somebody else's, or nobody's.
func (a *attempt) claims(ctx context.Context, s *survey, siblings map[inventory.Key]map[render.ObjectID]bool) error {
	owned := newIDSet(a.record)
	records := make(map[inventory.Key]idSet)
	for _, step := range s.wanted {
		live := step.Live()
		if live == nil {
			continue
		}
		owner, marked := ownerOf(live, step.ID)
		entry, recorded := owned[step.ID]
		switch {
		case marked && owner == a.key:
		case marked:
			given, err := a.isGivenUp(ctx, owner, step.ID, siblings, records)
			if err != nil {
				return err
			}
			if !given {
				s.theirs = append(s.theirs, claim{step.ID, owner})
			}
		case recorded && entry.UID != "" && entry.UID == uidOf(live):
		case !step.Manages():
			s.foreign = append(s.foreign, step.ID)
		}
	}
	return nil
}

// isGivenUp reports whether the target whose mark an object has no longer wants
// it: by this very commit, or by its record.
func (a *attempt) isGivenUp(ctx context.Context, owner inventory.Key, id render.ObjectID,
	siblings map[inventory.Key]map[render.ObjectID]bool, records map[inventory.Key]idSet) (bool, error) {
	if wanted, ok := siblings[owner]; ok {
		return !wanted[id], nil
	}
	if records[owner] == nil {
		record, err := a.cluster.store.Read(ctx, owner)
		if err != nil {
			return false, err
		}
		records[owner] = newIDSet(record)
	}
	_, owns := records[owner][id]
	return !owns, nil
}
