package render_test

import (
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// TestReadsAreTheWholeTruth changes and deletes every file of every fixture, and
// adds some: whenever a rendering comes out differently, its reads must say so.
func TestReadsAreTheWholeTruth(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatal("no fixtures", err)
	}
	differed := 0
	for _, fixture := range fixtures {
		if strings.Contains(fixture, "openapi") {
			continue // slow, and nothing new
		}
		tree := rendertest.ArchiveFile(t, fixture)
		dirs := map[string]bool{}
		changes := []map[string]string{}
		for name, content := range tree.Files() {
			dirs[path.Dir(name)] = true
			changes = append(changes, map[string]string{name: ""}, map[string]string{name: strings.Replace(content, "name", "nome", 1)},
				map[string]string{name: content + "\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: added}\n"},
				map[string]string{path.Join(path.Dir(name), "kustomization.yaml"): "resources: []\nnamespace: other\n"},
				map[string]string{path.Join(path.Dir(name), "more.yaml"): "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: more}\n"},
				map[string]string{path.Join(path.Dir(name), "Chart.yaml"): "name: c\n"})
		}
		engine := render.New(render.Options{CacheBytes: -1})
		for dir := range dirs {
			before := mustRender(t, engine, tree, dir)
			for _, change := range changes {
				changed := tree.With(change)
				after := mustRender(t, engine, changed, dir)
				if before.Digest == after.Digest && (before.Problem == nil) == (after.Problem == nil) {
					continue
				}
				differed++
				if before.Reads.Unchanged(changed) {
					t.Errorf("%s %s: the reads do not tell of %v: %v to %v", fixture, dir, change, before.Problem, after.Problem)
				}
			}
		}
	}
	if differed < 100 {
		t.Errorf("only %d changes made a difference", differed)
	}
}
