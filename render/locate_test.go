package render_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

func TestLocate(t *testing.T) {
	tree := rendertest.ArchiveFile(t, filepath.Join("testdata", "overlays.txtar"))
	rendered := mustRender(t, render.New(render.Options{}), tree, "apps/web/overlays/production")
	byKind := map[string]render.Object{}
	for _, object := range rendered.Objects {
		byKind[object.ID.Kind] = object
	}
	tests := []struct {
		kind, field string
		file        string
		line        int
	}{
		{"Deployment", "", "apps/web/base/deployment.yaml", 1},
		{"Deployment", "spec.replicas", "apps/web/base/deployment.yaml", 9},
		{"Deployment", "spec.template.spec.containers[web].image", "apps/web/base/deployment.yaml", 18},
		{"Deployment", "/spec/template/spec/containers/0/image", "apps/web/base/deployment.yaml", 18},
		{"Deployment", "/spec/template/spec/containers/9/image", "apps/web/base/deployment.yaml", 16},
		{"Deployment", "spec.template.spec.containers[web].nothing.here", "apps/web/base/deployment.yaml", 17},
		{"Deployment", "nothing", "apps/web/base/deployment.yaml", 1},
		{"ServiceAccount", "", "apps/web/base/service.yaml", 11},
		{"Service", "spec.ports[80/TCP].targetPort", "apps/web/base/service.yaml", 9},
		{"ConfigMap", "", "apps/web/base/kustomization.yaml", 5},
		{"ConfigMap", "data.COUNT", "apps/web/base/kustomization.yaml", 8},
		{"Secret", "data.token", "apps/web/overlays/production/kustomization.yaml", 15},
		{"Secret", "data[token]", "apps/web/overlays/production/kustomization.yaml", 15},
	}
	for _, test := range tests {
		origin, err := render.Locate(context.Background(), tree, byKind[test.kind], test.field)
		if err != nil || origin.File != test.file || origin.Line != test.line {
			t.Errorf("%s %s is at %s:%d, %v; want %s:%d", test.kind, test.field, origin.File, origin.Line, err, test.file, test.line)
		}
	}
	gone := render.NewObject(map[string]any{"kind": "ConfigMap"}, render.Origin{File: "gone.yaml"}, nil)
	if origin, err := render.Locate(context.Background(), tree, gone, "data"); err != nil || origin.Line != 0 {
		t.Errorf("a file that is gone: %v, %v", origin, err)
	}
	if _, err := render.Locate(context.Background(), failingTree{tree}, byKind["Service"], ""); err == nil {
		t.Error("the tree's error is lost")
	}
}
