package deploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
)

// deployers are the tools whose objects are taken over, each in the way in which it
// writes: by server-side apply, or by updates with kubectl's copy or without.
var deployers = []struct {
	manager       string
	apply, copied bool
}{
	{manager: "kubectl-client-side-apply", copied: true},
	{manager: "kubectl", apply: true},
	{manager: "helm"},
	{manager: "helm", apply: true},
	{manager: "argocd-controller", copied: true},
	{manager: "argocd-controller", apply: true},
	{manager: "kustomize-controller", apply: true},
	{manager: "helm-controller", apply: true},
}

// TestTakingOverDoesWhatThePlanSaid lets other deployers leave objects with more in
// them than Git has. The plan shows what goes, from whom it is taken and that no
// pull request did it; it writes nothing; and the deployment does just that.
func TestTakingOverDoesWhatThePlanSaid(t *testing.T) {
	b := newBed(t)
	var documents []string
	for i, d := range deployers {
		b.leave(fmt.Sprintf("web-%d", i), d.manager, d.apply, d.copied)
		documents = append(documents, taken(fmt.Sprintf("web-%d", i), "", ""))
	}
	before := b.allDeployments()
	request := b.request(strings.Join(documents, "---\n"))
	asked := preview.Request{Target: b.target, Base: request.Rendered, Head: request.Rendered, Namespace: b.namespace}
	plan := b.cluster.preview.Plan(b.context(), []preview.Request{asked})[0]
	if diff := cmp.Diff(before, b.allDeployments()); diff != "" {
		t.Fatalf("the plan wrote (-before +after):\n%s", diff)
	}
	for i, change := range plan.Changes {
		var got []string
		for _, f := range change.Fields {
			got = append(got, f.Path)
			if f.Source != preview.FromDrift || !slices.Equal(f.Managers, []string{deployers[i].manager}) || f.New != nil {
				t.Errorf("%s: %+v", change.ID, f)
			}
		}
		if len(got) > 0 && got[0] == "metadata.annotations" { // no controller has added one yet
			got[0] += ".team"
		}
		want := []string{"metadata.annotations.team", "spec.minReadySeconds", "spec.template.spec.containers[sidecar]", "spec.template.spec.containers[web].env[OLD]"}
		if diff := cmp.Diff(want, got); change.Action != preview.Update || diff != "" {
			t.Errorf("%s of %s is %s (-want +got):\n%s", change.ID, deployers[i].manager, change.Action, diff)
		}
	}
	b.say(inventory.Apply, request.Rendered.Digest)
	receipt := b.apply(request)
	b.want(receipt, Applied)
	for name, live := range b.allDeployments() {
		if diff := cmp.Diff(without(t, before[name]), unmarked(t, live)); diff != "" {
			t.Errorf("%s after the deployment is not as the plan said (-said +is):\n%s", name, diff)
		}
	}
	if again := b.cluster.preview.Plan(b.context(), []preview.Request{asked})[0]; again.Counts()[preview.None] != len(deployers) {
		t.Errorf("planned again: %v", again.Counts())
	}
}

// taken is a Deployment; more stands in its metadata, and further in its pod.
func taken(name, more, further string) string {
	text := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + more + "}\nspec:\n"
	env := "{name: A, value: a}"
	if further != "" {
		text += "  minReadySeconds: 1\n"
		env += ", {name: OLD, value: old}"
	}
	return text + "  selector: {matchLabels: {app: " + name + "}}\n  template:\n    metadata: {labels: {app: " + name + "}}\n" +
		"    spec: {containers: [{name: web, image: \"web:1\", env: [" + env + "]}" + further + "]}\n"
}

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// leave writes a Deployment as another deployer does.
func (b *bed) leave(name, manager string, apply, copied bool) {
	b.t.Helper()
	annotations := "team: shop"
	if copied {
		annotations += `, kubectl.kubernetes.io/last-applied-configuration: "{}"`
	}
	object := rendered(b.t, taken(name, ", annotations: {"+annotations+"}", `, {name: sidecar, image: "sidecar:1"}`)).Objects[0].Unmasked()
	resource := b.dynamic.Resource(deployments).Namespace(b.namespace)
	var err error
	if apply {
		var body []byte
		if body, err = json.Marshal(object); err != nil {
			b.t.Fatal(err)
		}
		_, err = resource.Patch(b.context(), name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: manager})
	} else {
		_, err = resource.Create(b.context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{FieldManager: manager})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// allDeployments returns the specs and annotations of the bed's Deployments, by name.
func (b *bed) allDeployments() map[string]map[string]any {
	b.t.Helper()
	list, err := b.dynamic.Resource(deployments).Namespace(b.namespace).List(b.context(), metav1.ListOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	all := make(map[string]map[string]any)
	for _, item := range list.Items {
		annotations := map[string]any{}
		for key, value := range item.GetAnnotations() {
			if !strings.HasPrefix(key, "deployment.kubernetes.io/") { // a controller's
				annotations[key] = value
			}
		}
		all[item.GetName()] = map[string]any{"spec": item.Object["spec"], "annotations": annotations}
	}
	return all
}

// unmarked is what is compared of a live Deployment: nobody's marks or copies.
func unmarked(t *testing.T, live map[string]any) map[string]any {
	t.Helper()
	annotations := live["annotations"].(map[string]any)
	delete(annotations, markAnnotation)
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	return live
}

// without is what the plan said remains of a Deployment.
func without(t *testing.T, before map[string]any) map[string]any {
	t.Helper()
	unmarked(t, before)
	delete(before["annotations"].(map[string]any), "team")
	spec := before["spec"].(map[string]any)
	delete(spec, "minReadySeconds")
	pod := spec["template"].(map[string]any)["spec"].(map[string]any)
	containers := pod["containers"].([]any)
	pod["containers"] = containers[:1]
	web := containers[0].(map[string]any)
	web["env"] = web["env"].([]any)[:1]
	return before
}
