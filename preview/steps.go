package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/render"
)

// A Step is one object of a plan with what it takes to carry the plan out. It
// holds unmasked values, which its methods alone give away, for the API server:
// like an object of a rendered, it prints as its id whatever the verb.
type Step struct {
	// ID has the namespace that the object has in the cluster; empty for one
	// that has none.
	ID         render.ObjectID
	APIVersion string
	// Action is the plan's, before a delete and a create are shown as one rename.
	// Empty for an object that is neither wanted nor live, and where nothing was
	// judged.
	Action Action
	// Wanted is false for an object that only base has.
	Wanted bool
	// Resource is how the cluster serves the kind, whatever the version; zero where
	// it does not.
	Resource schema.GroupVersionResource
	// Served is whether it serves just this version.
	Served bool
	// Undiscovered is set where the cluster could not say whether it serves the kind.
	Undiscovered bool
	// Custom is set for a kind that is not of Kubernetes itself; HasStatus where
	// its status is a subresource, so that somebody reports there.
	Custom, HasStatus bool

	item    *item
	manager string
}

// Format prints the step's id, and none of its values.
func (s Step) Format(state fmt.State, _ rune) { fmt.Fprint(state, s.ID.String()) }

// PlanSteps returns the plan of one request, as [Cluster.Plan] does, and its
// steps in the order of collection: head's objects as rendered, then those that only base
// has. There are no steps where the cluster did not answer. It is for a plan that is
// about to be carried out: what the API server said of a creation is believed for
// longer than by Plan, since the creation itself is judged in the same way.
func (c *Cluster) PlanSteps(ctx context.Context, request Request) (*Plan, []Step) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	r := &run{cluster: c, requests: []Request{request}, foresight: true}
	if err := r.look(ctx); err != nil {
		return r.unreachable(err)[0], nil
	}
	r.judgeAll(ctx)
	steps := r.steps()
	return r.assemble()[0], steps
}

// Locate returns the steps of one request without judging them: what is live now,
// and how each kind is served. It is for what could not be judged before its
// Namespace or CRD was there.
func (c *Cluster) Locate(ctx context.Context, request Request) ([]Step, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	r := &run{cluster: c, requests: []Request{request}}
	if err := r.look(ctx); err != nil {
		return nil, fmt.Errorf("locate objects of %s: %w", request.Target, err)
	}
	steps := r.steps()
	for _, step := range steps {
		if step.item.readErr != nil {
			return nil, fmt.Errorf("read %s: %w", step.ID, step.item.readErr)
		}
	}
	return steps, nil
}

// steps makes the steps of the first request.
func (r *run) steps() []Step {
	steps := make([]Step, 0, len(r.items[0]))
	for _, it := range r.items[0] {
		id := it.object().ID
		id.Namespace = it.address.namespace
		copied := *it // a rename changes the item, and not its step
		steps = append(steps, Step{
			ID:           id,
			APIVersion:   it.object().APIVersion,
			Action:       it.change.Action,
			Wanted:       it.head != nil,
			Resource:     it.kind.resource,
			Served:       it.known,
			Undiscovered: !it.known && r.kinds.failed[id.Group] != nil,
			Custom:       id.Group != "" && !slices.Contains(kubernetesGroups, id.Group),
			HasStatus:    it.kind.hasStatus,
			item:         &copied,
			manager:      r.cluster.options.FieldManager,
		})
	}
	return steps
}

// Live returns the live object, unmasked; nil where there is none. It must not be
// changed.
func (s Step) Live() map[string]any { return s.item.live }

// Manages reports whether the plan's field manager applied the live object before.
func (s Step) Manages() bool {
	_, ok := appliedBy(s.item.entries, s.manager)
	return ok
}

// Over returns the step as it is over another state of the live object, e.g. a
// newer one; nil for none.
func (s Step) Over(live map[string]any) Step {
	copied := *s.item
	copied.setLive(live)
	s.item = &copied
	return s
}

// Payload returns what is applied over the live object, unmasked: ignored fields
// and those of an autoscaler are left as they are. It is the caller's to change;
// nil for an object that is not wanted. copied is set when it repeats live values
// that somebody may change meanwhile.
func (s Step) Payload() (payload map[string]any, copied bool) {
	if s.item.head == nil {
		return nil, false
	}
	if s.item.live == nil {
		return clone(s.item.wanted).(map[string]any), false
	}
	return s.item.fit(s.manager).payload, len(s.item.ignore) > 0 || s.item.scaled
}

// Redact takes every sensitive value of the object out of a text about it.
func (s Step) Redact(text string) string { return s.item.redact(text) }

// TakeOver returns the JSON patch that makes other deployers' fields of the live
// object the plan's field manager's own, so that applying removes those that are
// not wanted, as the plan said; nil where there are none. It fits just the live
// object's resourceVersion.
func (s Step) TakeOver() ([]byte, error) {
	legacy := s.item.legacy(s.manager)
	if len(legacy) == 0 {
		return nil, nil
	}
	taken := func(e managedEntry) bool {
		return e.isApplied(s.manager) || isLegacy(e, s.item.entries, s.manager)
	}
	fields, err := union(s.item.entries, taken)
	if err != nil {
		return nil, err
	}
	text, err := fields.ToJSON()
	if err != nil {
		return nil, fmt.Errorf("write managed fields: %w", err)
	}
	version := legacy[0].apiVersion
	if applied, ok := appliedBy(s.item.entries, s.manager); ok {
		version = applied.apiVersion
	}
	metadata, _ := s.item.live["metadata"].(map[string]any)
	list, _ := metadata["managedFields"].([]any)
	kept := []any{map[string]any{
		"manager": s.manager, "operation": string(metav1.ManagedFieldsOperationApply), "apiVersion": version,
		"fieldsType": "FieldsV1", "fieldsV1": json.RawMessage(text),
	}}
	for i, entry := range s.item.entries {
		if !taken(entry) && len(list) == len(s.item.entries) {
			kept = append(kept, list[i])
		}
	}
	// Replacing the resourceVersion makes the API server answer with a conflict
	// when the object has changed meanwhile.
	return encodePatch([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": kept},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": resourceVersion(s.item.live)},
	})
}

func encodePatch(operations []map[string]any) ([]byte, error) {
	body, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encode patch: %w", err)
	}
	return body, nil
}
