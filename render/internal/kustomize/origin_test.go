package kustomize

import (
	"context"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// A flatTree is a tree without links, enough for these tests.
type flatTree map[string]string

func (t flatTree) Stat(name string) (view.Entry, bool) {
	if _, ok := t[name]; ok {
		return view.Entry{Path: name, Mode: view.File}, true
	}
	for file := range t {
		if strings.HasPrefix(file, name+"/") || name == "." {
			return view.Entry{Path: name, Mode: view.Directory}, true
		}
	}
	return view.Entry{}, false
}

func (t flatTree) List(string) []view.Entry { return nil }

func (t flatTree) Read(_ context.Context, name string) ([]byte, error) {
	content, ok := t[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func newView(tree flatTree) *view.View { return view.New(context.Background(), tree, 1<<30) }

// TestMatchedOriginsAreKustomizes holds what names tell against what kustomize
// itself tells, over every fixture.
func TestMatchedOriginsAreKustomizes(t *testing.T) {
	guardFatal()
	fixtures, err := filepath.Glob("../../testdata/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatal("no fixtures", err)
	}
	matched := 0
	for _, fixture := range fixtures {
		archive, err := txtar.ParseFile(fixture)
		if err != nil {
			t.Fatal(err)
		}
		tree := flatTree{}
		for _, file := range archive.Files {
			tree[file.Name] = string(file.Data)
		}
		if strings.Contains(fixture, "links") {
			continue // these have links; the other comparison has them
		}
		for name := range tree {
			if !slices.Contains(FileNames, path.Base(name)) {
				continue
			}
			plain := newFileSystem(newView(tree), path.Dir(name), true, false)
			resources, err := run(plain)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, ok := matchOrigins(resources, plain.sources())
			if !ok {
				t.Logf("%s/%s is left to kustomize", filepath.Base(fixture), path.Dir(name))
				continue
			}
			matched++
			want, err := tracedOrigins(plain)
			if err != nil {
				t.Fatal(err)
			}
			for id, file := range want {
				replaced := path.Dir(name) == "add" && strings.Contains(id, "bare") // its annotations, and kustomize's among them
				if got[id] != file && !replaced {
					t.Errorf("%s: %s comes from %s, kustomize says %s", name, id, got[id], file)
				}
			}
		}
	}
	if matched < 10 {
		t.Errorf("only %d builds were matched by name", matched)
	}
}

func TestDoubtfulOriginsAreKustomizes(t *testing.T) {
	account := "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n"
	tree := flatTree{
		"app/kustomization.yaml": "resources: [../a, ../b]\n",
		"a/kustomization.yaml":   "namePrefix: a-\nresources: [sa.yaml]\n",
		"a/sa.yaml":              account,
		"b/kustomization.yaml":   "namePrefix: b-\nresources: [sa.yaml]\n",
		"b/sa.yaml":              account,
	}
	result, err := Build(context.Background(), newView(tree), "app", 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, object := range result.Objects {
		got = append(got, object.Content["metadata"].(map[string]any)["name"].(string)+" "+object.File)
	}
	if diff := cmp.Diff([]string{"a-web a/sa.yaml", "b-web b/sa.yaml"}, got); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

func TestNames(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []kindName
		scanned bool
	}{
		"block":              {"apiVersion: v1\nkind: A\nmetadata:\n  labels:\n    name: no\n  name: a\nspec:\n  name: no\n---\nkind: B # no\nmetadata:\n- name\n", nil, false},
		"documents":          {"---\nkind: A\nmetadata:\n  name: a\n---\n# comment\nmetadata:\n    name: b\nkind: B\n", []kindName{{"A", "a"}, {"B", "b"}}, true},
		"flow metadata":      {"kind: A\nmetadata: {name: a}\n", []kindName{{"A", "a"}}, false},
		"flow":               {"{kind: A, metadata: {name: a}}\n", []kindName{{"A", "a"}}, false},
		"quoted":             {"kind: A\nmetadata:\n  name: \"a b\"\n", []kindName{{"A", "a b"}}, false},
		"list":               {"kind: List\nitems:\n- kind: A\n  metadata:\n    name: a\n", []kindName{{"A", "a"}}, false},
		"list without name":  {"kind: ThingList\nitems:\n- {kind: A, metadata: {name: a}}\n- {kind: B, metadata: {name: b}}\n", []kindName{{"A", "a"}, {"B", "b"}}, false},
		"nothing":            {"# nothing\n", nil, true},
		"text that looks so": {"kind: A\nmetadata:\n  name: a\ndata:\n  x: |\n    kind: B\n    metadata:\n      name: b\n", []kindName{{"A", "a"}}, true},
	}
	for name, test := range tests {
		if name == "block" {
			test.want = []kindName{{"A", "a"}} // the second has no name
		}
		if _, scanned := scanNames(test.content); scanned != test.scanned {
			t.Errorf("%s: scanned is %v", name, scanned)
		}
		if diff := cmp.Diff(test.want, names([]byte(test.content)), cmp.AllowUnexported(kindName{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFatalIsAProblem: kustomize ends the process when it cannot print an object
// in one of its own messages. A stranger's pull request must not do that.
func TestFatalIsAProblem(t *testing.T) {
	tree := flatTree{
		"app/kustomization.yaml": "resources: [../a, ../b, role.yaml]\n",
		"a/kustomization.yaml":   "namespace: a\nconfigMapGenerator: [{name: c, literals: [x=1]}]\n",
		"b/kustomization.yaml":   "namespace: b\nconfigMapGenerator: [{name: c, literals: [x=2]}]\n",
		"app/role.yaml":          "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nextra: .nan\nrules: [{resources: [configmaps], resourceNames: [c]}]\n",
	}
	_, err := Build(context.Background(), newView(tree), "app", 10)
	if err == nil {
		t.Fatal("it builds, so the test proves nothing")
	}
	t.Log(err)
}

func TestGuardPassesOnWhatOthersLog(t *testing.T) {
	var out strings.Builder
	log.SetOutput(&out)
	defer log.SetOutput(os.Stderr)
	guardFatal()
	guardFatal()
	log.Print("hello")
	if !strings.Contains(out.String(), "hello") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("logged %q", out.String())
	}
}
