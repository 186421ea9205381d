package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
)

// benchPolicies are twelve rules as teams write them, one a file.
func benchPolicies() map[string]string {
	containers := "\tsome c in input.spec.template.spec.containers\n"
	rules := map[string]string{
		"deny_latest":          containers + "\tendswith(c.image, \":latest\")\n\tmsg := sprintf(\"%s uses the latest tag\", [c.name])\n",
		"deny_privileged":      containers + "\tc.securityContext.privileged\n\tmsg := sprintf(\"%s is privileged\", [c.name])\n",
		"deny_no_limits":       containers + "\tnot c.resources.limits.memory\n\tmsg := sprintf(\"%s has no memory limit\", [c.name])\n",
		"deny_host_network":    "\tinput.spec.template.spec.hostNetwork\n\tmsg := \"uses the host's network\"\n",
		"deny_default_ns":      "\tinput.metadata.namespace == \"default\"\n\tmsg := \"is in the default namespace\"\n",
		"deny_node_port":       "\tinput.kind == \"Service\"\n\tinput.spec.type == \"NodePort\"\n\tmsg := \"opens a port on every node\"\n",
		"deny_wildcard_role":   "\tinput.kind == \"ClusterRole\"\n\tsome rule in input.rules\n\t\"*\" in rule.verbs\n\tmsg := \"allows every verb\"\n",
		"warn_no_owner":        "\tnot input.metadata.labels.owner\n\tmsg := \"has no owner label\"\n",
		"warn_one_replica":     "\tinput.kind == \"Deployment\"\n\tinput.spec.replicas < 2\n\tmsg := \"has one replica\"\n",
		"warn_no_probe":        containers + "\tnot c.readinessProbe\n\tmsg := sprintf(\"%s has no readiness probe\", [c.name])\n",
		"warn_unknown_image":   containers + "\tnot regex.match(`^registry\\.example\\.com/`, c.image)\n\tmsg := sprintf(\"%s comes from elsewhere\", [c.image])\n",
		"violation_host_paths": "\tsome v in input.spec.template.spec.volumes\n\tv.hostPath\n\tmsg := sprintf(\"mounts %s of the node\", [v.hostPath.path])\n",
	}
	files := make(map[string]string, len(rules))
	for name, body := range rules {
		files["policies/"+name+".rego"] = "package main\n\n" + name + " contains msg if {\n" + body + "}\n"
	}
	return files
}

// benchObjects are n objects of several kinds, some of which break rules.
func benchObjects(t testing.TB, n int) []render.Object {
	objects := make([]render.Object, n)
	for i := range objects {
		text := fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: c%d, namespace: shop, labels: {owner: team}}, data: {a: %q, b: %q}}",
			i, strings.Repeat("x", 200), strings.Repeat("y", 200))
		switch i % 4 {
		case 0, 1:
			tag, limits := "v1.2.3", "{memory: 64Mi, cpu: 100m}"
			if i%20 == 0 {
				tag, limits = "latest", "{}"
			}
			text = fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web%d, namespace: shop, labels: {app: web, owner: team}},
spec: {replicas: %d, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web, containers: [
{name: web, image: "registry.example.com/web:%s", ports: [{containerPort: 8080, name: http}], env: [{name: A, value: b}, {name: C, value: d}],
resources: {limits: %s, requests: {memory: 32Mi, cpu: 10m}}, readinessProbe: {httpGet: {path: /healthz, port: http}}},
{name: sidecar, image: "registry.example.com/proxy:v3", resources: {limits: {memory: 32Mi}}, readinessProbe: {tcpSocket: {port: 15000}}}],
volumes: [{name: tmp, emptyDir: {}}]}}}}`, i, 1+i%3, tag, limits)
		case 2:
			text = fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: s%d, namespace: shop, labels: {app: web}}, spec: {type: ClusterIP, selector: {app: web}, ports: [{port: 80, targetPort: http}]}}", i)
		}
		objects[i] = maskedObject(t, text, render.Origin{File: fmt.Sprintf("apps/%d.yaml", i), Line: 1}, nil)
	}
	return objects
}

func BenchmarkEvaluate650(b *testing.B) {
	policies, objects := compiled(b, benchPolicies()), benchObjects(b, 650)
	b.ReportAllocs()
	for b.Loop() {
		findings, err := policies.Evaluate(context.Background(), objects, nil)
		if err != nil || len(findings) == 0 {
			b.Fatalf("%d findings, %v", len(findings), err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	files := contents(benchPolicies())
	for b.Loop() {
		if _, problems := Compile(context.Background(), files); len(problems) > 0 {
			b.Fatal(say(problems))
		}
	}
}
