package deploy

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/deploy/inventory"
)

// A recorder keeps the paths of what is written to a target's objects, in order.
type recorder struct {
	mu    sync.Mutex
	paths []string
}

func (r *recorder) wrap(config *rest.Config) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(request *http.Request) (*http.Response, error) {
			if isWrite(request) && !strings.Contains(request.URL.Path, inventory.Namespace) {
				r.mu.Lock()
				r.paths = append(r.paths, request.URL.Path)
				r.mu.Unlock()
			}
			return next.RoundTrip(request)
		})
	})
}

// wantOrder checks that each of the resources was written, all of it after all of
// the one before.
func (r *recorder) wantOrder(t testing.TB, resources ...string) {
	t.Helper()
	at := func(resource string, last bool) int {
		found := -1
		for i, path := range r.paths {
			if strings.Contains(path, "/"+resource+"/") && (found < 0 || last) {
				found = i
			}
		}
		return found
	}
	for i, resource := range resources {
		if at(resource, false) < 0 {
			t.Errorf("%s was not written", resource)
		}
		if i > 0 && at(resource, false) < at(resources[i-1], true) {
			t.Errorf("%s was written before %s was done:\n%s", resource, resources[i-1], strings.Join(r.paths, "\n"))
		}
	}
}

// gate is a webhook that asks a server which is not there about the bed's ConfigMaps.
func (b *bed) gate() string {
	b.t.Cleanup(func() {
		_ = b.clients.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(context.Background(), b.namespace, metav1.DeleteOptions{}) // best effort
	})
	return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s}
webhooks:
- name: ask.example.com
  clientConfig: {service: {name: nobody, namespace: %[1]s}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [configmaps]}]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 1
`, b.namespace)
}

const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n"

// What others stand on is written before them and deleted after them; what makes
// the API server ask somebody of the same change, the other way.
func TestOrderOfWritesAndDeletions(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("widgets")
	var written recorder
	b.cluster = b.connect("recorded", written.wrap)
	b.cluster.options.Parallel = 1
	kept := configMap("kept", "1")
	// The order in Git is the worst.
	b.deployed(join(b.gate(), b.custom("Widget", "one"), kept, deploymentOf("web", "1.4.0"), account, bare(b.definition("widgets", "Widget"))))
	written.wantOrder(t, "customresourcedefinitions", "serviceaccounts", "deployments", "validatingwebhookconfigurations")
	written.wantOrder(t, "serviceaccounts", "widgets", "validatingwebhookconfigurations")
	written.wantOrder(t, "serviceaccounts", "configmaps", "validatingwebhookconfigurations")

	var deleted recorder
	b.cluster = b.connect("recorded", deleted.wrap)
	b.cluster.options.Parallel = 1
	// kept stays as it is: the webhook, whose server never was, must not be asked.
	waiting := b.apply(b.request(kept))
	b.want(waiting, Waiting)
	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	b.deployed(kept)
	b.wantOwned("ConfigMap kept")
	deleted.wantOrder(t, "validatingwebhookconfigurations", "widgets", "deployments", "serviceaccounts", "customresourcedefinitions")
}

// Deleting a CRD would take with it what its controller is not done with, and
// deleting the controller would leave it so for ever.
func TestStuckObjectHoldsBackWhatItStandsOn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("widgets")
	kept := maps("a", "b", "c")
	operator := join(bare(b.definition("widgets", "Widget")), b.custom("Widget", "one"), deploymentOf("operator", "1.4.0"))
	b.deployed(join(kept, operator))
	widgets := b.dynamic.Resource(widgetsOf(b)).Namespace(b.namespace)
	finalizers := func(text string) {
		t.Helper()
		if _, err := widgets.Patch(b.context(), "one", types.MergePatchType, []byte(`{"metadata":{"finalizers":`+text+`}}`), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	finalizers(`["example.com/operator"]`)
	b.sync.Timeout = Duration(time.Second)
	waiting := b.apply(b.request(kept))
	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	receipt := b.apply(b.request(kept))
	b.want(receipt, Applied, "is still there")
	for _, text := range []string{
		"failed delete Widget one: its deletion waits for example.com/operator",
		"failed delete Deployment operator: it is deleted once Widget " + b.namespace + "/one is gone",
	} {
		if !strings.Contains(summary(receipt), text) {
			t.Errorf("the receipt\n%s\nis without %q", summary(receipt), text)
		}
	}
	b.wantField("null", "Deployment", "operator", "metadata", "deletionTimestamp")
	b.wantField("null", "CustomResourceDefinition", "widgets."+b.namespace+".example.com", "metadata", "deletionTimestamp")

	finalizers("null")
	b.sync.Timeout = DefaultSync().Timeout
	waiting = b.apply(b.request(kept))
	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	b.deployed(kept)
	b.wantOwned("ConfigMap a, ConfigMap b, ConfigMap c")
	b.wantField("gone", "Deployment", "operator")
}

// asDeployer makes the bed's target act as a service account that may write what is
// in the namespace and give nobody more than it has.
func (b *bed) asDeployer() {
	b.t.Helper()
	b.real.GrantDeployer(b.t, b.namespace, "deployer")
	account, err := b.real.ServiceAccount(b.context(), b.namespace, "deployer")
	if err != nil {
		b.t.Fatal(err)
	}
	b.cluster = b.connectAs("deployer", account, b.real.Config())
}

func TestRoleComesWithItsBinding(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.asDeployer()
	binding := `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web}]
`
	role := `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`
	b.want(b.apply(b.request(binding)), Refused, `"web" not found`, "bring it in the same change")
	receipt := b.apply(b.request(join(binding, role, account, "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec: {serviceAccountName: web, containers: [{name: app, image: registry.example/app:1}]}\n")))
	b.want(receipt, Applied)
	for _, change := range receipt.Plan.Changes {
		standing := slices.Contains([]string{"RoleBinding", "Pod"}, change.ID.Kind)
		if change.NotValidated != standing {
			t.Errorf("%s is planned with NotValidated %t", change.ID, change.NotValidated)
		}
	}

	// What may not be given is not given by way of a role that comes in the same change.
	greedy := strings.NewReplacer("name: web", "name: greedy", "[get]", "[escalate]").Replace(join(role, binding))
	b.want(b.apply(b.request(greedy)), Refused, "attempting to grant RBAC permissions not currently held")
	if _, err := b.clients.RbacV1().RoleBindings(b.namespace).Get(b.context(), "greedy", metav1.GetOptions{}); err == nil {
		t.Error("the binding was written")
	}
}

func widgetsOf(b *bed) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: b.namespace + ".example.com", Version: "v1", Resource: "widgets"}
}
