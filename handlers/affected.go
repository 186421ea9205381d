package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/render"
)

// A pair is one affected target as both sides render it.
type pair struct {
	target render.Target
	base   *render.Rendered // nil where the target is new
	head   *render.Rendered // nil where the target is gone
	// created is set where the base has no such target; base is nil, too, where
	// the base does not render.
	created bool
}

// problem returns why the target cannot be planned: what the head makes of it. A
// base that does not render is planned as if it were new.
func (p pair) problem() *render.Problem {
	if p.head == nil {
		if p.base != nil {
			return p.base.Problem // a retired target whose objects nobody can name
		}
		return nil
	}
	return p.head.Problem
}

// A selection is the targets that a change affects.
type selection struct {
	pairs []pair
	known []render.Target // on either side, affected or not
	total int             // targets on the head side
	reads []render.Reads
}

// claims reports whether any target of either side looked at path.
func (s selection) claims(path string) bool {
	for _, reads := range s.reads {
		if _, ok := reads[path]; ok {
			return true
		}
	}
	return false
}

// restrict keeps the named targets and returns those of them that the change does
// not affect. That a name is no target's is a [*render.Problem].
func (s *selection) restrict(only []string) (untouched []string, err error) {
	named := func(name string) func(render.Target) bool {
		return func(t render.Target) bool { return t.String() == name }
	}
	for _, name := range only {
		if !slices.ContainsFunc(s.known, named(name)) {
			return nil, unknownTarget(name, s.known)
		}
		if !slices.ContainsFunc(s.pairs, func(p pair) bool { return named(name)(p.target) }) {
			untouched = append(untouched, name)
		}
	}
	s.pairs = slices.DeleteFunc(s.pairs, func(p pair) bool { return !slices.Contains(only, p.target.String()) })
	return untouched, nil
}

// affected renders the base side of every target (mostly out of the cache) and the
// head side of those whose recorded inputs differ. What rendering really read
// decides, so that a change to a shared base selects every target on it. Each side
// has its engine: an outsider's head is not rendered by that of the base.
func affected(ctx context.Context, engine, headEngine *render.Engine, layouts []render.Layout, order []render.Environment, base, head render.Tree) (selection, error) {
	before, after := targets(layouts, order, base), targets(layouts, order, head)
	bases, err := engine.RenderAll(ctx, base, before)
	if err != nil {
		return selection{}, fmt.Errorf("render base: %w", err)
	}
	rendered := make(map[render.Target]*render.Rendered, len(before))
	for i, target := range before {
		rendered[target] = bases[i]
	}
	chosen := selection{known: slices.Clone(after), total: len(after)}
	var again []render.Target // to be rendered at the head
	for _, target := range after {
		was := rendered[target]
		if was == nil || !was.Reads.Unchanged(head) {
			again = append(again, target)
		} else {
			chosen.reads = append(chosen.reads, was.Reads)
		}
	}
	heads, err := headEngine.RenderAll(ctx, head, again)
	if err != nil {
		return selection{}, fmt.Errorf("render head: %w", err)
	}
	distinct(after, heads)
	for i, target := range again {
		chosen.add(pair{target: target, base: rendered[target], head: heads[i]})
	}
	for _, target := range before {
		if !slices.Contains(after, target) {
			chosen.add(pair{target: target, base: rendered[target]})
			chosen.known = append(chosen.known, target)
		}
	}
	rank := func(e render.Environment) int { return slices.Index(order, e) }
	slices.SortStableFunc(chosen.pairs, func(a, b pair) int {
		if a.target.Environment != b.target.Environment {
			if c := rank(a.target.Environment) - rank(b.target.Environment); c != 0 {
				return c
			}
		}
		return strings.Compare(a.target.String(), b.target.String())
	})
	return chosen, nil
}

func (s *selection) add(p pair) {
	for _, side := range []*render.Rendered{p.base, p.head} {
		if side != nil {
			s.reads = append(s.reads, side.Reads)
		}
	}
	p.created = p.base == nil
	if p.base != nil && p.base.Problem != nil && p.head != nil {
		p.base = nil
	}
	s.pairs = append(s.pairs, p)
}

// targets returns the targets of all layouts, each once.
func targets(layouts []render.Layout, order []render.Environment, tree render.Tree) []render.Target {
	var all []render.Target
	seen := map[render.Target]bool{}
	for _, layout := range layouts {
		for _, target := range layout.Targets(tree, order) {
			if !seen[target] {
				seen[target] = true
				all = append(all, target)
			}
		}
	}
	return all
}

// distinct gives those of some rendereds a problem whose targets have the name of
// another directory, too: a plan, a record and a person's word are found by the name.
func distinct(all []render.Target, some []*render.Rendered) {
	paths := make(map[string][]string, len(all))
	for _, target := range all {
		paths[target.String()] = append(paths[target.String()], target.Path)
	}
	for i, rendered := range some {
		name := rendered.Target.String()
		if len(paths[name]) < 2 {
			continue
		}
		refused := *rendered
		refused.Objects, refused.Digest = nil, ""
		refused.Problem = &render.Problem{
			File:    rendered.Target.Path,
			Message: fmt.Sprintf("%s is the name of several directories, %s", name, strings.Join(slices.Sorted(slices.Values(paths[name])), " and ")),
			Hint:    "keep one of them, or let layout in " + config.File + " give them names of their own",
		}
		some[i] = &refused
	}
}

// unknownTarget says which targets there are, the first of them.
func unknownTarget(name string, known []render.Target) *render.Problem {
	names := make([]string, 0, 10)
	for _, target := range known[:min(len(known), 10)] {
		names = append(names, target.String())
	}
	hint := "there is none"
	if len(names) > 0 {
		hint = "there are " + strings.Join(names, ", ")
	}
	if len(known) > len(names) {
		hint += fmt.Sprintf(" and %d more", len(known)-len(names))
	}
	return &render.Problem{Message: fmt.Sprintf("no target here is called %s", name), Hint: hint}
}
