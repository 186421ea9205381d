package deploy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
)

// definition is a CRD of a group of the bed's own, with a status.
func (b *bed) definition(plural, kind string) string {
	return fmt.Sprintf(`apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.%[3]s.example.com}
spec:
  group: %[3]s.example.com
  names: {plural: %[1]s, singular: %[4]s, kind: %[2]s}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`, plural, kind, b.namespace, strings.ToLower(kind))
}

// bare is the same without the status.
func bare(definition string) string {
	return strings.Replace(definition, "    subresources: {status: {}}\n", "", 1)
}

func (b *bed) custom(kind, name string) string {
	return fmt.Sprintf("apiVersion: %s.example.com/v1\nkind: %s\nmetadata: {name: %s}\nspec: {size: 1}\n", b.namespace, kind, name)
}

// cleanCRD removes a definition when the test ends.
func (b *bed) cleanCRD(plural string) {
	b.t.Cleanup(func() {
		crds := b.dynamic.Resource(resources["CustomResourceDefinition"])
		_ = crds.Delete(context.Background(), plural+"."+b.namespace+".example.com", metav1.DeleteOptions{}) // best effort
	})
}

func TestDefinitionAndItsObjectsComeInOneGo(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("widgets")
	receipt := b.deployed(join(b.custom("Widget", "one"), bare(b.definition("widgets", "Widget")), configMap("a", "1")))
	if n := len(receipt.Objects); n != 3 {
		t.Errorf("%d objects in the receipt", n)
	}
	b.wantOwned("ConfigMap a, CustomResourceDefinition widgets." + b.namespace + ".example.com, Widget one")
	for _, entry := range b.record().Objects {
		if entry.UID == "" {
			t.Errorf("%s is recorded without its UID", entry.ObjectID)
		}
	}
}

func TestNoStatusYetIsNotHealthy(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("gadgets")
	b.cluster.silence = time.Second
	// Nothing shows that anybody reports on Gadgets.
	silent := b.deployed(join(b.definition("gadgets", "Gadget"), b.custom("Gadget", "one")))
	wantSummary(t, silent, "healthy create CustomResourceDefinition gadgets."+b.namespace+".example.com",
		"applied create Gadget one: it has no status, and nothing shows that anybody reports on its kind")

	gadgets := b.dynamic.Resource(schema.GroupVersionResource{Group: b.namespace + ".example.com", Version: "v1", Resource: "gadgets"}).Namespace(b.namespace)
	if _, err := gadgets.Patch(b.context(), "one", types.MergePatchType, []byte(`{"status":{"phase":"Ready"}}`), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	b.sync.Timeout = Duration(long)
	both := join(b.definition("gadgets", "Gadget"), b.custom("Gadget", "one"), b.custom("Gadget", "two"))
	b.want(b.apply(b.request(both)), Failed, "Gadget "+b.namespace+"/two", "no controller has looked at it")
}

func TestDefinitionThatIsNeverEstablished(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("first")
	b.cleanCRD("second")
	b.deployed(bare(b.definition("first", "Thing")))
	// The kind's name is taken, which only shows once the CRD is there.
	taken := join(bare(b.definition("first", "Thing")), bare(b.definition("second", "Thing")), configMap("a", "1"))
	b.want(b.apply(b.request(taken)), Failed, "CustomResourceDefinition second."+b.namespace, "already in use")
	b.wantField("gone", "ConfigMap", "a")
}

func TestNamespaceComesInOneGo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, manifest, owned string }{
		{"made for the target", "", "ConfigMap a, Deployment web"},
		{"from Git", "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAME, labels: {team: shop}}\n", "ConfigMap a, Namespace NAME, Deployment web"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.namespace += "-new"
			t.Cleanup(func() { _ = b.resource("Namespace").Delete(context.Background(), b.namespace, metav1.DeleteOptions{}) })
			named := func(text string) string { return strings.ReplaceAll(text, "NAME", b.namespace) }
			documents := []string{configMap("a", "1"), deploymentOf("web", "1.4.0")}
			if test.manifest != "" {
				documents = append(documents, named(test.manifest))
			}
			b.deployed(join(documents...))
			b.wantOwned(named(test.owned))
			b.wantField("1", "Deployment", "web", "status", "readyReplicas")
		})
	}
	t.Run("not made", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		b.namespace += "-new"
		b.sync.CreateNamespace = false
		b.want(b.apply(b.request(configMap("a", "1"))), Refused, "not found")
	})
}

func TestTerminatingNamespaceIsRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.create("somebody", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stays, finalizers: [example.com/never]}\n")
	t.Cleanup(func() {
		_, _ = b.resource("ConfigMap").Patch(context.Background(), "stays", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	})
	b.remove("Namespace", b.namespace)
	b.want(b.apply(b.request(configMap("a", "1"))), Refused, "is being terminated", "wait until the namespace is gone")
	b.wantOwned("no record")
}

