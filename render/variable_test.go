package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

func TestVariables(t *testing.T) {
	tree := rendertest.Tree(map[string]string{"all.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    example.com/zone: ${ZONE:=a}
    example.com/escaped: $${ZONE}
spec:
  replicas: ${REPLICAS}
  template:
    spec:
      nodeSelector: {"${KEY}": none}
      containers:
        - name: web
          image: registry.${DOMAIN}/web:${TAG:-latest}
          command: [sh, -c, "echo ${HOME}"]
          args: ["${HOME}"]
          env:
            - {name: A, value: $(POD_IP)}
            - {name: B, value: "$ {C} ${} ${1} ${a.b} $D ${E"}
            - name: SCRIPT
              value: |
                echo ${HOME}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "settings-${ENV}"}
data: {query: "${DS_METRICS}"}
`})
	rendered := mustRender(t, render.New(render.Options{}), tree, ".")
	var got []string
	for _, object := range rendered.Objects {
		for _, v := range object.Variables() {
			origin, err := render.Locate(t.Context(), tree, object, v.Field)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v.Name+" "+v.Text+" "+v.Field+" "+string(rune('0'+origin.Line/10))+string(rune('0'+origin.Line%10)))
		}
	}
	want := []string{
		"ZONE ${ZONE:=a} metadata.annotations[example.com/zone] 06",
		"REPLICAS ${REPLICAS} spec.replicas 09",
		"DOMAIN ${DOMAIN} spec.template.spec.containers[0].image 15",
		"TAG ${TAG:-latest} spec.template.spec.containers[0].image 15",
		"ENV ${ENV} metadata.name 27",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}
