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

// published waits until the API server serves a kind of example.com, and publishes
// its schema, which is a moment later.
func (b *bed) published(kind string) {
	b.t.Helper()
	gvk := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: kind}
	b.until(func() bool {
		s, err := b.as(b.cluster.Config(), ClusterOptions{}).publishedShape(b.t.Context(), gvk)
		return err == nil && s.model(gvk) != nil
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
			`{"op": "replace", "path": "/spec/strategy/rollingUpdate/maxSurge", "value": "50%"}`,
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
		`spec.strategy: null -> {"rollingUpdate":{"maxSurge":"50%"}}`,
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
	p = b.planAs(b.preview, "", deployment, IgnoreRule{Kind: "Deployment", Field: "/spec/template/spec/containers/[name=proxy]"})
	if text := summary(p); strings.Contains(text, "proxy") || !strings.Contains(text, "mirror.example") {
		t.Errorf("with a rule that ignores what is injected: %s", text)
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
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{name: web, port: 80}, {name: tls, port: 443, targetPort: https}]}
`

// moreKinds have defaults that manyKinds have not.
const moreKinds = service + `
---
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec:
  serviceAccountName: sa
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
	b.published("Dinghy")
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

// TestAdmissionOfUpdates has a webhook inject a sidecar, put a label right and
// change an image, whoever writes: a plan shows what comes of an update, the
// webhook's part in it, and nothing where nothing would change.
func TestAdmissionOfUpdates(t *testing.T) {
	b := newBed(t)
	b.hook("Mutating", func(request admissionreview.AdmissionRequest, response *admissionreview.AdmissionResponse) {
		object := objectOf(request)
		if object.GetKind() != "Deployment" {
			return
		}
		containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
		first, _ := containers[0].(map[string]any)
		image, _ := first["image"].(string)
		operations := []string{
			`{"op": "add", "path": "/metadata/labels/team", "value": "shop"}`,
			fmt.Sprintf(`{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": %q}`, "mirror.example/"+strings.TrimPrefix(image, "mirror.example/")),
		}
		if len(containers) == 2 {
			operations = append(operations, `{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "proxy", "image": "proxy:1"}}`)
		}
		patching(response, operations...)
	})
	b.apply("slipway", deployment)
	check(t, b.plan(deployment, deployment), "\nnone Deployment web\n")
	head := strings.NewReplacer("nginx:1.27", "nginx:1.28", "labels: {app: web}\nspec:\n  replicas", "labels: {app: web, team: other}\nspec:\n  replicas").Replace(deployment)
	check(t, b.plan(deployment, head), `
update Deployment web
  spec.template.spec.containers[web].image: "mirror.example/nginx:1.27" -> "mirror.example/nginx:1.28" (this pull request)
`)
}

// TestWhatAWebhookWouldPutInIsShown has a webhook come after the object: the next
// apply, whatever it is for, brings what it injects.
func TestWhatAWebhookWouldPutInIsShown(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment)
	b.hook("Mutating", func(request admissionreview.AdmissionRequest, response *admissionreview.AdmissionResponse) {
		if request.Kind.Kind == "Deployment" {
			patching(response, `{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "proxy", "image": "proxy:1", "imagePullPolicy": "Always"}}`)
		}
	})
	check(t, b.plan(deployment, deployment), `
update Deployment web
  spec.template.spec.containers[proxy]: null -> {"image":"proxy:1","imagePullPolicy":"Always","name":"proxy","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"} (already drifted)
`)
}

