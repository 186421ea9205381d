package preview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.27
        ports: [{containerPort: 80}]
        env: [{name: A, value: a}]
        resources: {limits: {cpu: 1000m}}
      - name: log
        image: fluent:3
`

const configuration = `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
`

// check compares a plan's summary with what is wanted, blank lines apart.
func check(t *testing.T, p *Plan, want string) {
	t.Helper()
	want = strings.TrimLeft(want, "\n")
	if diff := cmp.Diff(want, summary(p)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestPlanOfTheFourActions(t *testing.T) {
	b := newBed(t)
	base := deployment + configuration
	check(t, b.plan("", configuration), `
create ConfigMap settings
  data: null -> {"colour":"blue"} (this pull request)
`)
	b.apply("slipway", base)
	check(t, b.plan(base, base), `
none Deployment web
none ConfigMap settings
`)
	check(t, b.plan(base, strings.Replace(deployment, "nginx:1.27", "nginx:1.28", 1)), `
update Deployment web
  spec.template.spec.containers[web].image: "nginx:1.27" -> "nginx:1.28" (this pull request)
delete ConfigMap settings
`)
	check(t, b.plan(base, strings.Replace(deployment, "replicas: 2", "replicas: -2", 1)+configuration), `
refused Deployment web
  because Deployment.apps "web" is invalid: spec.replicas: Invalid value: -2: must be greater than or equal to 0
none ConfigMap settings
`)
}

func TestDriftIsToldFromThePullRequest(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment)
	b.patch("kubectl-edit", "apps/v1", "Deployment", "web", `{"spec":{"replicas":7}}`)
	head := strings.Replace(deployment, "value: a", "value: b", 1)
	check(t, b.plan(deployment, head), `
update Deployment web
  spec.replicas: 7 -> 2 (already drifted) kubectl-edit
  spec.template.spec.containers[web].env[A].value: "a" -> "b" (this pull request)
`)
}

func TestRemovedFields(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment)
	head := strings.Replace(deployment, "      - name: log\n        image: fluent:3\n", "", 1)
	p := b.plan(deployment, head)
	if len(p.Changes) != 1 || len(p.Changes[0].Fields) != 1 || p.Changes[0].Fields[0].Path != "spec.template.spec.containers[log]" {
		t.Errorf("plan: %s", summary(p))
	}
}
