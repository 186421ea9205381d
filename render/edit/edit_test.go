package edit_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/edit"
	"github.com/slipwayhq/slipway/render/rendertest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A story is a file of testdata: a tree, what is asked for, and what comes of it.
type story struct {
	archive *txtar.Archive
	files   map[string]string // of the tree
	target  render.Target
	all     []render.Target
	images  [][]string // kind, name, container, reference
	want    string
}

func parse(t *testing.T, file string) story {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := story{archive: archive, files: map[string]string{}}
	for _, f := range archive.Files {
		switch name := f.Name; {
		case name == "want":
			s.want = string(f.Data)
		case name != "ask":
			s.files[name] = string(f.Data)
		default:
			for line := range strings.Lines(string(f.Data)) {
				words := strings.Fields(line)
				switch words[0] {
				case "target":
					s.target = render.Target{Path: words[1]}
					s.all = append(s.all, s.target)
				case "other":
					s.all = append(s.all, render.Target{Path: words[1]})
				case "image":
					s.images = append(s.images, words[1:])
				default:
					t.Fatalf("%s: what is %q?", file, line)
				}
			}
		}
	}
	return s
}

// run asks for the story's images, and proves again what the package proves.
func (s story) run(t *testing.T, tree render.Tree) ([]edit.FileEdit, *render.Problem) {
	t.Helper()
	ctx := context.Background()
	engine := render.New(render.Options{})
	w, err := edit.Open(ctx, engine, tree, s.all)
	if err != nil {
		t.Fatal(err)
	}
	before := rendered(t, engine, tree, s.target)
	var wanted []edit.Image
	for _, words := range s.images {
		for _, image := range edit.ImagesOf(before) {
			if image.Object.Kind == words[0] && image.Object.Name == words[1] && image.Container == words[2] {
				image.Reference = edit.ParseReference(words[3])
				wanted = append(wanted, image)
			}
		}
	}
	if len(wanted) != len(s.images) {
		t.Fatalf("found %d of %d images in %v", len(wanted), len(s.images), edit.ImagesOf(before))
	}
	edits, problem, err := w.Images(ctx, s.target, wanted)
	if err != nil {
		t.Fatal(err)
	}
	if problem != nil {
		if edits != nil {
			t.Error("edits beside a problem")
		}
		return nil, problem
	}
	after := rendered(t, engine, edit.Overlay(tree, edits), s.target)
	expectOnly(t, before, after, wanted)
	for _, other := range s.all[1:] {
		if a, b := rendered(t, engine, tree, other), rendered(t, engine, edit.Overlay(tree, edits), other); a.Digest != b.Digest {
			t.Errorf("%s changed too", other)
		}
	}
	return edits, nil
}

func rendered(t *testing.T, engine *render.Engine, tree render.Tree, target render.Target) *render.Rendered {
	t.Helper()
	r, err := engine.Render(context.Background(), tree, target)
	if err != nil {
		t.Fatal(err)
	}
	if r.Problem != nil {
		t.Fatal(r.Problem)
	}
	return r
}

// expectOnly compares what is written as YAML, where only the wanted images may
// differ: each old line replaced by the new one must give the new text.
func expectOnly(t *testing.T, before, after *render.Rendered, wanted []edit.Image) {
	t.Helper()
	has := map[string]edit.Reference{}
	for _, image := range edit.ImagesOf(after) {
		has[image.Object.String()+image.Field] = image.Reference
	}
	for _, image := range wanted {
		if got := has[image.Object.String()+image.Field]; got != image.Reference {
			t.Errorf("%s %s is %s, want %s", image.Object, image.Field, got, image.Reference)
		}
	}
	var a, b bytes.Buffer
	for _, w := range []struct {
		out *bytes.Buffer
		r   *render.Rendered
	}{{&a, before}, {&b, after}} {
		if err := render.Write(w.out, w.r, true); err != nil {
			t.Fatal(err)
		}
	}
	linesA, linesB := strings.Split(a.String(), "\n"), strings.Split(b.String(), "\n")
	if len(linesA) != len(linesB) {
		t.Fatalf("%d lines before, %d after", len(linesA), len(linesB))
	}
	for i := range linesA {
		key := strings.TrimLeft(linesB[i], " -")
		if linesA[i] != linesB[i] && !strings.HasPrefix(key, "image: ") {
			t.Errorf("%q became %q", linesA[i], linesB[i])
		}
	}
}

func show(tree *rendertest.MapTree, edits []edit.FileEdit, problem *render.Problem) string {
	if problem != nil {
		return "refused: " + problem.Error() + "\n"
	}
	if len(edits) == 0 {
		return "nothing to edit\n"
	}
	var b strings.Builder
	files := tree.Files()
	for _, e := range edits {
		b.WriteString(udiff.Unified("a/"+e.Path, "b/"+e.Path, files[e.Path], string(e.Content)))
	}
	return b.String()
}

