package edit

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"
)

// FuzzSplice edits each place of any file that may set an image, and holds to: the
// file parses as before, the place says what is wanted, and no other value, and for
// a single value no comment either, is another one.
func FuzzSplice(f *testing.F) {
	stories, _ := filepath.Glob("testdata/*.txtar")
	for _, story := range stories {
		archive, err := txtar.ParseFile(story)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.Contains(file.Name, "/") {
				f.Add(file.Data)
				f.Add(bytes.ReplaceAll(file.Data, []byte("\n"), []byte("\r\n")))
			}
		}
	}
	f.Add([]byte("\ufeffimages: [{name: \"é\", newTag: 'it''s'}, {name: b, digest: \"a\\\"b\"}] # ü"))
	f.Add([]byte("kind: Pod\nspec:\n  ü: {containers: [{\"ü\": 1, image: !!str web:1}, {image: &a web}, {image: *a}]}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		before := newFile("kustomization.yaml", content)
		for i, c := range before.candidates {
			for _, want := range []Reference{{Name: "ghcr.io/acme/web", Tag: "1.20"}, {Name: "web", Digest: "sha256:ab"}, {Name: "web", Tag: "1e3", Digest: "sha256:12"}} {
				splices, ok := c.set(Reference{Name: "old"}, want)
				if !ok {
					continue
				}
				edited := spliced(content, splices)
				after := newFile("kustomization.yaml", edited)
				if len(after.candidates) != len(before.candidates) {
					t.Fatalf("%d candidates became %d in\n%s", len(before.candidates), len(after.candidates), edited)
				}
				if got := says(after.candidates[i]); got != want.String() {
					t.Errorf("says %s, want %s, in\n%s", got, want, edited)
				}
				if a, b := flat(content, c.entry != nil), flat(edited, c.entry != nil); differences(a, b) > 1 {
					t.Errorf("more than the image differs:\n%q\n%q\nin\n%s", a, b, edited)
				}
			}
		}
	})
}

// says is the reference that a candidate sets.
func says(c *candidate) string {
	if c.scalar != nil {
		return value(c.scalar)
	}
	r := Reference{Name: text(child(c.entry, newNameKey)), Tag: text(child(c.entry, newTagKey)), Digest: text(child(c.entry, digestKey))}
	return r.String()
}

// flat lists the values and comments of a stream; without comments and without
// what an entry of images sets, if entries are to be edited.
func flat(content []byte, entries bool) []string {
	var all []string
	var walk func(node *yaml.Node)
	walk = func(node *yaml.Node) {
		all = append(all, fmt.Sprintf("%d %s", min(node.Kind, yaml.ScalarNode), node.Value))
		if !entries {
			all = append(all, strings.Join([]string{node.HeadComment, node.LineComment, node.FootComment}, "|"))
		}
		for i, below := range node.Content {
			key := ""
			if node.Kind == yaml.MappingNode {
				key = node.Content[i-i%2].Value
			}
			if entries && (key == newNameKey || key == newTagKey || key == digestKey) {
				continue
			}
			walk(below)
		}
	}
	for _, document := range documents(content) {
		walk(document)
	}
	return all
}

func differences(a, b []string) int {
	if len(a) != len(b) {
		return len(a) + len(b)
	}
	count := 0
	for i := range a {
		if a[i] != b[i] {
			count++
		}
	}
	return count
}
