package render_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// monorepo is a repository of applications in three environments each, of the
// shape and size that such repositories have.
func monorepo(applications int) map[string]string {
	all := map[string]string{}
	for i := range applications {
		name := fmt.Sprintf("app-%03d", i)
		base := "apps/" + name + "/base/"
		all[base+"kustomization.yaml"] = "resources: [deployment.yaml, service.yaml, ingress.yaml, hpa.yaml, serviceaccount.yaml]\nlabels:\n- pairs: {app.kubernetes.io/name: " + name + "}\n  includeSelectors: true\nconfigMapGenerator:\n- name: " + name + "\n  literals: [LOG_LEVEL=info, PORT=8080]\n"
		all[base+"deployment.yaml"] = fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  replicas: 2
  template:
    spec:
      serviceAccountName: %[1]s
      containers:
      - name: %[1]s
        image: registry.example.org/%[1]s:1.0.0
        ports:
        - name: http
          containerPort: 8080
        envFrom:
        - configMapRef:
            name: %[1]s
        readinessProbe:
          httpGet: {path: /ready, port: http}
        resources:
          requests: {cpu: 100m, memory: 128Mi}
          limits: {memory: 256Mi}
        securityContext:
          runAsNonRoot: true
          allowPrivilegeEscalation: false
`, name)
		all[base+"service.yaml"] = "apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name + "\nspec:\n  ports:\n  - {name: http, port: 80, targetPort: http}\n"
		all[base+"ingress.yaml"] = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: " + name + "\nspec:\n  rules:\n  - host: " + name + ".example.org\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend: {service: {name: " + name + ", port: {name: http}}}\n"
		all[base+"hpa.yaml"] = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n  name: " + name + "\nspec:\n  minReplicas: 2\n  maxReplicas: 5\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: " + name + "}\n"
		all[base+"serviceaccount.yaml"] = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: " + name + "\n"
		for n, environment := range []string{"dev", "staging", "production"} {
			overlay := "apps/" + name + "/overlays/" + environment + "/"
			all[overlay+"kustomization.yaml"] = fmt.Sprintf("namespace: %[1]s\nresources: [../../base]\nimages:\n- name: registry.example.org/%[2]s\n  newTag: 1.%[3]d.0\npatches:\n- path: patch.yaml\n", environment, name, n)
			all[overlay+"patch.yaml"] = fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: %[1]s\nspec:\n  replicas: %[2]d\n  template:\n    spec:\n      containers:\n      - name: %[1]s\n        env:\n        - {name: ENVIRONMENT, value: %[3]s}\n", name, n+1, environment)
		}
	}
	return all
}

func monorepoTargets(b *testing.B, tree render.Tree) []render.Target {
	b.Helper()
	layout, problem := render.ParseLayout("apps/{application}/overlays/{environment}")
	if problem != nil {
		b.Fatal(problem)
	}
	return layout.Targets(tree, nil)
}

// BenchmarkRender300 renders 300 targets that were never seen.
func BenchmarkRender300(b *testing.B) {
	for _, parallel := range []int{1, 2} {
		b.Run(fmt.Sprintf("parallel=%d", parallel), func(b *testing.B) {
			tree := rendertest.Tree(monorepo(100))
			targets := monorepoTargets(b, tree)
			b.ReportAllocs()
			for b.Loop() {
				all, err := render.New(render.Options{Parallel: parallel}).RenderAll(context.Background(), tree, targets)
				if err != nil {
					b.Fatal(err)
				}
				for _, rendered := range all {
					if rendered.Problem != nil {
						b.Fatal(rendered.Problem)
					}
				}
			}
			b.ReportMetric(float64(len(targets)), "targets")
		})
	}
}

// BenchmarkRenderOneChanged renders 300 targets one of which changed since the
// last time.
func BenchmarkRenderOneChanged(b *testing.B) {
	tree := rendertest.Tree(monorepo(100))
	targets := monorepoTargets(b, tree)
	engine := render.New(render.Options{})
	if _, err := engine.RenderAll(context.Background(), tree, targets); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		changed := tree.With(map[string]string{"apps/app-050/overlays/staging/patch.yaml": fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-050\nspec:\n  replicas: %d\n", n)})
		before := engine.Stats().Renders
		b.StartTimer()
		if _, err := engine.RenderAll(context.Background(), changed, targets); err != nil {
			b.Fatal(err)
		}
		if renders := engine.Stats().Renders - before; renders != 1 {
			b.Fatalf("%d renderings", renders)
		}
	}
}
