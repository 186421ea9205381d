package render_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file under testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func mustRender(t *testing.T, engine *render.Engine, tree render.Tree, dir string) *render.Rendered {
	t.Helper()
	rendered, err := engine.Path(context.Background(), tree, dir)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// TestRendered shows what comes of the fixtures: origins, masked objects, warnings, digest.
func TestRendered(t *testing.T) {
	for _, test := range []struct{ fixture, dir string }{
		{"overlays", "apps/web/overlays/production"},
		{"overlays", "apps/web/overlays/staging"},
		{"plain", "prod"},
		{"modern", "app"},
		{"legacy", "overlay"},
	} {
		t.Run(test.fixture+"/"+test.dir, func(t *testing.T) {
			tree := rendertest.ArchiveFile(t, filepath.Join("testdata", test.fixture+".txtar"))
			rendered := mustRender(t, render.New(render.Options{Masker: render.NewMasker([]byte("key"), nil)}), tree, test.dir)
			if rendered.Problem != nil {
				t.Fatal(rendered.Problem)
			}
			var out bytes.Buffer
			fmt.Fprintf(&out, "# digest %s\n", rendered.Digest)
			for _, warning := range rendered.Warnings {
				fmt.Fprintf(&out, "# warning %s\n", warning)
			}
			for _, object := range rendered.Objects {
				origin, err := render.Locate(context.Background(), tree, object, "")
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "# %s from %s:%d\n", object, origin.File, origin.Line)
			}
			if err := render.Write(&out, rendered, false); err != nil {
				t.Fatal(err)
			}
			golden(t, test.fixture+"-"+filepath.Base(test.dir)+".golden", out.Bytes())
		})
	}
}

