package preview

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// anew stands for a value of admission's that is another one each time it is asked.
const anew = "(another value each time)"

// admitting are the kinds that admission of Kubernetes itself may change as they are
// created: service accounts, limit ranges, default classes, priorities.
var admitting = map[schema.GroupKind]bool{
	{Kind: "Pod"}: true, {Kind: "PersistentVolumeClaim"}: true, {Kind: "PersistentVolume"}: true, {Kind: "Node"}: true,
	{Group: "networking.k8s.io", Kind: "Ingress"}: true,
}

// mayAdmit reports whether admission may make something else of an object that is
// created than what was sent.
func (r *run) mayAdmit(it *item) bool {
	id := it.change.ID
	return admitting[schema.GroupKind{Group: id.Group, Kind: id.Kind}] ||
		r.admission.mayMutate(it.kind, it.wanted, nil, &r.namespaces)
}

// admitted returns what admission makes of a new object: what was sent, with
// admission's changes, and without the API server's defaults and what it hands out.
// first is the answer to the dry run of the apply; nil means that admission changes
// nothing.
//
// What nothing explains is asked about a second time, by a dry run of a POST. Of
// that the API server writes down, in managedFields, which fields were there before
// admission, its own defaults included; and what is not the same in both answers is
// nobody's choice. See docs/adr/0020-creations-as-admission-leaves-them.md.
func (r *run) admitted(ctx context.Context, it *item, body []byte, first map[string]any) (map[string]any, error) {
	wanted, first := comparable(it.wanted, it.setsStatus()), comparable(first, it.setsStatus())
	defaults := r.defaultsOf(ctx, it)
	left := unexplained(wanted, first, defaults(first))
	if equal(wanted, left) {
		return nil, nil
	}
	second, err := r.cluster.dryCreate(ctx, it.address, body)
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil, errMoved
	case apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err):
		return left, nil
	case err != nil:
		return nil, err
	}
	again, entries := comparable(second, it.setsStatus()), managedEntries(second)
	again = unexplained(wanted, again, defaults(again))
	asked := pruner{trees: trees(entries), explained: func(p path, value any) bool {
		if known, same := defaults(first)(p, value); known {
			return same
		}
		return slices.ContainsFunc(entries, func(e managedEntry) bool { return e.hadBefore(p, value) })
	}}
	after := asked.of(wanted, steadied(left, again).(map[string]any))
	if equal(wanted, after) {
		return nil, nil
	}
	return after, nil
}

// unexplained returns after, the answer to the creation of what is wanted, without
// what is known to be the API server's own.
func unexplained(wanted, after map[string]any, known defaulting) map[string]any {
	return pruner{explained: func(p path, value any) bool { _, same := known(p, value); return same }}.of(wanted, after)
}

// defaultsOf returns what is known of an object's defaults without asking about it,
// for the answer that has them.
func (r *run) defaultsOf(ctx context.Context, it *item) func(after map[string]any) defaulting {
	if group := it.change.ID.Group; group == "" || slices.Contains(kubernetesGroups, group) {
		return func(after map[string]any) defaulting { return ownDefaults(it.change.ID.Kind, after) }
	}
	gvk := schema.FromAPIVersionAndKind(it.change.APIVersion, it.change.ID.Kind)
	known := schemaDefaults(nil, nil)
	if published, err := r.cluster.publishedShape(ctx, gvk); err == nil {
		known = schemaDefaults(published.model(gvk), it.wanted)
	}
	return func(map[string]any) defaulting { return known }
}

// hadBefore reports whether the writer owns just what the path leads to: the value
// was there when the API server wrote down who owns what. A map that is owned as a
// whole may have been empty then, so that nothing is known of what is in it.
func (e managedEntry) hadBefore(p path, value any) bool {
	node := e.fields
	for _, s := range p {
		next, ok := s.down(node)
		if !ok {
			return false
		}
		node = next
	}
	switch typed := value.(type) {
	case map[string]any:
		return len(typed) == 0
	case []any:
		return isLeaf(node)
	}
	return true
}

// dryCreate asks what creating the object, an encoded payload, by a POST would make
// of it.
func (c *Cluster) dryCreate(ctx context.Context, a address, body []byte) (map[string]any, error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	created, err := at(c.dynamic, a.place).Create(ctx, object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldManager: c.options.FieldManager, FieldValidation: FieldValidation,
	})
	if err != nil {
		return nil, err
	}
	return created.Object, nil
}

// A pruner takes out of an answer what was not sent and has an explanation.
type pruner struct {
	trees     []map[string]any // managedFields, which know the merge keys of lists
	explained func(p path, value any) bool
}

// of returns after as it is to be compared with wanted: without what is explained,
// and with what the API server merely writes in its own way as it was sent.
func (s pruner) of(wanted, after map[string]any) map[string]any {
	return s.maps(nil, wanted, after, s.trees)
}

func (s pruner) value(p path, wanted, after any, nodes []map[string]any) any {
	switch typed := after.(type) {
	case map[string]any:
		if m, ok := wanted.(map[string]any); ok {
			return s.maps(p, m, typed, nodes)
		}
	case []any:
		if list, ok := wanted.([]any); ok {
			return s.lists(p, list, typed, nodes)
		}
	case string, int64, float64:
		if sameQuantities(wanted, after) {
			return wanted
		}
	}
	return after
}

