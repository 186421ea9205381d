package source

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/slipwayhq/slipway/fixtures/repositories"
	"github.com/slipwayhq/slipway/render"
)

func benchmarkRepository(b *testing.B, files map[string]string) (*LocalRepository, render.Commit) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "shop.git")
	commit, err := repositories.Commit(dir, "main", "m", files)
	if err != nil {
		b.Fatal(err)
	}
	l, err := Local(context.Background(), dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	return l, render.Commit(commit)
}

func BenchmarkTreeOf5000(b *testing.B) {
	files := map[string]string{}
	for i := range 4500 {
		files[fmt.Sprintf("apps/a%d/overlays/o%d/f%d.yaml", i/30, i/10%3, i%10)] = "x"
	}
	l, commit := benchmarkRepository(b, files)
	for b.Loop() {
		l.forget()
		if _, err := l.Tree(context.Background(), commit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadAllOfMonorepo(b *testing.B) {
	files := repositories.Monorepo(100)
	l, commit := benchmarkRepository(b, files)
	tree, err := l.Tree(context.Background(), commit)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l.blobs.clear()
		for path := range files {
			if _, err := tree.Read(context.Background(), path); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(files)), "µs/file")
}

func BenchmarkOpenLocal(b *testing.B) {
	l, _ := benchmarkRepository(b, map[string]string{"f": "1"})
	for b.Loop() {
		again, err := Local(context.Background(), l.original)
		if err != nil {
			b.Fatal(err)
		}
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
