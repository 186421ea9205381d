package deploy

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipwayhq/slipway/deploy/inventory"
)

// state is what a deploy leaves behind, without what differs by nature.
type state struct {
	Objects map[string]any
	Record  inventory.Record
}

// state returns all ConfigMaps, Deployments and the record. UIDs are replaced by
// whether they are those of the live objects.
func (b *bed) state() state {
	b.t.Helper()
	s := state{Objects: make(map[string]any), Record: *b.record()}
	for i, entry := range s.Record.Objects {
		live := b.live(entry.Kind, entry.Name)
		if live == nil {
			b.t.Fatalf("%s is recorded, and not there", entry.ObjectID)
		}
		metadata := live["metadata"].(map[string]any)
		s.Objects[entry.Kind+" "+entry.Name] = map[string]any{"data": live["data"], "spec": live["spec"], "annotations": keys(metadata["annotations"])}
		s.Record.Objects[i].UID = fmt.Sprint(entry.UID == uidOf(live))
		s.Record.Objects[i].Namespace = ""
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		if live := b.live("ConfigMap", name); live != nil && s.Objects["ConfigMap "+name] == nil {
			s.Objects["leaked "+name] = true
		}
	}
	s.Record.Application = ""
	return s
}

// keys are a map's keys: annotations have names of the bed's namespace inside.
func keys(m any) []string {
	var names []string
	if annotations, ok := m.(map[string]any); ok {
		for name := range annotations {
			names = append(names, name)
		}
	}
	return names
}

var modulo = cmp.Options{
	cmpopts.IgnoreFields(inventory.Deployment{}, "Started", "Applied", "Ended", "Plan"),
	cmpopts.IgnoreTypes(time.Time{}),
	cmpopts.SortSlices(func(x, y string) bool { return x < y }),
}

// setUp brings a bed to where the deploy begins that is to be interrupted: it
// creates, updates, replaces, takes over, waits for a Deployment and prunes enough
// to need a word.
func (b *bed) setUp() Request {
	b.t.Helper()
	b.sync.Replace = []string{"ConfigMap"}
	b.deployed(join(configMap("a", "1"), configMap("b", "1")+"immutable: true\n", configMap("c", "1"), configMap("d", "1"), configMap("e", "1"), deploymentOf("web", "1.4.0")))
	b.create("kubectl-client-side-apply", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: f}\ndata: {value: '0', old: gone}\n")
	request := b.request(join(configMap("a", "2"), configMap("b", "2")+"immutable: true\n", configMap("f", "2"), configMap("g", "2"), deploymentOf("web", "1.4.1")))
	request.Sync.Retry.Limit = 0
	b.say(inventory.Apply, request.Rendered.Digest)
	waiting := b.apply(request)
	b.want(waiting, Waiting)
	b.say(inventory.Confirm, word(b.t, waiting.Hint, "confirm"))
	return request
}

// TestCrashBetweenAnyTwoWrites kills a deploy before and after each of its writes:
// the next one ends where an undisturbed one ends.
func TestCrashBetweenAnyTwoWrites(t *testing.T) {
	t.Parallel()
	undisturbed := newBed(t)
	var counter counter
	request := undisturbed.setUp()
	undisturbed.want(undisturbed.applyBy(undisturbed.connect("undisturbed", counter.wrap), request), Applied)
	want, writes := undisturbed.state(), int(counter.writes.Load())
	if writes < 10 {
		t.Fatalf("only %d writes: the deploy does not do what it is to show", writes)
	}
	for _, after := range []bool{false, true} {
		for k := range writes {
			t.Run(fmt.Sprintf("%d of %d, sent %t", k+1, writes, after), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				request := b.setUp()
				kill := &killer{after: after}
				kill.left.Store(int64(k))
				ctx, cancel := context.WithTimeout(b.context(), 5*time.Minute)
				defer cancel()
				if receipt, err := b.connect("killed", kill.wrap).Apply(ctx, request); err == nil && kill.dead.Load() {
					t.Errorf("killed, it says %s", receipt.State)
				}
				if k > 0 { // what dies keeps its lease until it expires, which is waited for once
					if err := b.clients.CoordinationV1().Leases(inventory.Namespace).Delete(ctx, b.key().Name(), metav1.DeleteOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				again := b.apply(request)
				if !(again.State == Unchanged && after && k == writes-1) { // all of it had been done
					b.want(again, Applied)
				}
				if diff := cmp.Diff(want, b.state(), modulo); diff != "" {
					t.Errorf("undisturbed (-) and interrupted (+):\n%s", diff)
				}
			})
		}
	}
}