func (s pruner) maps(p path, wanted, after map[string]any, nodes []map[string]any) map[string]any {
	pruned := make(map[string]any, len(after))
	for key, value := range wanted {
		inner, ok := after[key]
		at := step{key: key}
		switch {
		case !ok && isEmpty(value), isEmpty(value) && isEmpty(inner):
			pruned[key] = value // the API server keeps nothing of it
		case ok && isEmpty(value):
			if rest, ok := s.addition(p.with(at), inner, below(nodes, at)); ok {
				pruned[key] = rest
			} else {
				pruned[key] = value
			}
		case ok:
			pruned[key] = s.value(p.with(at), value, inner, below(nodes, at))
		}
	}
	for key, value := range after {
		if _, sent := wanted[key]; sent {
			continue
		}
		at := step{key: key}
		if rest, ok := s.addition(p.with(at), value, below(nodes, at)); ok {
			pruned[key] = rest
		}
	}
	return pruned
}

// addition returns what nothing explains of a value that was not sent; false where
// that is nothing.
func (s pruner) addition(p path, value any, nodes []map[string]any) (any, bool) {
	if s.explained(p, value) {
		return nil, false
	}
	switch typed := value.(type) {
	case map[string]any:
		if len(typed) == 0 {
			return typed, true
		}
		rest := s.maps(p, nil, typed, nodes)
		return rest, len(rest) > 0
	case []any:
		if len(typed) == 0 {
			return typed, true
		}
		rest := s.lists(p, nil, typed, nodes)
		return rest, len(rest) > 0
	}
	return value, true
}

// lists prunes the items of a list, each with the one that was sent for it.
func (s pruner) lists(p path, wanted, after []any, nodes []map[string]any) []any {
	steps := stepsOf(p, wanted, after, nodes)
	counterparts := s.pair(p, steps, wanted, after, nodes)
	pruned := make([]any, 0, len(after))
	for i, item := range after {
		at := p.with(steps[i])
		if j := counterparts[i]; j >= 0 {
			pruned = append(pruned, s.value(at, wanted[j], item, below(nodes, steps[i])))
		} else if rest, ok := s.addition(at, item, below(nodes, steps[i])); ok {
			pruned = append(pruned, rest)
		}
	}
	return pruned
}

// stepsOf returns the step to each item of after.
func stepsOf(p path, wanted, after []any, nodes []map[string]any) []step {
	name := ""
	if len(p) > 0 {
		name = p[len(p)-1].key
	}
	var keys []string
	if _, ok := itemsOf(wanted, after); ok {
		keys = listKeys(name, nodes, wanted, after)
	}
	steps := make([]step, len(after))
	for i, item := range after {
		if steps[i] = (step{index: i}); keys != nil {
			steps[i] = itemStep(item.(map[string]any), keys)
		}
	}
	return steps
}

// pair returns for each item of after which wanted one it was made of, -1 for none:
// by merge key; else the first that it equals, explanations apart; else the one in
// its place.
func (s pruner) pair(p path, steps []step, wanted, after []any, nodes []map[string]any) []int {
	pairs, taken := make([]int, len(after)), make([]bool, len(wanted))
	find := func(i int, fits func(j int) bool) {
		for j := range wanted {
			if pairs[i] < 0 && !taken[j] && fits(j) {
				pairs[i], taken[j] = j, true
			}
		}
	}
	for i, item := range after {
		pairs[i] = -1
		find(i, func(j int) bool {
			if steps[i].item != nil {
				m, ok := wanted[j].(map[string]any)
				return ok && steps[i].matches(m)
			}
			return equal(s.value(p.with(steps[i]), wanted[j], item, below(nodes, steps[i])), wanted[j])
		})
	}
	for i := range after {
		if steps[i].item == nil && pairs[i] < 0 {
			find(i, func(j int) bool { return i == j })
		}
	}
	return pairs
}

// steadied returns first, with a mark in place of everything that a second answer to
// the same question has otherwise.
func steadied(first, second any) any {
	switch typed := first.(type) {
	case map[string]any:
		if other, ok := second.(map[string]any); ok {
			return steadiedMap(typed, other)
		}
	case []any:
		if other, ok := second.([]any); ok && len(other) == len(typed) {
			list := make([]any, len(typed))
			for i, item := range typed {
				list[i] = steadied(item, other[i])
			}
			return list
		}
	}
	if equal(first, second) {
		return first
	}
	return anew
}

func steadiedMap(first, second map[string]any) map[string]any {
	m := make(map[string]any, len(first))
	for key, value := range first {
		if there, ok := second[key]; ok {
			m[key] = steadied(value, there)
		} else {
			m[anew] = anew // not even the key is the same
		}
	}
	return m
}

// fillAdmitted adds to a creation's fields what admission makes of it.
func (it *item) fillAdmitted(after map[string]any) {
	if after == nil {
		return
	}
	mask, wanted := it.object().Masker(), comparable(it.wanted, it.setsStatus())
	for _, d := range compare(visible(wanted, mask.Mask(wanted)), visible(after, mask.Mask(after)), nil) {
		if it.ignored(d.path, wanted, after) {
			continue
		}
		it.admitted = append(it.admitted, Field{Path: d.path.String(), Old: d.old, New: d.new, Source: FromAdmission})
	}
	it.change.Fields = append(it.change.Fields, it.admitted...)
	sortFields(it.change.Fields)
}
