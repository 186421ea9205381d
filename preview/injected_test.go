package preview

import (
	"fmt"
	"strings"
	"testing"
)

const policyThatInjects = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NAME}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: 'Object{metadata: Object.metadata{annotations: {"injected": "yes"}}, spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "proxy", image: "proxy:1"}]}}}}'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME}
`

// TestWhatAdmissionInjectsIsNoDifference has admission put a sidecar and an
// annotation into whatever is written, by whomever: the API server then says that
// the writer owns them. Nobody's plan removes them, and a real change beside them
// is shown alone.
func TestWhatAdmissionInjectsIsNoDifference(t *testing.T) {
	for name, write := range map[string]func(*bed, string){
		"slipway":                     func(b *bed, document string) { b.apply("slipway", document) },
		"kubectl apply --server-side": func(b *bed, document string) { b.apply("kubectl", document) },
		"kubectl apply":               func(b *bed, document string) { b.clientSideApply(document) },
		"helm":                        func(b *bed, document string) { b.create("helm", document) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.apply("admin", strings.ReplaceAll(policyThatInjects, "NAME", b.namespace))
			probes := 0
			b.until(func() bool { // the API server acts on it a moment later
				probes++
				probe := fmt.Sprintf("probe-%d", probes)
				b.apply("slipway", strings.Replace(deployment, "name: web\n  labels", "name: "+probe+"\n  labels", 1))
				return strings.Contains(fmt.Sprint(b.liveObject("Deployment", probe)), "proxy:1")
			})
			write(b, deployment)
			check(t, b.plan(deployment, deployment), "\nnone Deployment web\n")
			head := strings.Replace(deployment, "nginx:1.27", "nginx:1.28", 1)
			check(t, b.plan(deployment, head), `
update Deployment web
  spec.template.spec.containers[web].image: "nginx:1.27" -> "nginx:1.28" (this pull request)`+ownedBy(name)+"\n")
		})
	}
}

// ownedBy is how a plan names the first writer.
func ownedBy(name string) string {
	return map[string]string{
		"slipway": "", "kubectl apply --server-side": " kubectl", "kubectl apply": " kubectl-client-side-apply", "helm": " helm",
	}[name]
}
