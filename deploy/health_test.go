package deploy

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

func TestCrashNamesThePodsReason(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(deploymentOf("web", "1.4.0"))
	patient := b.sync.Timeout
	b.sync.Timeout = Duration(long)
	bad := deploymentOf("web", "1.5.0-crash")
	receipt := b.apply(b.request(bad))
	b.want(receipt, Failed, "Deployment "+b.namespace+"/web is not healthy after 20s", "CrashLoopBackOff", "last exit code 1", "push a commit")
	wantSummary(t, Receipt{Objects: []ObjectReceipt{{ID: receipt.Objects[0].ID, Action: receipt.Objects[0].Action, State: receipt.Objects[0].State}}},
		"unhealthy update Deployment web")

	record := b.record()
	if record.Current.State != inventory.Failed || record.Current.Reason != receipt.Reason || record.Deployed.Digest == record.Current.Digest {
		t.Errorf("the record has %+v, deployed %+v", record.Current, record.Deployed)
	}
	b.want(b.apply(b.request(bad)), Held, "CrashLoopBackOff")
	b.sync.Timeout = patient
	b.deployed(deploymentOf("web", "1.5.1"))
	b.want(b.apply(b.request(bad)), Held) // the bad one stays blocked
}

func TestHangEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.sync.Timeout = Duration(long)
	b.want(b.apply(b.request(join(configMap("a", "1"), deploymentOf("web", "hang")))), Failed, "is not healthy after 20s", "ContainerCreating")
	b.wantOwned("ConfigMap a, Deployment web")
}

func TestDeadlineOfTheDeploymentItselfIsNotWaitedOut(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	slow := deploymentOf("web", "hang") + "  progressDeadlineSeconds: 15\n"
	b.want(b.apply(b.request(slow)), Failed, "has failed", "ContainerCreating")
}

func TestNewerCommitInterruptsTheWait(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ctx, cancel := context.WithCancelCause(b.context())
	request := b.request(join(configMap("a", "1"), deploymentOf("web", "hang")))
	request.Progress = func(r Receipt) {
		applied := func(o ObjectReceipt) bool { return o.State == ObjectApplied && o.ID.Kind == "Deployment" }
		if slices.ContainsFunc(r.Objects, applied) {
			cancel(ErrSuperseded)
		}
	}
	receipt, err := b.cluster.Apply(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	b.want(receipt, Superseded)
	record := b.record()
	if record.Current.State != inventory.Superseded || record.Deployed != nil {
		t.Errorf("the record has %+v, deployed %+v", record.Current, record.Deployed)
	}
	b.wantOwned("ConfigMap a, Deployment web")
	b.deployed(join(configMap("a", "2"), deploymentOf("web", "1.4.0")))
	b.want(b.apply(b.request(join(configMap("a", "2"), deploymentOf("web", "1.4.0")))), Unchanged)
}

// A newer commit that comes while the plan is made leaves nothing unknown.
func TestNewerCommitInterruptsThePlan(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ctx, cancel := context.WithCancelCause(b.context())
	c := b.connect("interrupted", func(config *rest.Config) {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") != "" {
					cancel(ErrSuperseded)
				}
				return next.RoundTrip(r)
			})
		})
	})
	receipt, err := c.Apply(ctx, b.request(maps("a")))
	if err != nil {
		t.Fatal(err)
	}
	b.want(receipt, Superseded)
	b.wantOwned("no record")
}

// A process that ends for another reason leaves the deployment to be taken up.
func TestInterruptionLeavesTheDeploymentOpen(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ctx, cancel := context.WithCancel(b.context())
	request := b.request(deploymentOf("web", "hang"))
	request.Progress = func(r Receipt) {
		if len(r.Objects) == 1 && r.Objects[0].State == ObjectApplied {
			cancel()
		}
	}
	if _, err := b.cluster.Apply(ctx, request); !errors.Is(err, context.Canceled) {
		t.Fatalf("apply returned %v", err)
	}
	if state := b.record().Current.State; state != inventory.Applying {
		t.Errorf("the record says %s", state)
	}
}

func TestJobIsAwaitedToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	job := func(name, image string) string {
		return `apiVersion: batch/v1
kind: Job
metadata: {name: ` + name + `}
spec:
  backoffLimit: 0
  template: {spec: {restartPolicy: Never, containers: [{name: app, image: "registry.example/app:` + image + `"}]}}
`
	}
	b.deployed(job("good", "1"))
	b.wantField("1", "Job", "good", "status", "succeeded")
	b.want(b.apply(b.request(join(job("good", "1"), job("bad", "crash")))), Failed, "Job "+b.namespace+"/bad has failed", "exit code 1")
}

func TestRequestsWhileWaitingDoNotGrowWithObjects(t *testing.T) {
	t.Parallel()
	sent := func(n int) int64 {
		b := newBed(t)
		var documents []string
		for i := range n {
			documents = append(documents, deploymentOf("web-"+string(rune('a'+i)), "hang"))
		}
		var counter counter
		c := b.connect("counting", counter.wrap)
		b.sync.Timeout = Duration(4 * time.Second)
		request := b.request(join(documents...))
		var before int64
		request.Progress = func(r Receipt) {
			all := !slices.ContainsFunc(r.Objects, func(o ObjectReceipt) bool { return o.State != ObjectApplied })
			if all && before == 0 && len(r.Objects) == n {
				before = counter.reads.Load()
			}
		}
		b.want(b.applyBy(c, request), Failed)
		return counter.reads.Load() - before
	}
	few, many := sent(1), sent(12)
	// The lease is renewed by the clock, which may tick once more or less.
	if many > few+3 {
		t.Errorf("12 objects took %d reads to wait for, 1 took %d", many, few)
	}
}

// A CRD has no observed generation: what its status says of names that it has no more is
// no reason to give up, and what it says of those that it has is.
func TestDefinitionIsJudgedByTheNamesItHas(t *testing.T) {
	t.Parallel()
	crd := func(names, refused string) map[string]any {
		var object map[string]any
		text := "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\nmetadata: {name: ships.example.com}\nspec: {names: " + names + `}
status:
  conditions:
    - {type: NamesAccepted, status: "False", reason: Conflict, message: '` + refused + `'}
    - {type: Established, status: "False", reason: NotAccepted, message: not all names are accepted}
`
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	step := preview.Step{ID: render.ObjectID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "ships.example.com"}}
	const boat, both = `"boat" is already in use`, `["boat" is already in use, "b" is already in use]`
	for _, test := range []struct {
		names, refused string
		want           healthState
	}{
		{"{plural: ships, singular: boat, kind: Ship}", boat, broken},
		{"{plural: ships, singular: ship, kind: Ship, shortNames: [s, boat]}", boat, broken},
		{"{plural: ships, singular: ship, kind: Ship, shortNames: [boat, b]}", both, broken},
		{"{plural: ships, singular: ship, kind: Ship}", boat, progressing},
		{"{plural: ships, singular: ship, kind: Ship, shortNames: [boat]}", both, progressing},
		{"{plural: ships, kind: Ship}", "of another kind", broken},
	} {
		if got := healthOf(step, crd(test.names, test.refused), nil); got.state != test.want {
			t.Errorf("%s, refused %s: %v (%s), want %v", test.names, test.refused, got.state, got.message, test.want)
		}
	}
}