// TestAWebhookRefuses hears a validating webhook's own words, of a creation and of
// an update, and what becomes of a plan when it does not answer.
func TestAWebhookRefuses(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", configuration)
	green, other := strings.Replace(configuration, "blue", "green", 1), strings.Replace(configuration, "settings", "others", 1)
	broken := false
	b.hook("Validating", func(request admissionreview.AdmissionRequest, response *admissionreview.AdmissionResponse) {
		switch {
		case broken:
			response.UID = "somebody else's"
		case request.Operation == admissionreview.Create, strings.Contains(string(request.Object.Raw), "green"):
			response.Allowed = false
			response.Result = &metav1.Status{Message: "only blue is good, and enough", Code: http.StatusForbidden}
			response.Warnings = []string{"colours are going away"}
		}
	})
	for what, p := range map[string]*Plan{"creation": b.plan(configuration, configuration+other), "update": b.plan(configuration, green)} {
		c := p.Changes[len(p.Changes)-1]
		if c.Action != Refused || !strings.HasSuffix(c.Reason, `admission webhook "hook.example.com" denied the request: only blue is good, and enough`) || !strings.Contains(c.Hint, "webhook objects to") {
			t.Errorf("%s is %s because %q; %q", what, c.Action, c.Reason, c.Hint)
		}
		if diff := cmp.Diff([]string{"colours are going away"}, c.Warnings); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", what, diff)
		}
	}
	if c := b.plan(configuration, configuration).Changes[0]; c.Action != None {
		t.Errorf("what stays is %s because %s", c.Action, c.Reason)
	}
	broken = true
	if c := b.plan(configuration, green).Changes[0]; c.Action != Unknown || !strings.Contains(c.Reason, "failed calling webhook") || !strings.Contains(c.Hint, "does not answer") {
		t.Errorf("with a webhook that is broken it is %s because %q; %q", c.Action, c.Reason, c.Hint)
	}
}

