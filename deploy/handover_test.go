package deploy

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// What an heir never comes to take is not forgotten by whoever had it.
func TestWhatNobodyTookIsNotForgotten(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	heir := b.another("heir")
	b.deployed(maps("a", "moved"))
	moves := b.request(maps("a"))
	moves.Siblings = []Sibling{{Target: heir.target, Rendered: heir.request(maps("moved")).Rendered, Namespace: b.namespace}}
	receipt := b.apply(moves)
	b.want(receipt, Applied)
	wantSummary(t, receipt, "healthy none ConfigMap a", "kept none ConfigMap moved: is handed over to another target, which has not taken it yet")
	b.wantField(`"1"`, "ConfigMap", "moved", "data", "value")

	// The heir was refused, say, and the next commit takes the object from it, too.
	b.deployed(maps("a"))
	b.wantField("gone", "ConfigMap", "moved")
	b.wantOwned("ConfigMap a")
}

// A renamed target that goes first keeps what the new one is to have.
func TestRetiredTargetWaitsForItsHeir(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b"))
	renamed := b.another("renamed")
	taking := renamed.request(maps("a", "b"))
	taking.Siblings = []Sibling{{Target: b.target}}
	retired := b.request("")
	retired.Rendered = nil
	retired.Siblings = []Sibling{{Target: renamed.target, Rendered: taking.Rendered, Namespace: b.namespace}}
	var counter counter
	b.want(b.applyBy(b.connect("counting", counter.wrap), retired), Unchanged, "has not taken it yet")
	if n := counter.writes.Load(); n != 0 {
		t.Errorf("%d writes", n)
	}
	renamed.want(renamed.apply(taking), Applied)
	b.want(b.apply(retired), Applied)
	b.wantOwned("no record")
	renamed.wantOwned("ConfigMap a, ConfigMap b")
	b.wantField(`"1"`, "ConfigMap", "a", "data", "value")
}

// What a broken target renders nobody knows: an object may have gone there.
func TestNothingIsDeletedWhileASiblingDoesNotRender(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b"))
	other := render.Target{Environment: b.target.Environment, Application: "other"}
	broken := &render.Rendered{Problem: &render.Problem{Message: "the kustomization is broken"}}
	request := b.request(maps("a"))
	request.Siblings = []Sibling{{Target: other, Rendered: broken}}
	receipt := b.apply(request)
	b.want(receipt, Applied)
	wantSummary(t, receipt, "healthy none ConfigMap a", "kept none ConfigMap b: is not deleted while test/other does not render: it may have gone there")
	b.wantOwned("ConfigMap a, ConfigMap b")

	// Another environment's is no reason.
	other.Environment = "elsewhere"
	request = b.request(maps("a"))
	request.Siblings = []Sibling{{Target: other, Rendered: broken}}
	b.want(b.apply(request), Applied)
	b.wantField("gone", "ConfigMap", "b")
}

// event is one that both groups of Events take.
func (b *bed) event(group string) string {
	core := `apiVersion: v1
kind: Event
metadata: {name: e}
involvedObject: {kind: ConfigMap, namespace: NAMESPACE, name: a}
reason: Tested
type: Normal
message: it was
eventTime: "2026-05-04T03:02:01.000000Z"
reportingComponent: example.com/tests
reportingInstance: tests-1
action: Test
`
	other := `apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: e}
regarding: {kind: ConfigMap, namespace: NAMESPACE, name: a}
reason: Tested
type: Normal
note: it was
eventTime: "2026-05-04T03:02:01.000000Z"
reportingController: example.com/tests
reportingInstance: tests-1
action: Test
`
	if group != "" {
		core = other
	}
	return strings.ReplaceAll(core, "NAMESPACE", b.namespace)
}

// An object has one UID under each group that serves it.
func TestAnotherGroupOfTheSameObjectDeletesNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	resources := b.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(b.namespace)
	uid := func() string {
		t.Helper()
		event, err := resources.Get(b.context(), "e", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return string(event.GetUID())
	}
	b.deployed(join(maps("a"), b.event("")))
	before := uid()
	receipt := b.deployed(join(maps("a"), b.event("events.k8s.io")))
	if n := receipt.Plan.Counts()[preview.Delete]; n != 0 {
		t.Errorf("the plan has %d deletions", n)
	}
	if after := uid(); after != before {
		t.Errorf("it was %s, and is %s", before, after)
	}
	b.wantOwned("ConfigMap a, Event e")
	if group := b.record().Objects[1].Group; group != "events.k8s.io" {
		t.Errorf("the record has the one of group %q", group)
	}
}

// A replacement that nobody lived to record is the target's nevertheless.
func TestReplacedAndInterruptedIsPrunedLater(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.sync.Replace = []string{"ConfigMap"}
	b.deployed(join(maps("a"), configMap("fixed", "1")+"immutable: true\n"))
	request := b.request(join(maps("a"), configMap("fixed", "2")+"immutable: true\n"))
	request.Sync.Retry.Limit = 0
	var cut atomic.Bool
	c := b.connect("killed", func(config *rest.Config) { killAfterCreation(config, "fixed", &cut) })
	if _, err := c.Apply(b.context(), request); err == nil || !cut.Load() {
		t.Fatalf("it was not interrupted: %v", err)
	}
	b.wantField(`"2"`, "ConfigMap", "fixed", "data", "value")
	b.deployed(maps("a"))
	b.wantField("gone", "ConfigMap", "fixed")
}

// A ConfigMap with the hash of its content in its name is needed for as long as
// there are pods of the time before.
func TestSupersededConfigStaysWhilePodsUseIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const before, after = "settings-24567bcdfg", "settings-hkmt98765g"
	web := func(settings, more string) string {
		return strings.Replace(deploymentOf("web", "1.4.0"), `image: "registry.example/app:1.4.0"`,
			`image: "registry.example/app:1.4.0", envFrom: [{configMapRef: {name: `+settings+`}}]`, 1) + more
	}
	b.deployed(join(maps(before, "a", "b", "c"), web(before, "")))
	receipt := b.deployed(join(maps(after, "a", "b", "c"), web(after, "  paused: true\n")))
	if text := "kept delete ConfigMap " + before + ": pod web-"; !strings.Contains(summary(receipt), text) {
		t.Errorf("the receipt\n%s\nis without %q", summary(receipt), text)
	}
	b.wantField(`"1"`, "ConfigMap", before, "data", "value")
	b.deployed(join(maps(after, "a", "b", "c"), web(after, "")))
	b.wantField("gone", "ConfigMap", before)
	b.wantOwned("ConfigMap a, ConfigMap b, ConfigMap c, ConfigMap " + after + ", Deployment web")

	// What goes together with its pods goes after them.
	b.sync.Timeout = Duration(time.Minute)
	b.deployed(maps("a", "b", "c"))
	b.wantField("gone", "ConfigMap", after)
	b.wantOwned("ConfigMap a, ConfigMap b, ConfigMap c")
}
