package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipwayhq/slipway/render"
)

// numbered returns manyKinds n times, under different names.
func numbered(t testing.TB, n int) []map[string]any {
	var all []map[string]any
	for i := range n {
		for _, object := range rendered(t, manyKinds).Objects {
			content := clone(object.Unmasked()).(map[string]any)
			content["metadata"].(map[string]any)["name"] = fmt.Sprintf("%s-%d", object.ID.Name, i)
			all = append(all, content)
		}
	}
	return all
}

func renderedOf(contents []map[string]any) *render.Rendered {
	r := &render.Rendered{}
	for _, content := range contents {
		r.Objects = append(r.Objects, render.NewObject(content, render.Origin{File: "all.yaml"}, testMasker))
	}
	return r
}

// A mutation changes one random place of decoded JSON.
type mutation struct{ random *rand.Rand }

func (m mutation) of(content map[string]any) map[string]any {
	changed := clone(content).(map[string]any)
	roots := []string{"spec", "data", "rules", "metadata", "subjects", "imagePullSecrets"}
	for range 20 {
		root := roots[m.random.IntN(len(roots))]
		if inner, ok := changed[root]; ok {
			changed[root] = m.inside(root, inner, 0)
			break
		}
	}
	return changed
}

// inside goes down at random, and changes something there.
func (m mutation) inside(name string, value any, depth int) any {
	switch typed := value.(type) {
	case map[string]any:
		keys := sortedKeys(typed, nil)
		if len(keys) > 0 && m.random.IntN(20) < 19 {
			key := keys[m.random.IntN(len(keys))]
			if key == "name" || key == "namespace" {
				return value
			}
			if m.random.IntN(8) == 0 {
				delete(typed, key)
				return typed
			}
			typed[key] = m.inside(key, typed[key], depth+1)
			return typed
		}
		if name == "labels" || name == "annotations" || name == "data" {
			typed["added"] = "YWRkZWQ="
		}
		return typed
	case []any:
		switch n := m.random.IntN(4); {
		case n == 0 && len(typed) > 1:
			typed[0], typed[1] = typed[1], typed[0]
			return typed
		case n == 1 && len(typed) > 1:
			return typed[:len(typed)-1]
		case len(typed) > 0:
			i := m.random.IntN(len(typed))
			typed[i] = m.inside(name, typed[i], depth+1)
		}
		return typed
	case string:
		return typed + "x"
	case int64:
		return typed + 1
	}
	return value
}

// TestSuspectsAloneGiveTheSameAnswer changes hundreds of objects at random, in Git
// and live, by various tools, and wants the plan that asks about suspects alone to
// be the one that asks about everything.
func TestSuspectsAloneGiveTheSameAnswer(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			b := newBed(t)
			m := mutation{rand.New(rand.NewPCG(seed, 7))}
			base := numbered(t, 8)
			b.applyContents("slipway", base)
			head := b.disturb(m, base)
			request := Request{Base: renderedOf(base), Head: renderedOf(head), Namespace: b.namespace}
			all := b.as(b.cluster.Config(), ClusterOptions{DryRunAll: true})
			want := all.Plan(t.Context(), []Request{request})[0]
			got := b.preview.Plan(t.Context(), []Request{request})[0]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("with suspects alone (-everything +suspects):\n%s", diff)
			}
			t.Logf("%d objects: %v; requests: %d for everything, %d for suspects",
				len(head), want.Counts(), all.requests.Load(), b.preview.requests.Load())
			if want.Counts()[Update] < 10 || want.Counts()[Refused] == 0 || want.Drifted() == 0 {
				t.Errorf("the mutations make too little of a difference: %v, %d drifted", want.Counts(), want.Drifted())
			}
			before := b.preview.requests.Load()
			again := b.preview.Plan(t.Context(), []Request{request})[0]
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("the second plan differs (-first +second):\n%s", diff)
			}
			t.Logf("requests for the second plan: %d", b.preview.requests.Load()-before)
			b.applyAndCompare(got, head)
		})
	}
}

