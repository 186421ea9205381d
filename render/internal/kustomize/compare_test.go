package kustomize_test

import (
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/internal/kustomize"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// TestSameObjectsAsKustomizeOnDisk builds every kustomization of every fixture
// twice: by kustomize itself from a disk, and by the engine from a tree.
func TestSameObjectsAsKustomizeOnDisk(t *testing.T) {
	fixtures, err := filepath.Glob("../../testdata/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, fixture := range fixtures {
		tree := rendertest.ArchiveFile(t, fixture)
		disk := onDisk(t, tree.Files())
		for name := range tree.Files() {
			if !slices.Contains(kustomize.FileNames, path.Base(name)) {
				continue
			}
			t.Run(filepath.Base(fixture)+"/"+path.Dir(name), func(t *testing.T) {
				want, wantErr := kustomizeOnDisk(filepath.Join(disk, path.Dir(name)))
				rendered, err := render.New(render.Options{}).Path(context.Background(), tree, path.Dir(name))
				if err != nil {
					t.Fatal(err)
				}
				if wantErr != nil || rendered.Problem != nil {
					t.Fatalf("kustomize says %v, the engine %v", wantErr, rendered.Problem)
				}
				if diff := cmp.Diff(want, objects(t, rendered)); diff != "" {
					t.Errorf("objects (-kustomize +engine):\n%s", diff)
				}
				for _, object := range rendered.Objects {
					if _, ok := tree.Stat(object.Origin.File); !ok {
						t.Errorf("%s comes from %q, which is no file", object.ID, object.Origin.File)
					}
				}
			})
		}
	}
}

func onDisk(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, rendertest.LinkPrefix); ok {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// kustomizeOnDisk returns the objects as kustomize prints them, decoded as a
// client would.
func kustomizeOnDisk(dir string) ([]any, error) {
	openapi.ResetOpenAPI()
	defer openapi.ResetOpenAPI()
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	var all []any
	for _, r := range resources.Resources() {
		printed, err := r.AsYAML()
		if err != nil {
			return nil, err
		}
		var object any
		if err := yaml.Unmarshal(printed, &object); err != nil {
			return nil, err
		}
		all = append(all, object)
	}
	return all, nil
}

func objects(t *testing.T, rendered *render.Rendered) []any {
	t.Helper()
	var all []any
	for _, object := range rendered.Objects {
		asJSON, err := json.Marshal(object.Unmasked())
		if err != nil {
			t.Fatal(err)
		}
		var decoded any
		if err := json.Unmarshal(asJSON, &decoded); err != nil {
			t.Fatal(err)
		}
		all = append(all, decoded)
	}
	return all
}
