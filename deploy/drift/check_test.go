package drift_test

import (
	"testing"

	"github.com/slipwayhq/slipway/fixtures/cluster"
	"github.com/slipwayhq/slipway/preview"
)

const web = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1
        env: [{name: A, value: a}]
        ports: [{containerPort: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue, size: big}`

// TestWhatPeopleDo does to deployed objects what people do by hand.
func TestWhatPeopleDo(t *testing.T) {
	const deployment, settings = "deployment/web", "configmap/settings"
	in := func(list, item string) string {
		return `{"spec":{"template":{"spec":{"` + list + `":[` + item + `]}}}}`
	}
	for _, test := range []struct {
		name  string
		do    func(*bed)
		rules []preview.IgnoreRule
		want  string
	}{
		{"nothing", func(*bed) {}, nil, ""},
		{"kubectl edit", func(b *bed) { b.kubectl("s/blue/red/", "edit", settings) }, nil, `
ConfigMap settings
  changed data.colour (/data/colour): "blue" -> "red" by kubectl-edit
`},
		{"kubectl scale", func(b *bed) { b.kubectl("", "scale", deployment, "--replicas=3") }, nil, `
Deployment web
  changed spec.replicas (/spec/replicas): 1 -> 3 by kubectl
`},
		{"k9s scales", func(b *bed) { b.patch("k9s", deployment, `{"spec":{"replicas":3}}`, "--subresource=scale") }, nil, `
Deployment web
  changed spec.replicas (/spec/replicas): 1 -> 3 by k9s
`},
		{"kubectl set image", func(b *bed) { b.kubectl("", "set", "image", deployment, "web=nginx:hot") }, nil, `
Deployment web
  changed spec.template.spec.containers[web].image (/spec/template/spec/containers/[name=web]/image): "nginx:1" -> "nginx:hot" by kubectl-set
`},
		{"kubectl set env", func(b *bed) { b.kubectl("", "set", "env", deployment, "B=b") }, nil, `
Deployment web
  extra field spec.template.spec.containers[web].env[B] (/spec/template/spec/containers/[name=web]/env/[name=B]): null -> {"name":"B","value":"b"} by kubectl-set, stays
`},
		{"kubectl label and annotate", func(b *bed) {
			b.kubectl("", "label", deployment, "team=ab", "example.com/x=1")
			b.kubectl("", "annotate", settings, "note=hello")
		}, nil, `
ConfigMap settings
  extra field metadata.annotations.note (/metadata/annotations/note): null -> "hello" by kubectl-annotate, stays
Deployment web
  extra field metadata.labels.team (/metadata/labels/team): null -> "ab" by kubectl-label, stays
  extra field metadata.labels[example.com/x] (/metadata/labels/example.com~1x): null -> "1" by kubectl-label, stays
`},
		{"a container beside", func(b *bed) {
			b.kubectl("", "patch", deployment, "-p", in("containers", `{"name":"debug","image":"busybox","ports":[{"containerPort":1}]}`))
		}, nil, `
Deployment web
  extra field spec.template.spec.containers[debug] (/spec/template/spec/containers/[name=debug]): null -> {"image":"busybox","imagePullPolicy":"Always","name":"debug","ports":[{"containerPort":1,"protocol":"TCP"}],"resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"} by kubectl-patch, stays
`},
		{"a default changed", func(b *bed) { b.patch("Mozilla", deployment, `{"spec":{"revisionHistoryLimit":2}}`) }, nil, `
Deployment web
  extra field spec.revisionHistoryLimit (/spec/revisionHistoryLimit): null -> 2 by Mozilla, stays
`},
		{"a field removed", func(b *bed) { b.patch("kubectl-edit", settings, `{"data":{"size":null}}`) }, nil, `
ConfigMap settings
  changed data.size (/data/size): "big" -> null
`},
		{"a container removed", func(b *bed) {
			b.patch("kubectl-edit", deployment, in("containers", `{"name":"other","image":"x"}`))
		}, nil, `
Deployment web
  extra field spec.template.spec.containers[other] (/spec/template/spec/containers/[name=other]): null -> {"image":"x","imagePullPolicy":"Always","name":"other","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"} by kubectl-edit, stays
  changed spec.template.spec.containers[web] (/spec/template/spec/containers/[name=web]): {"env":[{"name":"A","value":"a"}],"image":"nginx:1","imagePullPolicy":"IfNotPresent","name":"web","ports":[{"containerPort":80,"protocol":"TCP"}],"resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"} -> null
`},
		{"kubectl delete", func(b *bed) { b.kubectl("", "delete", settings) }, nil, `
ConfigMap settings missing
`},
		{"a finalizer", func(b *bed) {
			b.patch("kubectl-edit", settings, `{"metadata":{"finalizers":["example.com/x"]}}`)
		}, nil, `
ConfigMap settings
  extra field metadata.finalizers (/metadata/finalizers): null -> ["example.com/x"] by kubectl-edit, stays
`},
		{"kubectl apply", func(b *bed) {
			b.kubectl("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue, shape: round}", "apply", "-f", "-")
		}, nil, `
ConfigMap settings
  extra field data.shape (/data/shape): null -> "round" by kubectl-client-side-apply
`},
		{"ignored", func(b *bed) {
			b.kubectl("", "scale", deployment, "--replicas=3")
			b.kubectl("", "label", deployment, "team=a")
			b.kubectl("", "set", "env", deployment, "B=b", "A=c")
		}, []preview.IgnoreRule{
			{Kind: "Deployment", Field: "/spec/replicas"}, {Kind: "Deployment", Field: "/metadata/labels/team"},
			{Kind: "Deployment", Field: "/spec/template/spec/containers/[name=web]/env/*"},
		}, ""},
		{"a restart", func(b *bed) { b.kubectl("", "rollout", "restart", deployment) }, nil, ""},
		{"the same value by another", func(b *bed) { b.patch("kubectl-edit", settings, `{"data":{"colour":"blue"}}`) }, nil, ""},
		{"controllers beside", func(b *bed) {
			b.patch("some-controller", deployment, `{"metadata":{"annotations":{"example.com/seen":"1"},"finalizers":["example.com/f"]},"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/status":"x"}}}}}`)
			b.patch("some-controller", deployment, `{"metadata":{"finalizers":null}}`)
			b.patch("kubectl-edit", deployment, `{"status":{"observedGeneration":9}}`, "--subresource=status")
		}, nil, ""},
		{"a controller over Git", func(b *bed) { b.patch("some-controller", settings, `{"data":{"colour":"green"}}`) }, nil, `
ConfigMap settings
  changed data.colour (/data/colour): "blue" -> "green" by some-controller
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t, cluster.SharedWithControllers(t))
			b.deploy(web)
			test.do(b)
			r := b.check(web, test.rules...)
			expect(t, r, test.want)
			if r.Checked != 2 {
				t.Errorf("checked: %d", r.Checked)
			}
		})
	}
}