func TestImmutableFieldIsReplacedOnlyWhereAllowed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(configMap("a", "1") + "immutable: true\n")
	uid := b.field("ConfigMap", "a", "metadata", "uid")
	b.want(b.apply(b.request(configMap("a", "2")+"immutable: true\n")), Refused, "deleted and created again", "sync.replace: [ConfigMap]")
	b.wantField(uid, "ConfigMap", "a", "metadata", "uid")
	b.sync.Replace = []string{"ConfigMap"}
	b.deployed(configMap("a", "2") + "immutable: true\n")
	b.wantField(`"2"`, "ConfigMap", "a", "data", "value")
	if b.field("ConfigMap", "a", "metadata", "uid") == uid {
		t.Error("it is the same object still")
	}
	if now := b.record().Objects[0].UID; fmt.Sprintf("%q", now) != b.field("ConfigMap", "a", "metadata", "uid") {
		t.Errorf("the record has the UID %s", now)
	}
}

// TestDeniedHalfWay has a policy that lets dry runs through.
func TestDeniedHalfWay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	fail := admissionv1.Fail
	name := b.namespace + ".example.com"
	policies := b.clients.AdmissionregistrationV1()
	_, err := policies.ValidatingAdmissionPolicies().Create(b.context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": b.namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
				}}},
			},
			Validations: []admissionv1.Validation{{
				Expression: "object.metadata.name != 'denied' || request.dryRun", Message: "not on a Friday",
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(b.context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = policies.ValidatingAdmissionPolicyBindings().Delete(context.Background(), name, metav1.DeleteOptions{})
		_ = policies.ValidatingAdmissionPolicies().Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	b.denies(configMap("denied", "1"))

	receipt := b.apply(b.request(maps("a", "denied")))
	b.want(receipt, Failed, "not on a Friday", "ConfigMap "+b.namespace+"/denied")
	b.wantOwned("ConfigMap a, ConfigMap denied")
	if state := b.record().Current.State; state != inventory.Failed {
		t.Errorf("the record says %s", state)
	}
	b.want(b.apply(b.request(maps("a", "denied"))), Held, "not on a Friday")
	b.deployed(maps("a"))
	b.wantOwned("ConfigMap a")
}

// An API server may quote much of what it refuses; the record has to stay small.
func TestLongReasonIsClippedInTheRecord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("widgets")
	long := strings.Repeat("ü", 2400)
	definition := strings.Replace(bare(b.definition("widgets", "Widget")), "{type: object, x-kubernetes-preserve-unknown-fields: true}",
		`{type: object, properties: {spec: {type: object, properties: {text: {type: string, maxLength: 5000}},
      x-kubernetes-validations: [{rule: "self.text == ''", messageExpression: self.text}]}}}`, 1)
	widget := strings.Replace(b.custom("Widget", "one"), "size: 1", "text: "+long, 1)
	receipt := b.apply(b.request(join(definition, widget)))
	b.want(receipt, Failed, "üüü")
	reason := b.record().Current.Reason
	if len(receipt.Reason) <= inventory.ReasonLength || len(reason) > inventory.ReasonLength || len(reason) < inventory.ReasonLength-10 || !utf8.ValidString(reason) {
		t.Errorf("the receipt's reason has %d bytes, the record's %d", len(receipt.Reason), len(reason))
	}
}

// denies waits until the API server has heard of a policy.
func (b *bed) denies(document string) {
	b.t.Helper()
	object := rendered(b.t, document).Objects[0]
	for ctx := b.context(); ctx.Err() == nil; {
		_, err := b.resource(object.ID.Kind).Create(ctx, &unstructured.Unstructured{Object: object.Unmasked()}, metav1.CreateOptions{})
		if err != nil && strings.Contains(err.Error(), "denied request") {
			return
		}
		if err != nil {
			b.t.Fatal(err)
		}
		b.remove(object.ID.Kind, object.ID.Name)
	}
	b.t.Fatal("the policy never denies")
}

func TestRefusedPlanWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	// The namespace of all records is made once for a cluster, whatever becomes of
	// the first apply there: that write is none of a target's.
	if err := b.cluster.prepare(b.context()); err != nil {
		t.Fatal(err)
	}
	var counter counter
	c := b.connect("counting", counter.wrap)
	receipt := b.applyBy(c, b.request(join(configMap("a", "1"), "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n")))
	b.want(receipt, Refused, "Service", "99999")
	if n := counter.writes.Load(); n != 0 {
		t.Errorf("%d writes", n)
	}
	if receipt.Plan.Counts()[preview.Refused] != 1 {
		t.Errorf("the receipt's plan: %+v", receipt.Plan.Changes)
	}
	b.wantOwned("no record")
}
