package drift_test

import (
	"encoding/json"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/slipwayhq/slipway/deploy/drift"
	"github.com/slipwayhq/slipway/fixtures/cluster"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// TestAnAutoscalersReplicas lets a real autoscaler scale, and a person too.
func TestAnAutoscalersReplicas(t *testing.T) {
	b := newBed(t, cluster.SharedWithControllers(t))
	const scaler = `
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 5}`
	b.deploy(web + scaler)
	b.until("the autoscaler scales", func() bool {
		return b.get("deployment", "web", "-o=jsonpath={.spec.replicas}") == "2"
	})
	expect(t, b.check(web+scaler), "")
	// Git says nothing of replicas, and nothing in Git scales them: a person's are drift.
	b.kubectl("", "delete", "hpa", "web")
	without := strings.Replace(web, "  replicas: 1\n", "", 1)
	b.deploy(without)
	b.kubectl("", "scale", "deployment/web", "--replicas=4")
	expect(t, b.check(without), `
Deployment web
  extra field spec.replicas (/spec/replicas): null -> 4 by kubectl, stays
`)
	expect(t, b.check(without+scaler), "HorizontalPodAutoscaler web missing\n")
}

// TestSecretsStayIn changes and adds sensitive values, and looks for them in all
// that comes out.
func TestSecretsStayIn(t *testing.T) {
	b := newBed(t, cluster.SharedWithControllers(t))
	const documents = `apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {a: hunter2-git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {user: me}`
	b.deploy(documents)
	expect(t, b.check(documents), "")
	b.kubectl("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hunter2-live, b: hunter2-added}", "apply", "-f", "-")
	b.patch("kubectl-edit", "secret/s", `{"stringData":{"c":"hunter2-edited"}}`)
	b.patch("kubectl-edit", "configmap/c", `{"data":{"password":"hunter2-sensitive"}}`)
	r := b.check(documents)
	var got []string
	for _, o := range r.Objects {
		for _, f := range o.Fields {
			got = append(got, o.ID.Kind+" "+f.Path+" "+f.Manager)
			if f.Live == nil || f.Git == f.Live {
				t.Errorf("%s: git %v, live %v", f.Path, f.Git, f.Live)
			}
		}
	}
	const want = "ConfigMap data.password kubectl-edit, Secret data.a kubectl-client-side-apply, Secret data.b kubectl-client-side-apply, Secret data.c kubectl-edit"
	if strings.Join(got, ", ") != want {
		t.Errorf("drift: %s", strings.Join(got, ", "))
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"hunter2", "aHVudGVyMi", "last-applied", "managedFields"} {
		if strings.Contains(string(text), known) {
			t.Errorf("%s comes out: %s", known, text)
		}
	}
	before := r.Digest
	b.patch("kubectl-edit", "secret/s", `{"stringData":{"c":"hunter2-again"}}`)
	if b.check(documents).Digest == before {
		t.Error("another secret value has the same digest")
	}
}

// TestTheDigestIsOfWhatDrifted writes the same again, as somebody else, in another
// order.
func TestTheDigestIsOfWhatDrifted(t *testing.T) {
	b := newBed(t, cluster.SharedWithControllers(t))
	b.deploy(web)
	b.patch("kubectl-edit", "configmap/settings", `{"data":{"colour":"red"},"metadata":{"labels":{"x":"y"}}}`)
	first := b.check(web).Digest
	b.patch("k9s", "configmap/settings", `{"data":{"colour":"green"}}`)
	if b.check(web).Digest == first {
		t.Error("another value has the same digest")
	}
	b.patch("k9s", "configmap/settings", `{"data":{"colour":"red"}}`)
	b.patch("some-controller", "configmap/settings", `{"metadata":{"annotations":{"x":"y"}}}`)
	documents := strings.Split(web, "\n---\n")
	again := b.check(documents[1] + "\n---\n" + documents[0])
	if again.Digest != first || again.Objects[0].Fields[0].Manager != "k9s" {
		t.Errorf("the same drift has another digest: %s", summary(again))
	}
}

// TestWhatIsGone deletes a namespace and a CRD: what they held is missing.
func TestWhatIsGone(t *testing.T) {
	b := newBed(t, cluster.SharedWithControllers(t))
	const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.drift.example.com}
spec:
  group: drift.example.com
  scope: Namespaced
  names: {kind: Boat, plural: boats}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]`
	const boat = "apiVersion: drift.example.com/v1\nkind: Boat\nmetadata: {name: b}\nspec: {sail: red}"
	b.deploy(crd)
	b.kubectl("", "wait", "--for=condition=established", "crd/boats.drift.example.com")
	b.deploy(boat)
	expect(t, b.check(boat), "")
	b.kubectl("", "delete", "crd", "boats.drift.example.com")
	expect(t, b.checkAs(b.fresh(), boat), "Boat b missing\n")
	expect(t, b.checkAs(b.fresh(), crd+"\n---\n"+boat), "CustomResourceDefinition boats.drift.example.com missing\nBoat b missing\n")

	b.deploy(web)
	b.kubectl("", "delete", "namespace", b.namespace)
	if r := b.check(web); r.Problem != nil || r.Checked != 2 || len(r.Objects) != 2 || !r.Objects[0].Missing || !r.Objects[1].Missing {
		t.Errorf("in a namespace that is gone: %s%v", summary(r), r.Problem)
	}
}

// TestNoDriftIsOnlySaidOfWhatWasCompared asks as an identity that may not see all.
func TestNoDriftIsOnlySaidOfWhatWasCompared(t *testing.T) {
	b := newBed(t, cluster.SharedWithControllers(t))
	const hidden = "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: hidden}\nstringData: {a: b}"
	b.deploy(web + hidden)
	b.patch("kubectl-edit", "configmap/settings", `{"metadata":{"labels":{"x":"y"}}}`)
	b.cluster.GrantDeployer(t, b.namespace, "reader",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "patch"}},
		rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "list", "patch"}})
	config, err := b.cluster.ServiceAccount(t.Context(), b.namespace, "reader")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := preview.NewCluster("production", config, preview.ClusterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := b.checkAs(reader, web+hidden)
	expect(t, r, `
