package preview

import (
	"strings"
	"testing"
	"time"
)

const replaceable = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds}
spec:
  selector: {matchLabels: {app: vOLD}}
  template:
    metadata: {labels: {app: vOLD}}
    spec: {containers: [{name: c, image: "c:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: deploy}
spec:
  selector: {matchLabels: {app: vOLD}}
  template:
    metadata: {labels: {app: vOLD}}
    spec: {containers: [{name: c, image: "c:1"}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: sts}
spec:
  serviceName: vOLD
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: c, image: "c:1"}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: "c:OLD"}]}
---
apiVersion: v1
kind: Service
metadata: {name: svc}
spec: {clusterIP: 10.96.100.1OLD, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: pvc}
spec: {storageClassName: vOLD, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rb}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: vOLD}
subjects: [{kind: User, name: u, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
immutable: true
data: {a: vOLD}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
type: example.com/OLD
stringData: {a: hushhush}
`

func TestReplaceIsPlannedOnTheAPIServersOwnCause(t *testing.T) {
	b := newBed(t)
	base := strings.ReplaceAll(replaceable, "OLD", "1")
	head := strings.ReplaceAll(replaceable, "OLD", "2")
	b.apply("slipway", base)
	p := b.plan(base, head)
	for _, c := range p.Changes {
		if c.Action != Replace {
			t.Errorf("%s is %s because %s, want replace", c.ID, c.Action, c.Reason)
		}
		if len(c.Fields) == 0 || c.Reason == "" {
			t.Errorf("%s: replaced without fields or reason: %+v", c.ID, c)
		}
		for _, f := range c.Fields {
			if f.Source != FromPullRequest {
				t.Errorf("%s %s is %s", c.ID, f.Path, f.Source)
			}
		}
	}
	// One more cause that is not about immutability, and creating again would fail too.
	broken := strings.Replace(head, "clusterIP: 10.96.100.12, ports: [{port: 80}]", "clusterIP: 10.96.100.12, ports: [{port: 80000}]", 1)
	for _, c := range b.plan(base, broken).Changes {
		if c.ID.Kind == "Service" && c.Action != Refused {
			t.Errorf("%s is %s because %s, want refused", c.ID, c.Action, c.Reason)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", `
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {configmaps: "0"}}
`)
	// Nobody else works out a quota's status here.
	b.patch("quota-controller", "v1", "ResourceQuota", "quota", `{"status":{"hard":{"configmaps":"0"},"used":{"configmaps":"0"}}}`, "status")
	pod := func(spec string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: " + spec
	}
	for _, test := range []struct{ name, head, reason, hint string }{
		{"duplicate keys", pod(`{containers: [{name: a, image: a, env: [{name: X, value: "1"}, {name: X, value: "2"}]}]}`), "duplicate entries for key", "key of its own"},
		{"unknown field", pod(`{containers: [{name: a, imagee: a}]}`), "field not declared in schema", "correct the field's name"},
		{"wrong type", pod(`{containers: [{name: a, image: a, tty: "yes"}]}`), "expected boolean", "type that the API server's schema asks for"},
		{"bad quantity", "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: x}}", "quantities must match", "give the field a value"},
		{"quota", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}", "exceeded quota", "ask for less"},
		{"no such kind", "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: none}", `serves no kind "Nothing"`, "install its CRD"},
		{"no such version", "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: none}", `in version "apps/v1beta1"`, "correct the version"},
		{"no such namespace", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: none, namespace: nowhere}", `namespaces "nowhere" not found`, "create the namespace"},
		{"a variable", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: v}\nspec: {replicas: \"${REPLICAS:=2}\"}", "spec.replicas", "${REPLICAS:=2} in spec.replicas is a variable that Flux puts in"},
		{"invalid", pod(`{containers: []}`), "Required value", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := b.plan("", test.head).Changes[0]
			if c.Action != Refused || !strings.Contains(c.Reason, test.reason) || !strings.Contains(c.Hint, test.hint) || (test.hint == "") != (c.Hint == "") {
				t.Errorf("%s because %q; %q", c.Action, c.Reason, c.Hint)
			}
		})
	}
}

// TestAPortThatIsRenumbered keeps its name while another manager keeps the old one.
func TestAPortThatIsRenumbered(t *testing.T) {
	b := newBed(t)
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: svc}\nspec: {ports: [{name: web, port: 80}]}"
	b.apply("slipway", service)
	head := strings.Replace(service, "80", "81", 1)
	if c := b.plan(service, head).Changes[0]; c.Action != Update {
		t.Errorf("alone it is %s because %s", c.Action, c.Reason)
	}
	b.apply("some-controller", service)
	if c := b.plan(service, head).Changes[0]; c.Action != Refused || !strings.Contains(c.Reason, "Duplicate value") || !strings.Contains(c.Hint, "another field manager") {
		t.Errorf("%s because %q; %q", c.Action, c.Reason, c.Hint)
	}
}

func TestPodSecurityRefuses(t *testing.T) {
	b := newBed(t)
	b.patch("admin", "v1", "Namespace", b.namespace, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	c := b.plan("", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: [{name: c, image: c}]}").Changes[0]
	if c.Action != Refused || !strings.Contains(c.Reason, "violates PodSecurity") || !strings.Contains(c.Hint, "Pod Security level") {
		t.Errorf("%s because %q; %q", c.Action, c.Reason, c.Hint)
	}
}

const policyThatDenies = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.data) || !('bad' in object.data)", message: "bad is not good"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME, validationActions: [Deny]}
`

func TestAdmissionDenies(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {good: x}")
	b.apply("slipway", strings.ReplaceAll(policyThatDenies, "NAME", b.namespace))
	head := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {bad: x}"
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); { // until the API server has noticed its policy
		c := b.plan("", head).Changes[0]
		if c.Action != Refused {
			continue
		}
		if !strings.Contains(c.Reason, "bad is not good") || !strings.Contains(c.Hint, "admission policy") {
			t.Errorf("refused because %q; %q", c.Reason, c.Hint)
		}
		return
	}
	t.Error("the policy's word is never heard")
}
