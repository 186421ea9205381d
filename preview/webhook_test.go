package preview

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionreview "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A webhook is an admission webhook of a bed's namespace: a real server, to which
// the API server comes over HTTPS on loopback.
type webhook struct {
	decide func(admissionreview.AdmissionRequest, *admissionreview.AdmissionResponse)

	mu    sync.Mutex
	asked int
}

func (w *webhook) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	var review admissionreview.AdmissionReview
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	w.asked++
	w.mu.Unlock()
	review.Response = &admissionreview.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if review.Request.Name != probeName {
		w.decide(*review.Request, review.Response)
	} else {
		review.Response.Allowed, review.Response.Result = false, &metav1.Status{Message: "the probe was heard"}
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(review) // the API server says so where it does not arrive
}

// probeName is the object by which a bed finds out that a webhook is in force.
const probeName = "webhook-probe"

// patching answers with a JSON patch.
func patching(response *admissionreview.AdmissionResponse, operations ...string) {
	kind := admissionreview.PatchTypeJSONPatch
	response.PatchType, response.Patch = &kind, []byte("["+strings.Join(operations, ",")+"]")
}

// hook registers a webhook of the kind, Mutating or Validating, for what is created
// and updated in the bed's namespace, and returns when it is in force.
func (b *bed) hook(kind string, decide func(admissionreview.AdmissionRequest, *admissionreview.AdmissionResponse)) *webhook {
	b.t.Helper()
	w := &webhook{decide: decide}
	server := httptest.NewTLSServer(w)
	b.t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	name := strings.ToLower(kind) + "-" + b.namespace
	b.configure(kind, fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: %sWebhookConfiguration
metadata: {name: %s}
webhooks:
- name: hook.example.com
  clientConfig: {url: %q, caBundle: %s}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}
  rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: ["*"]}]
  sideEffects: None
  admissionReviewVersions: [v1]
`, kind, name, server.URL, base64.StdEncoding.EncodeToString(authority), b.namespace))
	probe := strings.Replace(configuration, "settings", probeName, 1)
	b.until(func() bool { return strings.Contains(b.plan("", probe).Changes[0].Reason, "the probe was heard") })
	return w
}

// configure applies a webhook configuration for as long as the test runs.
func (b *bed) configure(kind, document string) {
	b.t.Helper()
	b.apply("admin", document)
	name := rendered(b.t, document).Objects[0].ID.Name
	resource := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: strings.ToLower(kind) + "webhookconfigurations"}
	b.t.Cleanup(func() { // the test's own context has ended
		if err := b.dynamic.Resource(resource).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			b.t.Error(err)
		}
	})
}

// objectOf decodes what a webhook is asked about.
func objectOf(request admissionreview.AdmissionRequest) *unstructured.Unstructured {
	var object unstructured.Unstructured
	if object.UnmarshalJSON(request.Object.Raw) != nil {
		return &unstructured.Unstructured{}
	}
	return &object
}

// meddling is a mutating webhook that does to Deployments everything that one can:
// it adds, changes and removes, what Git has and what is a default, and has values
// that are others each time.
func meddling() func(admissionreview.AdmissionRequest, *admissionreview.AdmissionResponse) {
	var mu sync.Mutex
	n := 0
	return func(request admissionreview.AdmissionRequest, response *admissionreview.AdmissionResponse) {
		if request.Kind.Kind != "Deployment" {
			return
		}
		mu.Lock()
		n++
		stamp := n
		mu.Unlock()
		patching(response,
			fmt.Sprintf(`{"op": "add", "path": "/metadata/annotations", "value": {"injected": "yes", "stamp": "%d"}}`, stamp),
			`{"op": "remove", "path": "/metadata/labels/app"}`,
			`{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "mirror.example/nginx:1.27"}`,
			`{"op": "replace", "path": "/spec/template/spec/containers/1/imagePullPolicy", "value": "Always"}`,
			`{"op": "replace", "path": "/spec/revisionHistoryLimit", "value": 3}`,
			`{"op": "add", "path": "/spec/template/spec/securityContext/runAsNonRoot", "value": true}`,
			`{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "proxy", "image": "proxy:1"}}`,
		)
	}
}

// TestWhatAdmissionMakesOfACreation shows each of a webhook's changes to a new
// object, and nothing of the API server's defaults.
func TestWhatAdmissionMakesOfACreation(t *testing.T) {
	b := newBed(t)
	b.hook("Mutating", meddling())
	p := b.plan("", deployment)
	var got []string
	for _, f := range p.Changes[0].Fields {
		if f.Source != FromAdmission {
			continue
		}
		before, _ := json.Marshal(f.Old)
		after, _ := json.Marshal(f.New)
		got = append(got, fmt.Sprintf("%s: %s -> %s", f.Path, before, after))
	}
	want := []string{
		`metadata.annotations: null -> {"injected":"yes","stamp":"(another value each time)"}`,
		`metadata.labels: {"app":"web"} -> null`,
		`spec.revisionHistoryLimit: null -> 3`,
		`spec.template.spec.containers[log].imagePullPolicy: null -> "Always"`,
		`spec.template.spec.containers[proxy]: null -> {"image":"proxy:1","name":"proxy"}`,
		`spec.template.spec.containers[web].image: "nginx:1.27" -> "mirror.example/nginx:1.27"`,
		`spec.template.spec.securityContext: null -> {"runAsNonRoot":true}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("admission's fields (-want +got):\n%s", diff)
	}
	if p.Changes[0].Action != Create || p.Drifted() != 0 {
		t.Errorf("it is %s, %d drifted", p.Changes[0].Action, p.Drifted())
	}
}