// TestKubernetesOwnAdmission has a LimitRange give a new pod its limits, which are
// in no one's Git.
func TestKubernetesOwnAdmission(t *testing.T) {
	b := newBed(t)
	b.apply("admin", "apiVersion: v1\nkind: LimitRange\nmetadata: {name: lr}\nspec: {limits: [{type: Container, default: {memory: 1Gi}, defaultRequest: {memory: 512Mi}}]}")
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec: {containers: [{name: c, image: \"c:1\"}]}"
	b.until(func() bool { return len(b.plan("", pod).Changes[0].Fields) > 1 }) // the API server has noticed it
	check(t, b.plan("", pod), `
create Pod pod
  metadata.annotations: null -> {"kubernetes.io/limit-ranger":"LimitRanger plugin set: memory request for container c; memory limit for container c"} (admission)
  spec: null -> {"containers":[{"image":"c:1","name":"c"}]} (this pull request)
  spec.containers[c].resources: null -> {"limits":{"memory":"1Gi"},"requests":{"memory":"512Mi"}} (admission)
`)
}

// TestAdmissionOfCustomResources changes a default of a CRD's, and a field besides.
func TestAdmissionOfCustomResources(t *testing.T) {
	b := newBed(t)
	b.apply("admin", crdOf("Yawl", "colour"))
	yawl := "apiVersion: example.com/v1\nkind: Yawl\nmetadata: {name: boat}\nspec: {colour: red, rules: [{a: one}, {a: two}]}\n"
	b.published("Yawl")
	b.hook("Mutating", func(request admissionreview.AdmissionRequest, response *admissionreview.AdmissionResponse) {
		if request.Kind.Kind == "Yawl" {
			patching(response, `{"op": "replace", "path": "/spec/rules/1/b", "value": "z"}`, `{"op": "replace", "path": "/spec/colour", "value": "white"}`)
		}
	})
	check(t, b.plan("", yawl), `
create Yawl boat
  spec: null -> {"colour":"red","rules":[{"a":"one"},{"a":"two"}]} (this pull request)
  spec.colour: "red" -> "white" (admission)
  spec.rules[1].b: null -> "z" (admission)
`)
}

// TestAdmissionUnseen plans as an account that may not read how admission is
// configured: it is found out by asking.
func TestAdmissionUnseen(t *testing.T) {
	b := newBed(t)
	b.hook("Mutating", meddling())
	b.cluster.GrantDeployer(t, b.namespace, "deployer")
	config, err := b.cluster.ServiceAccount(t.Context(), b.namespace, "deployer")
	if err != nil {
		t.Fatal(err)
	}
	posted := counting(config, http.MethodPost)
	p := b.planAs(b.as(config, ClusterOptions{}), "", deployment+configuration+service)
	seen := b.plan("", deployment+configuration+service)
	if diff := cmp.Diff(seen.Changes, p.Changes); diff != "" {
		t.Errorf("as seen and unseen (-seen +unseen):\n%s", diff)
	}
	if posted.Load() != 1 {
		t.Errorf("%d objects were asked about twice, want the one that is changed", posted.Load())
	}
}

// TestARenameIsAdmitted keeps what admission makes of the new object.
func TestARenameIsAdmitted(t *testing.T) {
	b := newBed(t)
	document := func(hash, colour string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings-" + hash + "}\ndata: {colour: " + colour + "}\n"
	}
	base, head := document("7f4dm2gc9h", "blue"), document("k8bt2hc6mf", "red")
	b.apply("slipway", base)
	b.hook("Mutating", func(request admissionreview.AdmissionRequest, response *admissionreview.AdmissionResponse) {
		if request.Kind.Kind == "ConfigMap" {
			patching(response, `{"op": "add", "path": "/data/stamped", "value": "yes"}`)
		}
	})
	check(t, b.plan(base, head), `
update ConfigMap settings-k8bt2hc6mf (was settings-7f4dm2gc9h)
  data.colour: "blue" -> "red" (this pull request)
  data.stamped: null -> "yes" (admission)
`)
}

// TestAWebhookWithoutDryRuns has one that an old release left behind: its author
// never said that it does nothing besides. The API server then refuses every dry
// run that it matches, and so it is said.
func TestAWebhookWithoutDryRuns(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", configuration)
	b.hook("Mutating", func(admissionreview.AdmissionRequest, *admissionreview.AdmissionResponse) {})
	name := "mutating-" + b.namespace
	resource := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}
	stored, err := b.dynamic.Resource(resource).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hooks, _, _ := unstructured.NestedSlice(stored.Object, "webhooks")
	hooks[0].(map[string]any)["sideEffects"] = "Unknown"
	stored.Object["webhooks"] = hooks
	object, err := stored.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cluster.Store(t.Context(), "/registry/mutatingwebhookconfigurations/"+name, object); err != nil {
		t.Fatal(err)
	}
	other, green := strings.Replace(configuration, "settings", "others", 1), strings.Replace(configuration, "blue", "green", 1)
	b.until(func() bool { return b.plan("", other).Changes[0].Action != Create })
	for what, p := range map[string]*Plan{
		"a creation": b.plan(configuration, configuration+other), "an update": b.plan(configuration, green), "nothing": b.plan(configuration, configuration),
	} {
		c := p.Changes[len(p.Changes)-1]
		if c.Action != Refused || !strings.Contains(c.Reason, `"hook.example.com" does not support dry run`) || !strings.Contains(c.Hint, "set sideEffects to None or NoneOnDryRun") {
			t.Errorf("%s is %s because %q; %q", what, c.Action, c.Reason, c.Hint)
		}
	}
}

// TestAnObjectThatComesMeanwhile is created by somebody between the two questions
// about it: it is looked at anew.
func TestAnObjectThatComesMeanwhile(t *testing.T) {
	b := newBed(t)
	b.hook("Mutating", func(request admissionreview.AdmissionRequest, response *admissionreview.AdmissionResponse) {
		if request.Kind.Kind == "ConfigMap" {
			patching(response, `{"op": "add", "path": "/data/stamped", "value": "yes"}`)
		}
	})
	config := b.cluster.Config()
	before(config, func(r *http.Request) bool { return r.Method == http.MethodPost }, func() { b.create("somebody", strings.Replace(configuration, "blue", "red", 1)) })
	c := b.planAs(b.as(config, ClusterOptions{}), "", configuration).Changes[0]
	if c.Action != Update {
		t.Errorf("it is %s because %s", c.Action, c.Reason)
	}
	for _, f := range c.Fields {
		if f.Source == FromAdmission {
			t.Errorf("an update has %s of admission's", f.Path)
		}
	}
}
