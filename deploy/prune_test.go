package deploy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

// maps are ConfigMaps of those names.
func maps(names ...string) string {
	var documents []string
	for _, name := range names {
		documents = append(documents, configMap(name, "1"))
	}
	return join(documents...)
}

// word returns the digest in a hint like "/confirm target digest".
func word(t testing.TB, hint, command string) string {
	t.Helper()
	parts := strings.Fields(hint)
	if len(parts) != 3 || parts[0] != "/"+command {
		t.Fatalf("the hint is %q, want /%s TARGET DIGEST", hint, command)
	}
	return parts[2]
}

func TestLargeShareWaitsForAWord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b", "c", "d", "e"))
	waiting := b.apply(b.request(maps("a", "b")))
	b.want(waiting, Waiting, "3 of 5 objects would be deleted", "/confirm test/"+b.namespace)
	b.wantOwned("ConfigMap a, ConfigMap b, ConfigMap c, ConfigMap d, ConfigMap e")

	b.say(inventory.Confirm, "0123456789ab") // of another plan
	b.want(b.apply(b.request(maps("a", "b"))), Waiting)

	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	applied := b.apply(b.request(maps("a", "b")))
	b.want(applied, Applied)
	if applied.By != "bob" {
		t.Errorf("applied by %q, want bob", applied.By)
	}
	b.wantOwned("ConfigMap a, ConfigMap b")
	b.wantField("gone", "ConfigMap", "c")
	if words := b.record().Words; len(words) != 1 || words[0].Digest != "0123456789ab" {
		t.Errorf("words left: %v, want only the one that nothing used", words)
	}
}

// A new hash in a name is no loss.
func TestRenamesAreNoShareOfDeletions(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a-24567bcdfg", "b-24567bcdfg", "c-24567bcdfg", "d-24567bcdfg"))
	b.deployed(maps("a-hkmt98765g", "b-hkmt98765g", "c-hkmt98765g", "d-hkmt98765g"))
	b.wantOwned("ConfigMap a-hkmt98765g, ConfigMap b-hkmt98765g, ConfigMap c-hkmt98765g, ConfigMap d-hkmt98765g")
	b.want(b.apply(b.request(maps("a-hkmt98765g"))), Waiting, "3 of 4 objects would be deleted")
}

func TestProtectedKindWaitsForAWord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	claim := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
	b.deployed(join(maps("a", "b", "c", "d"), claim))
	waiting := b.apply(b.request(maps("a", "b", "c", "d")))
	b.want(waiting, Waiting, "PersistentVolumeClaim", "would be deleted")
	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	b.want(b.apply(b.request(maps("a", "b", "c", "d"))), Applied)
	b.wantField("gone", "PersistentVolumeClaim", "data")
}

// Whatever a person says, what Git has is not deleted by way of what it is in.
func TestWhatIsInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("widgets")
	inside := b.namespace + "-inside"
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + inside + "}\n"
	placed := strings.Replace(configMap("placed", "1"), "name: placed", "name: placed, namespace: "+inside, 1)
	widget := b.custom("Widget", "one")
	b.deployed(join(maps("a"), namespace, placed, bare(b.definition("widgets", "Widget")), widget))
	receipt := b.apply(b.request(join(maps("a"), placed, widget)))
	b.want(receipt, Applied)
	for _, text := range []string{
		"kept none Namespace " + inside + ": is not deleted while Git has ConfigMap " + inside + "/placed",
		"kept none CustomResourceDefinition widgets." + b.namespace + ".example.com: is not deleted while Git has Widget " + b.namespace + "/one",
	} {
		if !strings.Contains(summary(receipt), text) {
			t.Errorf("the receipt\n%s\nis without %q", summary(receipt), text)
		}
	}
	b.wantField("null", "Namespace", inside, "metadata", "deletionTimestamp")

	another := b.request(maps("a"))
	another.Siblings = []Sibling{{Target: b.another("other").target, Rendered: rendered(t, join(placed, widget)), Namespace: b.namespace}}
	b.want(b.apply(another), Applied)
	b.wantField("null", "Namespace", inside, "metadata", "deletionTimestamp")

	waiting := b.apply(b.request(maps("a")))
	b.want(waiting, Waiting, "Namespace "+inside)
	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	b.deployed(maps("a"))
	b.wantOwned("ConfigMap a")
	b.wantField("gone", "Namespace", inside)
}

