package deploy

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	kept     map[render.ObjectID]string // neither wanted nor deleted for now, and why
	foreign  []render.ObjectID
	theirs   []claim
}

// look plans once more and finds out whose each object is.
func (a *attempt) look(ctx context.Context) (*survey, error) {
	s := &survey{released: make(map[render.ObjectID]string), kept: make(map[render.ObjectID]string)}
	if err := a.namespace(ctx, s); err != nil {
		return nil, err
	}
	near := neighboursOf(a.request)
	stale, err := a.sort(ctx, s, near)
	if err != nil {
		return nil, err
	}
	for {
		a.plan(ctx, s, stale)
		living, staying := liveUIDs(s.wanted), len(s.released)+len(s.kept)
		for _, step := range s.deletes {
			a.release(step, s, living)
			keepInUse(step, s, near)
		}
		if len(s.released)+len(s.kept) == staying {
			break
		}
		var rest []inventory.Entry
		for _, entry := range stale {
			if s.released[entry.ObjectID] == "" && s.kept[entry.ObjectID] == "" {
				rest = append(rest, entry)
			}
		}
		stale = rest
	}
	return s, a.claims(ctx, s, near)
}

// sort notes what of the record is not the target's to delete, or not now, and
// returns what is.
func (a *attempt) sort(ctx context.Context, s *survey, near neighbours) (stale []inventory.Entry, err error) {
	wanted, sealed := wantedIDs(a.request.Rendered, a.request.Namespace), sealedIDs(a.request.Rendered, a.request.Namespace)
	for _, entry := range a.record.Objects {
		heir, moves := near.wants[entry.ObjectID]
		switch {
		case sealed[entry.ObjectID]:
			s.released[entry.ObjectID] = "encrypted in Git now: whoever has the keys applies it"
		case wanted[entry.ObjectID]:
		case moves:
			taken, err := a.owns(ctx, heir, entry.ObjectID)
			var problem *render.Problem
			if err != nil && !errors.As(err, &problem) { // a damaged record is the heir's trouble
				return nil, err
			}
			if taken {
				s.released[entry.ObjectID] = "handed over to another target"
			} else { // or nobody would know of it, should the other never come to it
				s.kept[entry.ObjectID] = "is handed over to another target, which has not taken it yet"
			}
		case !a.request.Sync.Prune && a.request.Rendered != nil:
			s.kept[entry.ObjectID] = "gone from Git, and not deleted (sync.prune: false)"
		case near.broken != nil:
			s.kept[entry.ObjectID] = fmt.Sprintf("is not deleted while %s does not render: it may have gone there", near.broken)
		default:
			stale = append(stale, entry)
		}
	}
	return stale, nil
}

// liveUIDs are those of the steps' live objects.
func liveUIDs(steps []preview.Step) map[string]bool {
	living := make(map[string]bool)
	for _, step := range steps {
		if uid := uidOf(step.Live()); uid != "" {
			living[uid] = true
		}
	}
	return living
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

// underAnother says that one object has several ids, one of which is still wanted:
// its kind is served in several groups.
const underAnother = "is the same object as one that is applied under another group"

// release notes an object that is not wanted and that is not the target's any more.
func (a *attempt) release(step preview.Step, s *survey, living map[string]bool) {
	live := step.Live()
	if live == nil || step.Action != preview.Delete {
		return // nothing is there, or the plan says what is wrong
	}
	if living[uidOf(live)] {
		s.released[step.ID] = underAnother
		return
	}
	if why := a.notOurs(live, step.ID); why != "" {
		s.released[step.ID] = why
	}
}

// keepInUse notes a Namespace or CRD that is not wanted while something in it is:
// deleting it would delete that, too.
func keepInUse(step preview.Step, s *survey, near neighbours) {
	if s.released[step.ID] != "" || step.Live() == nil {
		return
	}
	inside := func(render.ObjectID) bool { return false }
	switch stageOf(step.ID) {
	case stageNamespaces:
		inside = func(id render.ObjectID) bool { return id.Namespace == step.ID.Name }
	case stageDefinitions:
		group, _, _ := unstructured.NestedString(step.Live(), "spec", "group")
		kind, _, _ := unstructured.NestedString(step.Live(), "spec", "names", "kind")
		inside = func(id render.ObjectID) bool { return id.Group == group && id.Kind == kind }
	}
	for _, wanted := range s.wanted {
		if inside(wanted.ID) {
			s.kept[step.ID] = fmt.Sprintf("is not deleted while Git has %s", wanted.ID)
			return
		}
	}
	for id := range near.wants {
		if inside(id) {
			s.kept[step.ID] = "is not deleted while another target has objects in it"
			return
		}
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

// claims finds the wanted objects that are somebody else's, or live and nobody's.
func (a *attempt) claims(ctx context.Context, s *survey, near neighbours) error {
	owned := newIDSet(a.record)
	for _, step := range s.wanted {
		live := step.Live()
		owner, marked := ownerOf(live, step.ID)
		entry, recorded := owned[step.ID]
		rival, contested := near.wants[step.ID]
		switch {
		case marked && owner == a.key:
		case contested && !marked && !recorded: // whoever came first would have it, and the other be refused ever after
			s.theirs = append(s.theirs, claim{step.ID, rival})
		case live == nil:
		case marked:
			given, err := a.isGivenUp(ctx, owner, step.ID, near)
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
func (a *attempt) isGivenUp(ctx context.Context, owner inventory.Key, id render.ObjectID, near neighbours) (bool, error) {
	if wanted, ok := near.known[owner]; ok {
		return !wanted[id], nil
	}
	owns, err := a.owns(ctx, owner, id)
	return !owns, err
}

// owns reports whether another target's record has an object.
func (a *attempt) owns(ctx context.Context, other inventory.Key, id render.ObjectID) (bool, error) {
	if a.others[other] == nil {
		record, err := a.cluster.store.Read(ctx, other)
		if err != nil {
			return false, err
		}
		if a.others == nil {
			a.others = make(map[inventory.Key]idSet)
		}
		a.others[other] = newIDSet(record)
	}
	_, owns := a.others[other][id]
	return owns, nil
}