// applyAndCompare really applies every object, and wants just those to change that
// the plan said, each as it said.
func (b *bed) applyAndCompare(p *Plan, head []map[string]any) {
	b.t.Helper()
	changes := make(map[render.ObjectID]Change)
	for _, c := range p.Changes {
		changes[c.ID] = c
	}
	compared := 0
	b.eachLive(head, func(ctx context.Context, it *item) error {
		resource := at(b.dynamic, it.address.place)
		before, err := resource.Get(ctx, it.address.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		it.setLive(before.Object)
		change := changes[it.change.ID]
		if len(it.legacy("slipway")) > 0 {
			return nil // whose fields are taken over first, which this does not
		}
		body, err := encode(it.wanted)
		if err != nil {
			return err
		}
		force := true
		after, err := resource.Patch(ctx, it.address.name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "slipway", Force: &force})
		if refused := change.Action == Refused || change.Action == Replace; refused != (err != nil) {
			b.t.Errorf("%s is %s, and applying it says %v", it.change.ID, change.Action, err)
		}
		if err != nil {
			return nil
		}
		compared++
		differences := compare(visible(comparable(before.Object, false), testMasker.Mask(comparable(before.Object, false))),
			visible(comparable(after.Object, false), testMasker.Mask(comparable(after.Object, false))), trees(managedEntries(before.Object), managedEntries(after.Object)))
		var did, said []string
		for _, d := range differences {
			did = append(did, fmt.Sprint(d.path.String(), d.old, d.new))
		}
		for _, f := range change.Fields {
			said = append(said, fmt.Sprint(f.Path, f.Old, f.New))
		}
		slices.Sort(did)
		slices.Sort(said)
		if diff := cmp.Diff(said, did); diff != "" {
			b.t.Errorf("applying %s does not do what the plan said (-said +did):\n%s", it.change.ID, diff)
		}
		return nil
	})
	if compared < len(head)/2 {
		b.t.Errorf("only %d of %d objects could be compared", compared, len(head))
	}
}

func (b *bed) applyContents(manager string, contents []map[string]any) {
	b.t.Helper()
	b.eachLive(contents, func(ctx context.Context, it *item) error {
		body, err := encode(it.wanted)
		if err != nil {
			return err
		}
		force := true
		_, err = at(b.dynamic, it.address.place).Patch(ctx, it.address.name, types.ApplyPatchType, body,
			metav1.PatchOptions{FieldManager: manager, Force: &force})
		return err
	})
}

func (b *bed) eachLive(contents []map[string]any, f func(context.Context, *item) error) {
	b.t.Helper()
	r := &run{cluster: b.preview, requests: []Request{{Namespace: b.namespace, Head: renderedOf(contents)}}}
	if err := r.meet(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	r.collect()
	if err := r.resolve(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	for _, it := range r.items[0] {
		if err := f(b.t.Context(), it); err != nil {
			b.t.Fatalf("%s: %v", it.change.ID, err)
		}
	}
}

// disturb changes a third of the objects in Git, and a third live.
func (b *bed) disturb(m mutation, base []map[string]any) (head []map[string]any) {
	tools := []string{"kubectl-edit", "kubectl-client-side-apply", "some-controller", "slipway"}
	b.eachLive(base, func(ctx context.Context, it *item) error {
		if m.random.IntN(3) == 0 {
			head = append(head, m.of(it.head.Unmasked()))
		} else {
			head = append(head, it.head.Unmasked())
		}
		if m.random.IntN(3) != 0 {
			return nil
		}
		changed := m.of(it.wanted)
		if m.random.IntN(6) == 0 {
			changed["metadata"].(map[string]any)["annotations"] = map[string]any{lastApplied: "{}", "extra": "x"}
		}
		body, err := json.Marshal(mergePatch(it.wanted, changed))
		if err != nil {
			return err
		}
		_, err = at(b.dynamic, it.address.place).Patch(ctx, it.address.name, types.MergePatchType, body,
			metav1.PatchOptions{FieldManager: tools[m.random.IntN(len(tools))]})
		if err != nil && !strings.Contains(err.Error(), "nvalid") && !strings.Contains(err.Error(), "orbidden") && !strings.Contains(err.Error(), "unable to parse") &&
			!strings.Contains(err.Error(), "unmarshal") {
			return err // a mutation that the API server does not take is none
		}
		return nil
	})
	return head
}