func TestRetiredTargetIsDeletedAfterAWord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b"))
	retired := b.request("")
	retired.Rendered = nil
	waiting := b.apply(retired)
	b.want(waiting, Waiting, "is gone from Git")
	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	b.want(b.apply(retired), Applied)
	b.wantField("gone", "ConfigMap", "a")
	b.wantOwned("no record")
	b.want(b.apply(retired), Unchanged)
}

func TestEmptyRenderDeletesNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a"))
	b.want(b.apply(b.request("")), Refused, "renders no objects", "remove its directory")
	b.wantField(`"1"`, "ConfigMap", "a", "data", "value")
	b.wantOwned("ConfigMap a")

	broken := b.request("")
	broken.Rendered.Problem = &render.Problem{Message: "the kustomization is broken"}
	b.want(b.apply(broken), Refused, "the kustomization is broken")
}

func TestWithoutPruneTheyStayAndAreListed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b"))
	b.sync.Prune = false
	receipt := b.deployed(maps("a"))
	wantSummary(t, receipt, "healthy none ConfigMap a", "kept none ConfigMap b: gone from Git, and not deleted (sync.prune: false)")
	b.wantOwned("ConfigMap a, ConfigMap b")
	b.want(b.apply(b.request(maps("a"))), Unchanged)
	b.sync.Prune = true
	b.deployed(maps("a"))
	b.wantField("gone", "ConfigMap", "b")
	b.wantOwned("ConfigMap a")
}

// another returns a bed with another target in the same namespace.
func (b *bed) another(application string) *bed {
	other := *b
	other.target.Application += render.Application("-" + application)
	return &other
}

func TestTwoOwnersAreRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "shared"))
	other := b.another("other")
	other.want(other.apply(other.request(maps("shared"))), Refused, "two owners", "ConfigMap "+b.namespace+"/shared belongs to acme/shop test/"+b.namespace)
	other.wantOwned("no record")
}

// Two targets of one commit that render the same new object are both refused: else
// it would be whose who was quicker.
func TestTwoWouldBeOwnersAreRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	other := b.another("other")
	first, second := b.request(maps("a", "shared")), other.request(maps("b", "shared"))
	first.Siblings = []Sibling{{Target: other.target, Rendered: second.Rendered, Namespace: b.namespace}}
	second.Siblings = []Sibling{{Target: b.target, Rendered: first.Rendered, Namespace: b.namespace}}
	b.want(b.apply(first), Refused, "two owners: ConfigMap "+b.namespace+"/shared belongs to acme/shop "+other.target.String())
	other.want(other.apply(second), Refused, "two owners")
	b.wantField("gone", "ConfigMap", "shared")

	// Whose it is already keeps it, also where it was deleted by hand.
	b.deployed(maps("a", "shared"))
	b.remove("ConfigMap", "shared")
	again := b.request(maps("a", "shared", "more"))
	again.Siblings = first.Siblings
	b.want(b.apply(again), Applied)
	other.want(other.apply(second), Refused, "two owners")
}

