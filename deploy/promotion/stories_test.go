package promotion_test

import (
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

	"github.com/slipwayhq/slipway/deploy/promotion"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each file of testdata is promoted from staging to production and says what comes
// of it.
func TestStories(t *testing.T) {
	stories, _ := filepath.Glob("testdata/*.txtar")
	if len(stories) == 0 {
		t.Fatal("no stories")
	}
	for _, file := range stories {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files, want, kept := map[string]string{}, "", archive.Files[:0]
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				files[f.Name] = string(f.Data)
				kept = append(kept, f)
			}
			got := tell(t, files)
			if *update {
				archive.Files = append(kept, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// tell prints a promotion's part.
func tell(t *testing.T, files map[string]string) string {
	t.Helper()
	ctx := context.Background()
	engine, tree := render.New(render.Options{}), rendertest.Tree(files)
	all := []render.Target{{Environment: "staging", Path: "staging"}, {Environment: "production", Path: "production"}}
	from, err := engine.Render(ctx, tree, all[0])
	if err != nil {
		t.Fatal(err)
	}
	parts, err := promotion.Images(ctx, engine, tree, all, []promotion.Pair{{From: from, To: all[1]}})
	if err != nil {
		t.Fatal(err)
	}
	part := parts[0]
	var b strings.Builder
	for _, change := range part.Changes {
		fmt.Fprintf(&b, "change: %s, %s: %s → %s\n", change.Object, change.Field, change.Old, change.New)
	}
	for _, left := range part.Left {
		fmt.Fprintf(&b, "left: %s\n", left)
	}
	if part.Problem != nil {
		fmt.Fprintf(&b, "refused: %s\n", part.Problem.Error())
		if len(part.Edits) > 0 {
			t.Error("edits beside a problem")
		}
	} else if (len(part.Changes) > 0) != (len(part.Edits) > 0) {
		t.Errorf("%d changes, %d edits", len(part.Changes), len(part.Edits))
	}
	for _, e := range part.Edits {
		b.WriteString(udiff.Unified("a/"+e.Path, "b/"+e.Path, files[e.Path], string(e.Content)))
	}
	if b.Len() == 0 {
		return "equal\n"
	}
	return b.String()
}
