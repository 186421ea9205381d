package promotion

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/edit"
)

// A workload is an object with containers.
type workload struct {
	id     render.ObjectID
	file   string // that it comes from
	images []edit.Image
}

func workloads(rendered *render.Rendered) []*workload {
	byID := map[render.ObjectID]*workload{}
	for _, image := range edit.ImagesOf(rendered) {
		if byID[image.Object] == nil {
			byID[image.Object] = &workload{id: image.Object}
		}
		byID[image.Object].images = append(byID[image.Object].images, image)
	}
	var all []*workload
	for _, object := range rendered.Objects {
		if w := byID[object.ID]; w != nil {
			w.file = object.Origin.File
			all = append(all, w)
		}
	}
	return all
}

// matched is which image belongs to which, on two sides.
type matched struct {
	pairs   []imagePair // in the order of the target's
	left    []Left
	problem *render.Problem
}

type imagePair struct{ from, to edit.Image }

// match tells by kind and name which workloads are the same in two environments,
// and by name which of their containers are.
func match(from, to *render.Rendered) matched {
	var m matched
	sources, targets := workloads(from), workloads(to)
	other := pairWorkloads(sources, targets, from.Target.Environment, to.Target.Environment)
	if m.problem = ambiguous(sources, targets, other, from.Target, to.Target); m.problem != nil {
		return m
	}
	for _, source := range sources {
		if other[source] == nil {
			m.leave(from.Target, source.images)
		}
	}
	var onlyThere []edit.Image
	for _, target := range targets {
		if other[target] == nil {
			onlyThere = append(onlyThere, target.images...)
			continue
		}
		pairs, here, there := pairImages(other[target].images, target.images)
		m.pairs = append(m.pairs, pairs...)
		m.leave(from.Target, here)
		onlyThere = append(onlyThere, there...)
	}
	m.leave(to.Target, onlyThere)
	if len(m.pairs) == 0 && len(m.left) > 0 {
		m.problem = &render.Problem{File: to.Target.Path,
			Message: fmt.Sprintf("no container is in both %s and %s: %s", from.Target, to.Target, m.left[0]),
			Hint:    "give the workload and its container the same kind and names in both environments"}
	}
	return m
}

func (m *matched) leave(in render.Target, images []edit.Image) {
	for _, image := range images {
		m.left = append(m.left, Left{in, image.Object, image.Container})
	}
}

// pairWorkloads pairs each workload with its other: in rounds from the surest sign
// to the weakest, in each of which only what is alone with a sign on both sides is
// paired.
func pairWorkloads(sources, targets []*workload, from, to render.Environment) map[*workload]*workload {
	other := map[*workload]*workload{}
	signs := []func(w *workload, environment render.Environment) string{
		func(w *workload, e render.Environment) string { return bare(w.id.Namespace, e) + "/" + w.id.Name },
		func(w *workload, _ render.Environment) string { return w.id.Name },
		func(w *workload, e render.Environment) string { return bare(w.id.Name, e) },
		func(w *workload, _ render.Environment) string { return w.file },
	}
	for _, sign := range signs {
		here, there := map[string][]*workload{}, map[string][]*workload{}
		gather := func(all []*workload, environment render.Environment, by map[string][]*workload) {
			for _, w := range all {
				if other[w] == nil {
					key := w.id.Group + "|" + w.id.Kind + "|" + sign(w, environment)
					by[key] = append(by[key], w)
				}
			}
		}
		gather(sources, from, here)
		gather(targets, to, there)
		for key, a := range here {
			if b := there[key]; len(a) == 1 && len(b) == 1 {
				other[a[0]], other[b[0]] = b[0], a[0]
			}
		}
	}
	return other
}

// bare is a name without that of its environment before or behind it.
func bare(name string, environment render.Environment) string {
	if environment == "" {
		return name
	}
	for _, affix := range []string{string(environment) + "-", string(environment) + "."} {
		if rest, ok := strings.CutPrefix(name, affix); ok && rest != "" {
			return rest
		}
	}
	if rest, ok := strings.CutSuffix(name, "-"+string(environment)); ok && rest != "" {
		return rest
	}
	return name
}

// ambiguous is the problem of workloads that have one name on both sides and
// cannot be told apart.
func ambiguous(sources, targets []*workload, other map[*workload]*workload, from, to render.Target) *render.Problem {
	for _, target := range targets {
		if other[target] != nil {
			continue
		}
		for _, source := range sources {
			if other[source] == nil && source.id.Group == target.id.Group && source.id.Kind == target.id.Kind && source.id.Name == target.id.Name {
				return &render.Problem{File: to.Path,
					Message: fmt.Sprintf("which %s of %s is %s of %s cannot be told: there are several of that name", source.id.Kind, from, target.id, to),
					Hint:    "give them names of their own"}
			}
		}
	}
	return nil
}

// pairImages pairs the containers of two workloads by field, else by name; here and
// there are those without their other.
func pairImages(source, target []edit.Image) (pairs []imagePair, here, there []edit.Image) {
	taken := make([]bool, len(source))
	find := func(fits func(edit.Image) bool) int {
		found := -1
		for i, image := range source {
			if !taken[i] && fits(image) {
				if found >= 0 {
					return -1
				}
				found = i
			}
		}
		return found
	}
	for _, image := range target {
		i := find(func(other edit.Image) bool { return other.Field == image.Field })
		if i < 0 {
			i = find(func(other edit.Image) bool { return other.Container == image.Container })
		}
		if i < 0 {
			there = append(there, image)
			continue
		}
		taken[i] = true
		pairs = append(pairs, imagePair{source[i], image})
	}
	for i, image := range source {
		if !taken[i] {
			here = append(here, image)
		}
	}
	return pairs, here, there
}
