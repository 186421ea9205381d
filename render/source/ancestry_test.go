package source_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/fixtures/repositories"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/source"
)

func TestSince(t *testing.T) {
	dir := t.TempDir()
	var commits []render.Commit
	for _, content := range []string{"1", "2", "3", "4"} {
		id, err := repositories.Commit(dir, "main", "make it "+content, map[string]string{"file": content})
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, render.Commit(id))
	}
	other, err := repositories.Commit(dir, "other", "elsewhere", map[string]string{"file": "0"})
	if err != nil {
		t.Fatal(err)
	}
	repository, err := source.Local(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	for _, test := range []struct {
		name     string
		from, to render.Commit
		most     int
		want     []render.Commit
	}{
		{"two behind", commits[1], commits[3], 10, []render.Commit{commits[3], commits[2]}},
		{"the same", commits[3], commits[3], 10, nil},
		{"no beginning", "", commits[3], 10, []render.Commit{commits[3], commits[2], commits[1], commits[0]}},
		{"no beginning, and too many", "", commits[3], 2, []render.Commit{commits[3], commits[2]}},
		{"too many", commits[0], commits[3], 2, []render.Commit{commits[3], commits[2]}},
		{"unrelated", render.Commit(other), commits[3], 10, commits[3:]},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := repository.Since(t.Context(), test.from, test.to, test.most)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
