package preview

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
)

// legacyDeployment has what Git no longer has: a sidecar, an annotation, replicas.
const legacyDeployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {team: shop, LASTAPPLIED}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.27", env: [{name: A, value: a}, {name: OLD, value: old}]}
      - {name: sidecar, image: "sidecar:1"}
`

const adopted = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.27", env: [{name: A, value: a}]}
`

const takenOver = `
update Deployment web
  metadata.annotations: {"team":"shop"} -> null (already drifted) MANAGER
  spec.replicas: 4 -> 1 (already drifted) MANAGER
  spec.template.spec.containers[sidecar]: {"image":"sidecar:1","imagePullPolicy":"IfNotPresent","name":"sidecar","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"} -> null (already drifted) MANAGER
  spec.template.spec.containers[web].env[OLD]: {"name":"OLD","value":"old"} -> null (already drifted) MANAGER
`

// TestTakeOverIsSimulated adopts what other deployers left: the plan shows what
// they own and Git does not have as removed, writes nothing, and a real adoption
// does just that.
func TestTakeOverIsSimulated(t *testing.T) {
	for _, test := range []struct {
		manager string
		applies bool
		kubectl bool
	}{
		{manager: "kubectl-client-side-apply", kubectl: true},
		{manager: "some-script-around-kubectl", kubectl: true},
		{manager: "argocd-controller", kubectl: true},
		{manager: "helm"},
		{manager: "helm-controller"},
		{manager: "before-first-apply"},
		{manager: "kubectl", applies: true},
		{manager: "argocd-controller", applies: true},
		{manager: "kustomize-controller", applies: true},
		{manager: "helm", applies: true},
	} {
		name := test.manager + " by update"
		if test.applies {
			name = test.manager + " by apply"
		}
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			mark := "other: x"
			if test.kubectl {
				mark = lastApplied + `: "{}"`
			}
			live := strings.Replace(legacyDeployment, "LASTAPPLIED", mark, 1)
			write := b.create
			if test.applies {
				write = b.apply
			}
			write(test.manager, live)
			before := b.liveObject("Deployment", "web")
			p := b.plan(adopted, adopted)
			want := strings.ReplaceAll(takenOver, "MANAGER", test.manager)
			if !test.kubectl {
				want = strings.Replace(want, `{"team":"shop"}`, `{"other":"x","team":"shop"}`, 1)
			}
			check(t, p, want)
			if after := b.liveObject("Deployment", "web"); !equal(before, after) {
				t.Error("the plan changed the live object")
			}

			b.adopt("web", adopted, test.manager)
			check(t, b.plan(adopted, adopted), "\nnone Deployment web\n")
			adoptedLive := comparable(b.liveObject("Deployment", "web"), false)
			for _, f := range p.Changes[0].Fields {
				if strings.HasPrefix(f.Path, "spec.replicas") && adoptedLive["spec"].(map[string]any)["replicas"] != f.New {
					t.Errorf("adoption made %v of replicas, the plan said %v", adoptedLive["spec"].(map[string]any)["replicas"], f.New)
				}
			}
		})
	}
}

func TestHandEditsAreNotTakenOver(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", adopted)
	b.patch("kubectl-edit", "apps/v1", "Deployment", "web", `{"metadata":{"annotations":{"by":"hand"}}}`)
	b.patch("some-controller", "apps/v1", "Deployment", "web", `{"metadata":{"annotations":{"by":"machine"}}}`)
	check(t, b.plan(adopted, adopted), "\nnone Deployment web\n")
}

func (b *bed) liveObject(kind, name string) map[string]any {
	b.t.Helper()
	o := rendered(b.t, "apiVersion: apps/v1\nkind: "+kind+"\nmetadata: {name: "+name+"}").Objects[0]
	_, resource := b.resolve(&o)
	live, err := resource.Get(b.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return live.Object
}

// adopt does for real what a plan simulates: it moves the managers' fields to ours
// and applies.
func (b *bed) adopt(name, document string, managers ...string) {
	b.t.Helper()
	o := rendered(b.t, document).Objects[0]
	_, resource := b.resolve(&o)
	live, err := resource.Get(b.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	fields := live.GetManagedFields()
	for i := range fields {
		if fields[i].Manager == managers[0] {
			fields[i].Operation = metav1.ManagedFieldsOperationUpdate
		}
	}
	live.SetManagedFields(fields)
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(managers...), "slipway")
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := resource.Patch(b.t.Context(), name, types.JSONPatchType, patch, metav1.PatchOptions{}); err != nil {
		b.t.Fatal(err)
	}
	b.apply("slipway", document)
}