ConfigMap settings
  extra field metadata.labels.x (/metadata/labels/x): null -> "y" by kubectl-edit, stays
problem
`)
	if r.Checked != 2 || r.Problem == nil || !strings.Contains(r.Problem.Message, "forbidden") || r.Problem.Hint == "" {
		t.Errorf("checked %d: %v", r.Checked, r.Problem)
	}
}

// TestWhatCouldNotBeAsked stops the API server.
func TestWhatCouldNotBeAsked(t *testing.T) {
	b := newBed(t, cluster.StartT(t, cluster.Options{Name: "stopped"}))
	b.deploy(web)
	expect(t, b.check(web), "")
	b.cluster.StopAPIServer()
	for name, c := range map[string]*preview.Cluster{"known": b.preview, "new": b.fresh()} {
		r := b.checkAs(c, web)
		expect(t, drift.Result{Problem: r.Problem}, "problem\n")
		if r.Checked != 0 || r.Problem == nil || !strings.Contains(r.Problem.Message, "production") && !strings.Contains(r.Problem.Message, "2 of 2") {
			t.Errorf("%s: checked %d: %v", name, r.Checked, r.Problem)
		}
	}
	broken := &render.Rendered{Problem: &render.Problem{Message: "no such file"}}
	results := drift.Check(t.Context(), b.preview, []drift.Request{{Rendered: broken}, {}})
	if results[0].Problem != broken.Problem || results[1].Problem == nil {
		t.Errorf("without a rendered: %+v", results)
	}
}

// fresh returns a preview that has asked nothing yet.
func (b *bed) fresh() *preview.Cluster {
	b.t.Helper()
	c, err := preview.NewCluster("production", b.cluster.Config(), preview.ClusterOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}