// TestADigestIsStableUnderAdmission plans twice, each time knowing nothing, and then
// from memory.
func TestADigestIsStableUnderAdmission(t *testing.T) {
	b := newBed(t)
	b.hook("Mutating", meddling())
	request := Request{Head: rendered(t, deployment+service), Namespace: b.namespace}
	one := b.as(b.cluster.Config(), ClusterOptions{})
	first := one.Plan(t.Context(), []Request{request})[0]
	other := b.as(b.cluster.Config(), ClusterOptions{}).Plan(t.Context(), []Request{request})[0]
	if diff := cmp.Diff(first, other); diff != "" {
		t.Errorf("two plans differ (-one +other):\n%s", diff)
	}
	again, _ := one.PlanSteps(t.Context(), request)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the plan that is carried out differs (-shown +carried out):\n%s", diff)
	}
	b.hook("Validating", func(admissionreview.AdmissionRequest, *admissionreview.AdmissionResponse) {})
	if p := b.plan("", deployment+service); p.Digest != first.Digest {
		t.Errorf("another webhook, that changes nothing, changes the digest:\n%s", cmp.Diff(first, p))
	}
}

const service = `
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80}, {name: tls, port: 443, targetPort: https}]}
`

// moreKinds have defaults that manyKinds have not.
const moreKinds = service + `
---
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec:
  containers:
  - name: c
    image: registry.example:5000/c
    livenessProbe: {httpGet: {path: /, port: 80}}
    readinessProbe: {grpc: {port: 90}}
    resources: {limits: {cpu: "2", memory: 1Gi}}
    env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    volumeMounts: [{name: all, mountPath: /all}]
  volumes:
  - name: all
    projected: {sources: [{serviceAccountToken: {path: token}}, {configMap: {name: x}}]}
  - {name: host, hostPath: {path: /tmp}}
  - {name: none}
---
apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "c@sha256:0123456789012345678901234567890123456789012345678901234567890123"}]}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds}
spec:
  selector: {matchLabels: {app: ds}}
  template:
    metadata: {labels: {app: ds}}
    spec:
      serviceAccountName: runner
      hostNetwork: true
      containers: [{name: c, image: "c:1", ports: [{containerPort: 80}]}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: claims}
spec:
  serviceName: x
  selector: {matchLabels: {app: x}}
  template: {metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: "c:1"}]}}
  volumeClaimTemplates:
  - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: users}
roleRef: {kind: Role, name: role, apiGroup: rbac.authorization.k8s.io}
subjects: [{kind: User, name: u}]
---
apiVersion: v1
kind: LimitRange
metadata: {name: lr}
spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 100Gi}}]}
`

// TestDefaultsAreNotAdmissions has a webhook asked about everything, which changes
// nothing: no default and nothing that the API server hands out is taken for its
// doing, and nearly nothing is asked about a second time.
func TestDefaultsAreNotAdmissions(t *testing.T) {
	b := newBed(t)
	b.apply("admin", crdOf("Dinghy", "colour"))
	dinghy := "\n---\napiVersion: example.com/v1\nkind: Dinghy\nmetadata: {name: d}\nspec: {colour: red, rules: [{a: one}]}\n"
	b.until(func() bool { return b.plan("", dinghy).Changes[0].Action == Create })
	hook := b.hook("Mutating", func(admissionreview.AdmissionRequest, *admissionreview.AdmissionResponse) {})
	config := b.cluster.Config()
	posted := counting(config, http.MethodPost)
	hook.asked = 0
	p := b.planAs(b.as(config, ClusterOptions{}), "", manyKinds+moreKinds+dinghy)
	for _, c := range p.Changes {
		if c.Action != Create {
			t.Errorf("%s is %s because %s", c.ID, c.Action, c.Reason)
		}
		for _, f := range c.Fields {
			if f.Source == FromAdmission {
				t.Errorf("%s %s: %v -> %v is said to be admission's", c.ID, f.Path, f.Old, f.New)
			}
		}
	}
	if n := posted.Load(); n > 3 {
		t.Errorf("%d of %d objects were asked about twice", n, len(p.Changes))
	}
	if hook.asked < len(p.Changes) {
		t.Errorf("the webhook was asked %d times about %d objects", hook.asked, len(p.Changes))
	}
}