// Each file of testdata tells one way of setting an image, or one reason to refuse.
// The same with CRLF gives the same with CRLF.
func TestImages(t *testing.T) {
	stories, _ := filepath.Glob("testdata/*.txtar")
	if len(stories) == 0 {
		t.Fatal("no stories")
	}
	for _, file := range stories {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := parse(t, file)
			tree := rendertest.Tree(s.files)
			edits, problem := s.run(t, tree)
			got := show(tree, edits, problem)
			if *update {
				s.write(t, file, got)
			} else if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			s.like(t, "CRLF", edits, func(content string) string { return strings.ReplaceAll(content, "\n", "\r\n") })
			s.like(t, "no last line break", edits, func(content string) string { return strings.TrimRight(content, "\n") })
			s.like(t, "a byte order mark", edits, func(content string) string { return "\ufeff" + content })
		})
	}
}

// like tells the story with all files written another way, and wants the same
// edits, written that way. Line breaks that end a file may be there or not.
func (s story) like(t *testing.T, what string, edits []edit.FileEdit, written func(content string) string) {
	t.Helper()
	files := map[string]string{}
	for name, content := range s.files {
		files[name] = written(content)
	}
	tree := rendertest.Tree(files)
	again, problem := s.run(t, tree)
	if len(again) != len(edits) {
		t.Fatalf("with %s: %s", what, show(tree, again, problem))
	}
	for i := range again {
		want := strings.TrimRight(written(string(edits[i].Content)), "\r\n")
		if diff := cmp.Diff(want, strings.TrimRight(string(again[i].Content), "\r\n")); diff != "" {
			t.Errorf("with %s (-want +got):\n%s", what, diff)
		}
	}
}

func (s story) write(t *testing.T, file, want string) {
	t.Helper()
	kept := s.archive.Files[:0]
	for _, f := range s.archive.Files {
		if f.Name != "want" {
			kept = append(kept, f)
		}
	}
	s.archive.Files = append(kept, txtar.File{Name: "want", Data: []byte(want)})
	if err := os.WriteFile(file, txtar.Format(s.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReference(t *testing.T) {
	for _, test := range []struct {
		text string
		want edit.Reference
	}{
		{"nginx", edit.Reference{Name: "nginx"}},
		{"nginx:1.2", edit.Reference{Name: "nginx", Tag: "1.2"}},
		{"localhost:5000/nginx", edit.Reference{Name: "localhost:5000/nginx"}},
		{"localhost:5000/a/nginx:1@sha256:ab", edit.Reference{Name: "localhost:5000/a/nginx", Tag: "1", Digest: "sha256:ab"}},
		{"nginx@sha256:ab", edit.Reference{Name: "nginx", Digest: "sha256:ab"}},
	} {
		got := edit.ParseReference(test.text)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, diff)
		}
		if got.String() != test.text {
			t.Errorf("%s became %s", test.text, got)
		}
	}
}

func TestOverlay(t *testing.T) {
	tree := rendertest.Tree(map[string]string{"a/b/c.yaml": "one", "a/d.yaml": "two", "e/f.yaml": "three"})
	edited := edit.Overlay(tree, []edit.FileEdit{{Path: "a/b/c.yaml", Content: []byte("four")}, {Path: "none", Content: []byte("x")}, {Path: "a/d.yaml", Content: []byte("two")}})
	same := rendertest.Tree(map[string]string{"a/b/c.yaml": "four"})
	id := func(tree render.Tree, name string) render.GitID {
		entry, _ := tree.Stat(name)
		return entry.ID
	}
	if id(edited, "a/b/c.yaml") != id(same, "a/b/c.yaml") {
		t.Error("the file's id is not Git's")
	}
	for name, changed := range map[string]bool{".": true, "a": true, "a/b": true, "a/b/c.yaml": true, "a/d.yaml": false, "e": false, "e/f.yaml": false, "none": false} {
		if got := id(edited, name) != id(tree, name); got != changed {
			t.Errorf("%s: changed %v, want %v", name, got, changed)
		}
	}
	for _, dir := range []string{".", "a", "a/b", "e"} {
		for _, entry := range edited.List(dir) {
			if stat, _ := edited.Stat(entry.Path); stat != entry {
				t.Errorf("%s is listed as %v and is %v", entry.Path, entry, stat)
			}
		}
	}
	content, err := edited.Read(context.Background(), "a/b/c.yaml")
	if err != nil || string(content) != "four" {
		t.Errorf("read %q, %v", content, err)
	}
	again := edit.Overlay(tree, []edit.FileEdit{{Path: "a/b/c.yaml", Content: []byte("four")}})
	if fmt.Sprint(id(again, ".")) != fmt.Sprint(id(edited, ".")) {
		t.Error("equal edits give other ids")
	}
}
