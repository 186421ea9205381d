package render_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

func TestRenderKnowsWhereObjectsComeFrom(t *testing.T) {
	tree := rendertest.ArchiveFile(t, filepath.Join("testdata", "overlays.txtar"))
	engine := render.New(render.Options{})
	rendered, err := engine.Render(context.Background(), tree, render.Target{Environment: "production", Application: "web", Path: "apps/web/overlays/production"})
	if err != nil {
		t.Fatal(err)
	}
	if rendered.Problem != nil {
		t.Fatal(rendered.Problem)
	}
	var got []string
	for _, object := range rendered.Objects {
		got = append(got, object.String()+" "+object.Origin.File)
	}
	t.Log(strings.Join(got, "\n"))
	for name, id := range rendered.Reads {
		t.Log(name, id)
	}
	t.Log(rendered.Warnings, rendered.Digest)
}