// TestProblemsSayWhereAndWhat is what people read when their files do not render.
func TestProblemsSayWhereAndWhat(t *testing.T) {
	manifest := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	tests := []struct {
		name  string
		files map[string]string
	}{
		{"missing resource", map[string]string{"app/kustomization.yaml": "resources:\n- a.yaml\n- b.yaml\n", "app/a.yaml": manifest}},
		{"missing base", map[string]string{"app/kustomization.yaml": "resources:\n- ../base\n"}},
		{"base without kustomization", map[string]string{"app/kustomization.yaml": "resources:\n- ../base\n", "base/a.yaml": manifest}},
		{"missing in a base", map[string]string{"app/kustomization.yaml": "resources:\n- ../base\n", "base/kustomization.yaml": "\nresources: [x.yaml]\n"}},
		{"unknown field", map[string]string{"app/kustomization.yaml": "namespace: a\nresourcess:\n- a.yaml\n", "app/a.yaml": manifest}},
		{"wrong type", map[string]string{"app/kustomization.yaml": "namespace: a\nresources: a.yaml\n", "app/a.yaml": manifest}},
		{"kustomization is no YAML", map[string]string{"app/kustomization.yaml": "resources:\n- a\n b: [\n"}},
		{"empty kustomization", map[string]string{"app/kustomization.yaml": ""}},
		{"two kustomizations", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/kustomization.yml": "resources: [a.yaml]\n", "app/a.yaml": manifest}},
		{"resource is no YAML", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "a: [\nb"}},
		{"resource without a name", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nkind: Secret\n"}},
		{"same id twice", map[string]string{"app/kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "app/a.yaml": manifest, "app/b.yaml": manifest}},
		{"patch without a target", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]\n", "app/a.yaml": manifest, "app/p.yaml": strings.Replace(manifest, "name: a", "name: other", 1)}},
		{"component as a resource", map[string]string{"app/kustomization.yaml": "resources: [../c]\n", "c/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [a.yaml]\n", "c/a.yaml": manifest}},
		{"cycle", map[string]string{"app/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../app]\n"}},
		{"Git LFS, as a resource", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": pointer}},
		{"Git LFS, in a generator", map[string]string{"app/kustomization.yaml": "configMapGenerator:\n- {name: a, files: [a.bin]}\n", "app/a.bin": pointer}},
		{"plain, Git LFS", map[string]string{"app/a.yaml": pointer}},
		{"chart", map[string]string{"app/Chart.yaml": "name: a\n"}},
		{"chart inside", map[string]string{"app/a.yaml": manifest, "app/chart/Chart.yaml": "name: a\n"}},
		{"no manifests", map[string]string{"app/README.md": "x"}},
		{"no directory", map[string]string{"other/a.yaml": manifest}},
		{"plain, no object", map[string]string{"app/a.yaml": manifest + "---\nhello: world\n"}},
		{"plain, no mapping", map[string]string{"app/a.yaml": "- a\n"}},
		{"plain, no name", map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\n"}},
		{"plain, no YAML", map[string]string{"app/a.yaml": "a: b\nc: [\n"}},
		{"plain, same id twice", map[string]string{"app/a.yaml": manifest, "app/b/a.yaml": "\n" + manifest}},
		{"plain, same key twice", map[string]string{"app/a.yaml": manifest + "kind: Secret\n"}},
	}
	var out bytes.Buffer
	for _, test := range tests {
		rendered := mustRender(t, render.New(render.Options{}), rendertest.Tree(test.files), "app")
		if rendered.Problem == nil || len(rendered.Objects) > 0 || rendered.Digest != "" {
			t.Errorf("%s: problem %v, %d objects, digest %q", test.name, rendered.Problem, len(rendered.Objects), rendered.Digest)
			continue
		}
		fmt.Fprintf(&out, "%s\n\t%s\n", test.name, rendered.Problem)
	}
	golden(t, "problems.golden", out.Bytes())
}

// TestProblemsKeepSecrets makes kustomize and the parsers complain about what is
// secret: their words must not carry it.
func TestProblemsKeepSecrets(t *testing.T) {
	const encoded = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
	for name, files := range map[string]map[string]string{
		"generator literal":     {"app/kustomization.yaml": "secretGenerator: [{name: s, literals: [" + password + "]}]\n"},
		"generator literals":    {"app/kustomization.yaml": "secretGenerator: [{name: s, literals: [a=" + password + ", 'b']}]\n"},
		"generator twice":       {"app/kustomization.yaml": "secretGenerator: [{name: s, literals: [a=" + password + ", a=" + password + "]}]\n"},
		"generator env, binary": {"app/kustomization.yaml": "secretGenerator: [{name: s, envs: [e]}]\n", "app/e": password + "\xff\n"},
		"no name":               {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nkind: Secret\nstringData: {a: " + password + "}\nmetadata: {annotations: {a: b}}\n"},
		"broken YAML":           {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": secret + "stringData:\n  a: " + password + ": x\n"},
		"unknown alias":         {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": secret + "stringData:\n  a: *" + password + "\n"},
		"patch of a secret":     {"app/kustomization.yaml": "resources: [a.yaml]\npatches: [{patch: '{kind: Secret, apiVersion: v1, metadata: {name: no}, data: {a: " + encoded + "}}'}]\n", "app/a.yaml": secret},
		"json patch":            {"app/kustomization.yaml": "resources: [a.yaml]\npatches: [{target: {kind: Secret}, patch: '[{op: add, path: /nowhere/x, value: " + password + "}]'}]\n", "app/a.yaml": secret},
		"wrong type":            {"app/kustomization.yaml": "secretGenerator: {a: " + password + "}\n"},
		"unknown field":         {"app/kustomization.yaml": "secretGenerator: [{name: s, literal: [a=" + password + "]}]\n"},
		"same id twice":         {"app/kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "app/a.yaml": secret + "stringData: {a: " + password + "}\n", "app/b.yaml": secret + "stringData: {a: " + password + "}\n"},
		"ambiguous reference": {
			"app/kustomization.yaml": "resources: [../a, ../b, role.yaml]\n",
			"app/role.yaml":          "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: [{resources: [secrets], resourceNames: [c]}]\n",
			"a/kustomization.yaml":   "namespace: a\nsecretGenerator: [{name: c, literals: [x=" + password + "]}]\n",
			"b/kustomization.yaml":   "namespace: b\nsecretGenerator: [{name: c, literals: [y=" + password + "]}]\n",
		},
		"plain, broken":        {"app/a.yaml": secret + "stringData:\n  a: " + password + ": x\n"},
		"plain, unknown alias": {"app/a.yaml": secret + "stringData:\n  a: *" + password + "\n"},
		"plain, wrong tag":     {"app/a.yaml": secret + "stringData:\n  a: !!int " + password + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			rendered := mustRender(t, render.New(render.Options{}), rendertest.Tree(files), "app")
			if rendered.Problem == nil {
				t.Fatal("no problem, so the test proves nothing")
			}
			for _, value := range []string{password, encoded, strings.Trim(fmt.Sprint([]byte(password)), "[]"), fmt.Sprintf("%x", password)} {
				if strings.Contains(rendered.Problem.Error(), value) {
					t.Errorf("the problem tells the secret: %v", rendered.Problem)
				}
			}
		})
	}
}

func TestSecondRenderingOnlyOfWhatChanged(t *testing.T) {
	tree := rendertest.ArchiveFile(t, filepath.Join("testdata", "overlays.txtar"))
	layout, problem := render.ParseLayout("apps/{application}/overlays/{environment}")
	if problem != nil {
		t.Fatal(problem)
	}
	engine := render.New(render.Options{})
	renderings := func(tree render.Tree) (n int64, all []*render.Rendered) {
		before := engine.Stats()
		all, err := engine.RenderAll(context.Background(), tree, layout.Targets(tree, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, rendered := range all {
			if rendered.Problem != nil && !strings.Contains(rendered.Problem.Message, "later.yaml") {
				t.Fatal(rendered.Problem)
			}
		}
		after := engine.Stats()
		if total := after.Renders - before.Renders + after.Hits - before.Hits; total != int64(len(all)) {
			t.Errorf("%d renderings and hits for %d targets", total, len(all))
		}
		return after.Renders - before.Renders, all
	}
	steps := []struct {
		what    string
		changes map[string]string
		want    int64
	}{
		{"the first time", nil, 2},
		{"nothing changed", nil, 0},
		{"a file that nothing reads", map[string]string{"apps/web/base/README.md": "hello"}, 0},
		{"one overlay's patch", map[string]string{"apps/web/overlays/production/memory.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"}, 1},
		{"the shared base", map[string]string{"apps/web/base/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"}, 2},
		{"a file that was looked for", map[string]string{"apps/web/overlays/staging/kustomization.yml": "resources: [../../base]\n"}, 1},
		{"and away again", map[string]string{"apps/web/overlays/staging/kustomization.yml": ""}, 0},
		{"a resource that is missing", map[string]string{"apps/web/overlays/staging/kustomization.yaml": "resources: [../../base, later.yaml]\n"}, 1},
		{"and is mended", map[string]string{"apps/web/overlays/staging/later.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: later}\n"}, 1},
	}
	for _, step := range steps {
		if step.what == "a file that was looked for" {
			// Two kustomizations in one directory are a problem, rendered alone.
			changed := tree.With(step.changes)
			before := engine.Stats().Renders
			if rendered := mustRender(t, engine, changed, "apps/web/overlays/staging"); rendered.Problem == nil {
				t.Error("two kustomizations, and no problem")
			}
			if got := engine.Stats().Renders - before; got != step.want {
				t.Errorf("%s: %d renderings, want %d", step.what, got, step.want)
			}
			continue
		}
		tree = tree.With(step.changes)
		if got, _ := renderings(tree); got != step.want {
			t.Errorf("%s: %d renderings, want %d", step.what, got, step.want)
		}
	}
}

func TestAnsweredFromRecordIsTheSame(t *testing.T) {
	tree := rendertest.ArchiveFile(t, filepath.Join("testdata", "overlays.txtar"))
	engine := render.New(render.Options{})
	first := mustRender(t, engine, tree, "apps/web/overlays/production")
	again, err := engine.Render(context.Background(), tree, render.Target{Environment: "other", Path: "apps/web/overlays/production"})
	if err != nil {
		t.Fatal(err)
	}
	if again.Target.Environment != "other" || first.Target.Environment != "" {
		t.Errorf("targets %v and %v", first.Target, again.Target)
	}
	fresh := mustRender(t, render.New(render.Options{}), tree, "apps/web/overlays/production")
	again.Target = fresh.Target
	if diff := cmp.Diff(fresh, again); diff != "" {
		t.Errorf("from the record (-fresh +again):\n%s", diff)
	}
}

// poisoned are the targets of the openapi fixture and the digests of each alone.
func poisoned(t *testing.T) (*rendertest.MapTree, map[string]string) {
	tree := rendertest.ArchiveFile(t, filepath.Join("testdata", "openapi.txtar"))
	digests := map[string]string{}
	for _, dir := range []string{"plain", "custom", "version"} {
		rendered := mustRender(t, render.New(render.Options{CacheBytes: -1}), tree, dir)
		if rendered.Problem != nil {
			t.Fatal(rendered.Problem)
		}
		digests[dir] = rendered.Digest
	}
	if digests["plain"] == digests["custom"] {
		t.Fatal("the custom schema changes nothing, so the test proves nothing")
	}
	return tree, digests
}

// TestOpenAPIPoisonsNobody mixes kustomizations that set kyaml's process-wide
// schema with those that do not.
func TestOpenAPIPoisonsNobody(t *testing.T) {
	tree, want := poisoned(t)
	engine := render.New(render.Options{CacheBytes: -1, Parallel: 8})
	dirs := []string{"plain", "custom", "plain", "plain", "version", "plain", "plain", "plain"}
	var group sync.WaitGroup
	for i := range 64 {
		dir := dirs[i%len(dirs)]
		group.Go(func() {
			rendered, err := engine.Path(context.Background(), tree, dir)
			if err != nil || rendered.Problem != nil || rendered.Digest != want[dir] {
				t.Errorf("%s differs from what it is alone: %v", dir, err)
			}
		})
	}
	group.Wait()
}

func TestOrderOfTargetsIsKept(t *testing.T) {
	archive := map[string]string{}
	var targets []render.Target
	for i := range 40 {
		dir := fmt.Sprintf("t%02d", i)
		archive[dir+"/a.yaml"] = fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%02d}\n", i)
		targets = append(targets, render.Target{Environment: render.Environment(dir), Path: dir})
	}
	all, err := render.New(render.Options{Parallel: 4}).RenderAll(context.Background(), rendertest.Tree(archive), targets)
	if err != nil {
		t.Fatal(err)
	}
	for i, rendered := range all {
		if rendered.Target != targets[i] || rendered.Objects[0].ID.Name != fmt.Sprintf("c%02d", i) {
			t.Errorf("place %d has %v", i, rendered.Target)
		}
	}
}

func TestLimits(t *testing.T) {
	manifest := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d}\ndata: {x: '%s'}\n---\n"
	var content strings.Builder
	for i := range 20 {
		fmt.Fprintf(&content, manifest, i, strings.Repeat("y", 100))
	}
	for kind, files := range map[string]map[string]string{
		"plain":     {"app/a.yaml": content.String()},
		"kustomize": {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": content.String()},
	} {
		for want, limits := range map[string]render.Limits{
			"objects": {Objects: 19},
			"bytes":   {Bytes: 2000},
		} {
			rendered := mustRender(t, render.New(render.Options{Limits: limits}), rendertest.Tree(files), "app")
			if rendered.Problem == nil || !strings.Contains(rendered.Problem.Message, want) {
				t.Errorf("%s, %s: %v", kind, want, rendered.Problem)
			}
		}
		if rendered := mustRender(t, render.New(render.Options{Limits: render.Limits{Objects: 20}}), rendertest.Tree(files), "app"); rendered.Problem != nil {
			t.Errorf("%s within its limits: %v", kind, rendered.Problem)
		}
	}
}

// A stuckTree never answers a read.
type stuckTree struct{ *rendertest.MapTree }

func (stuckTree) Read(ctx context.Context, _ string) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestTimeLimitIsAProblemAndNotKept(t *testing.T) {
	tree := rendertest.Tree(map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
	engine := render.New(render.Options{Limits: render.Limits{Time: time.Millisecond}})
	rendered := mustRender(t, engine, stuckTree{tree}, "app")
	if rendered.Problem == nil || !strings.Contains(rendered.Problem.Message, "longer than") {
		t.Errorf("problem is %v", rendered.Problem)
	}
	if engine.Stats().CachedBytes != 0 {
		t.Error("what took too long was kept as the answer")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := engine.Path(ctx, stuckTree{tree}, "app"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

var errDisk = errors.New("the disk is gone")

// A failingTree fails every read.
type failingTree struct{ *rendertest.MapTree }

func (failingTree) Read(context.Context, string) ([]byte, error) { return nil, errDisk }

func TestTreesErrorIsNoProblem(t *testing.T) {
	for _, fixture := range []map[string]string{
		{"app/a.yaml": "x"}, {"app/kustomization.yaml": "x"}, {"app/Chart.yaml": "x"}, {"app": "symlink x"},
	} {
		_, err := render.New(render.Options{}).Path(context.Background(), failingTree{rendertest.Tree(fixture)}, "app")
		if !errors.Is(err, errDisk) {
			t.Errorf("%v: error is %v", fixture, err)
		}
	}
}

// A limitedTree holds a file that is too large to be read, as a tree of Git's does.
type limitedTree struct{ *rendertest.MapTree }

func (t limitedTree) Read(ctx context.Context, name string) ([]byte, error) {
	if strings.HasPrefix(name, "large/") {
		return nil, fmt.Errorf("read %s: %w", name, &render.Problem{File: name, Message: "the file is too large"})
	}
	return t.MapTree.Read(ctx, name)
}

// A crashingTree crashes whoever reads large/.
type crashingTree struct{ *rendertest.MapTree }

func (t crashingTree) Read(ctx context.Context, name string) ([]byte, error) {
	if strings.HasPrefix(name, "large/") {
		var none []string
		return nil, errors.New(none[len(name)])
	}
	return t.MapTree.Read(ctx, name)
}

// One target that cannot be read, or that an engine crashes on, hides no other.
func TestTreesProblemIsItsTargets(t *testing.T) {
	manifest := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	for kind, files := range map[string]map[string]string{
		"plain":                {"large/a.yaml": "x"},
		"kustomization":        {"large/kustomization.yaml": "x"},
		"kustomize's resource": {"top/kustomization.yaml": "resources: [../large/a.yaml]\n", "large/a.yaml": "x"},
		"link":                 {"large/a.yaml": "symlink b.yaml"},
		"chart":                {"large/Chart.yaml": "x"},
	} {
		dir := "large"
		if _, ok := files["top/kustomization.yaml"]; ok {
			dir = "top"
		}
		files["small/a.yaml"] = manifest
		tree := rendertest.Tree(files)
		targets := []render.Target{{Environment: "large", Path: dir}, {Environment: "small", Path: "small"}}
		for cause, tree := range map[string]render.Tree{"the file is too large": limitedTree{tree}, "crashes": crashingTree{tree}} {
			if cause == "crashes" && kind != "plain" {
				continue // one place recovers for all
			}
			rendered, err := render.New(render.Options{}).RenderAll(context.Background(), tree, targets)
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			if problem := rendered[0].Problem; problem == nil || !strings.Contains(problem.Message, cause) || !strings.HasPrefix(problem.File, "large") {
				t.Errorf("%s: problem is %v", kind, problem)
			}
			if rendered[1].Problem != nil || len(rendered[1].Objects) != 1 {
				t.Errorf("%s: the other target has %v", kind, rendered[1].Problem)
			}
		}
	}
}

func TestCacheStaysSmallAndKeepsBaseAndHead(t *testing.T) {
	engine := render.New(render.Options{CacheBytes: 20_000})
	tree := func(i int) *rendertest.MapTree {
		return rendertest.Tree(map[string]string{"app/a.yaml": fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d}\ndata: {x: '%s'}\n", i, strings.Repeat("y", 500))})
	}
	mustRender(t, engine, tree(0), "app")
	mustRender(t, engine, tree(1), "app")
	mustRender(t, engine, tree(0), "app")
	mustRender(t, engine, tree(1), "app")
	if stats := engine.Stats(); stats.Renders != 2 || stats.Hits != 2 {
		t.Errorf("base and head are not both kept: %+v", stats)
	}
	for i := range 100 {
		mustRender(t, engine, tree(i), "app")
		if kept := engine.Stats().CachedBytes; kept > 20_000 {
			t.Fatalf("%d bytes are kept", kept)
		}
	}
}

func TestPrefetchAsksOnceALevel(t *testing.T) {
	tree := rendertest.ArchiveFile(t, filepath.Join("testdata", "overlays.txtar"))
	layout, _ := render.ParseLayout("apps/{application}/overlays/{environment}")
	engine := render.New(render.Options{})
	if _, err := engine.RenderAll(context.Background(), tree, layout.Targets(tree, nil)); err != nil {
		t.Fatal(err)
	}
	reads, prefetches := tree.Asked()
	if len(prefetches) > 3 {
		t.Errorf("%d requests: %v", len(prefetches), prefetches)
	}
	fetched := map[string]bool{}
	for _, paths := range prefetches {
		for _, name := range paths {
			fetched[name] = true
		}
	}
	for _, name := range reads {
		if !fetched[name] {
			t.Errorf("%s was read without having been prefetched", name)
		}
	}
	changed := tree.With(map[string]string{"apps/web/base/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"})
	if _, err := engine.RenderAll(context.Background(), changed, layout.Targets(changed, nil)); err != nil {
		t.Fatal(err)
	}
	if _, again := changed.Asked(); len(again) == 0 || len(again[0]) < 5 {
		t.Errorf("what was read before is not asked for at once: %v", again)
	}
}