func TestMovedObjectIsHandedOver(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"loser", "winner"} {
		t.Run(first+" first", func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			loser, winner := b, b.another("winner")
			loser.deployed(maps("a", "moved"))
			uid := b.field("ConfigMap", "moved", "metadata", "uid")
			left, right := loser.request(maps("a")), winner.request(maps("moved"))
			left.Siblings = []Sibling{{Target: winner.target, Rendered: right.Rendered, Namespace: b.namespace}}
			right.Siblings = []Sibling{{Target: loser.target, Rendered: left.Rendered, Namespace: b.namespace}}
			steps := []func(){
				func() { loser.want(loser.apply(left), Applied) },
				func() { winner.want(winner.apply(right), Applied) },
			}
			if first == "winner" {
				steps[0], steps[1] = steps[1], steps[0]
			}
			steps[0]()
			steps[1]()
			if first == "loser" { // it keeps the object in its record until it knows that it was taken
				loser.wantOwned("ConfigMap a, ConfigMap moved")
				loser.want(loser.apply(left), Applied)
			}
			loser.wantOwned("ConfigMap a")
			winner.wantOwned("ConfigMap moved")
			b.wantField(uid, "ConfigMap", "moved", "metadata", "uid")
			b.wantField(fmt.Sprintf("%q", markOf(winner.key(), render.ObjectID{Kind: "ConfigMap", Namespace: b.namespace, Name: "moved"})),
				"ConfigMap", "moved", "metadata", "annotations", markAnnotation)
		})
	}
}

func TestRenamedTargetHandsEverythingOver(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b"))
	renamed := b.another("renamed")
	request := renamed.request(maps("a", "b"))
	request.Siblings = []Sibling{{Target: b.target}}
	renamed.want(renamed.apply(request), Applied)
	retired := b.request("")
	retired.Rendered = nil
	b.want(b.apply(retired), Applied)
	b.wantOwned("no record")
	renamed.wantOwned("ConfigMap a, ConfigMap b")
	b.wantField(`"1"`, "ConfigMap", "a", "data", "value")
}

// TestOnlyOwnObjectsArePruned has what looks like an owned object and is none.
func TestOnlyOwnObjectsArePruned(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, why string
		change    func(b *bed)
	}{
		{"without its mark", "has lost its ownership mark", func(b *bed) {
			b.patch("kubectl-edit", "ConfigMap", "b", `{"metadata":{"annotations":{"slipway.dev/owner":null}}}`)
		}},
		{"made again by hand", "has lost its ownership mark", func(b *bed) {
			b.remove("ConfigMap", "b")
			b.create("kubectl", configMap("b", "by hand"))
		}},
		{"made again with its mark", "is another object of that name", func(b *bed) {
			mark := b.live("ConfigMap", "b")["metadata"].(map[string]any)["annotations"].(map[string]any)[markAnnotation].(string)
			b.remove("ConfigMap", "b")
			b.create("kubectl", configMap("b", "by hand"))
			b.patch("kubectl", "ConfigMap", "b", fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, markAnnotation, mark))
		}},
		{"a copy of another's", "has lost its ownership mark", func(b *bed) {
			b.patch("kubectl", "ConfigMap", "b", fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, markAnnotation,
				markOf(b.key(), render.ObjectID{Kind: "ConfigMap", Namespace: b.namespace, Name: "a"})))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.deployed(maps("a", "b"))
			test.change(b)
			receipt := b.deployed(maps("a"))
			wantSummary(t, receipt, "healthy none ConfigMap a", "kept none ConfigMap b: "+test.why)
			b.wantOwned("ConfigMap a")
			if b.live("ConfigMap", "b") == nil {
				t.Error("it was deleted")
			}
		})
	}
}

func TestWhatCannotBeDeletedStaysInTheRecord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b"))
	b.patch("kubectl", "ConfigMap", "b", `{"metadata":{"finalizers":["example.com/never"]}}`)
	b.sync.Timeout = Duration(time.Second)
	receipt := b.apply(b.request(maps("a")))
	b.want(receipt, Applied, "its deletion waits for example.com/never")
	b.wantOwned("ConfigMap a, ConfigMap b")
	if _, err := b.resource("ConfigMap").Patch(b.context(), "b", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	b.sync.Timeout = DefaultSync().Timeout
	b.deployed(maps("a"))
	b.wantOwned("ConfigMap a")
}
