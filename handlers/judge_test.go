package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// A configuration that is no file is none that anybody meant: it is neither followed
// nor taken for its own text, nor passed over.
func TestAConfigurationThatIsNoFile(t *testing.T) {
	const layout = "layout: '{environment}'\n"
	link := map[string]string{".slipway.yaml": "symlink elsewhere.yaml", "elsewhere.yaml": layout}
	file := map[string]string{".slipway.yaml": layout}
	directory := map[string]string{".slipway.yaml/a": "b"}
	for _, test := range []struct {
		name       string
		base, head map[string]string
		want       string // in the comment
		planned    bool
	}{
		{"a file", file, file, "", true},
		{"a link", link, link, "is a symbolic link, which is not followed; commit the configuration itself", false},
		{"a directory", directory, directory, "is a directory; commit", false},
		{"the change makes it a link", file, link, "is a symbolic link", true},
		{"the change mends it", link, file, "mends the broken configuration", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := func(configuration map[string]string, name string) *rendertest.MapTree {
				return rendertest.Tree(configuration).With(map[string]string{"production/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"})
			}
			planner := &Planner{Renderers: oneEngine{render.New(render.Options{})}, Now: time.Now}
			repo := proposed{base: tree(test.base, "a"), head: tree(test.head, "b")}
			r, err := planner.Report(t.Context(), repo, Comparison{Repository: shop, Pull: 7, Base: "abc", Head: "def", Trusted: true})
			if err != nil {
				t.Fatal(err)
			}
			comment := report.Comment(r)
			if !strings.Contains(comment, test.want) {
				t.Errorf("%q is not in:\n%s", test.want, comment)
			}
			if planned := len(r.Parts) > 0; planned != test.planned {
				t.Errorf("planned: %v, want %v:\n%s", planned, test.planned, comment)
			}
		})
	}
}
