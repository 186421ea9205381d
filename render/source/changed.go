package source

import (
	"cmp"
	"context"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// Changed returns the paths of the files, links and submodules that differ
// between two trees, sorted: what was added, deleted, or has another content,
// another type or another permission to execute. A renamed file is both its old
// and its new path.
func (r *Repository) Changed(_ context.Context, base, head render.Tree) ([]string, error) {
	c := comparison{base: base, head: head}
	c.directory(".")
	slices.Sort(c.changed)
	return slices.Compact(c.changed), nil
}

type comparison struct {
	base, head render.Tree
	changed    []string
}

// directory compares a directory that both trees have; where its ids are the same
// nothing below differs.
func (c *comparison) directory(dir string) {
	before, _ := c.base.Stat(dir)
	after, _ := c.head.Stat(dir)
	if before.ID == after.ID {
		return
	}
	olds, news := c.base.List(dir), c.head.List(dir)
	for len(olds) > 0 || len(news) > 0 {
		switch order := compareFirst(olds, news); {
		case order < 0:
			c.all(c.base, olds[0])
			olds = olds[1:]
		case order > 0:
			c.all(c.head, news[0])
			news = news[1:]
		default:
			c.both(olds[0], news[0])
			olds, news = olds[1:], news[1:]
		}
	}
}

func compareFirst(olds, news []render.Entry) int {
	switch {
	case len(olds) == 0:
		return 1
	case len(news) == 0:
		return -1
	}
	return cmp.Compare(olds[0].Path, news[0].Path)
}

func (c *comparison) both(before, after render.Entry) {
	switch {
	case before.Mode == render.Directory && after.Mode == render.Directory:
		c.directory(before.Path)
	case before.ID != after.ID || before.Mode != after.Mode || executable(c.base, before) != executable(c.head, after):
		c.all(c.base, before)
		c.all(c.head, after)
	}
}

// all adds an entry of a tree, or all that is below it.
func (c *comparison) all(in render.Tree, entry render.Entry) {
	if entry.Mode != render.Directory {
		c.changed = append(c.changed, entry.Path)
		return
	}
	for _, below := range in.List(entry.Path) {
		c.all(in, below)
	}
}

func executable(in render.Tree, entry render.Entry) bool {
	t, ok := in.(*tree)
	return ok && t.executable[entry.Path]
}
