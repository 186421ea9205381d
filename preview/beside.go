package preview

import (
	"encoding/json"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// beside returns the fields that Git does not have, that writers who count set, and
// that applying would leave as they are; known are the paths of those that it would
// not. A dry run shows none of them.
func (it *item) beside(known []path, ours string, counts func(Writer) bool) []Deviation {
	var found []Deviation
	var masked map[string]any // made for the few objects that need it
	for i, entry := range it.entries {
		if entry.manager == ours || entry.subresource == "status" || !counts(entry.writer()) {
			continue
		}
		for _, p := range it.additions(i, ours) {
			if slices.ContainsFunc(known, p.touches) {
				continue
			}
			known = append(known, p)
			if masked == nil {
				masked = it.object().Masker().Mask(it.live)
			}
			named := p.masked(it.live, masked)
			d := Deviation{
				Path: named.String(), Pointer: named.pointer(it.live), Live: p.shown(it.live, masked),
				Writer: writerOf(it.entries, ours, p), Beside: true,
			}
			if _, ok := p.in(it.wanted); ok { // a list of which some items are added
				d.Git = p.shown(it.wanted, it.object().Masker().Mask(it.wanted))
			}
			found = append(found, d)
		}
	}
	return found
}

// additions returns what of one entry's fields Git does not have: each as the
// largest whole that is the entry's alone.
func (it *item) additions(index int, ours string) []path {
	entry := it.entries[index]
	text, err := json.Marshal(entry.fields)
	if err != nil {
		return nil // it was decoded from JSON
	}
	set := fieldpath.NewSet()
	if err := set.FromJSON(strings.NewReader(string(text))); err != nil {
		return nil // a version of managedFields that nobody writes yet
	}
	applied, _ := appliedBy(it.entries, ours)
	var found []path
	set.Leaves().Iterate(func(field fieldpath.Path) {
		p, ok := pathOf(field)
		if !ok || isUntouchable(p) || isServers(p) {
			return
		}
		whole := it.whole(p, index)
		switch {
		case !it.isAddition(p, applied), it.isAutoscaled(p), it.ignored(p, it.live, it.wanted):
		case len(whole) == len(p) && it.isFilledByOthers(p, index):
			// What is left of a map that the entry once made.
		case !slices.ContainsFunc(found, whole.touches):
			found = append(found, whole)
		}
	})
	return found
}

// isServers reports whether the path leads to metadata that is nobody's wish.
func isServers(p path) bool {
	if len(p) < 2 || p[0].key != "metadata" {
		return false
	}
	return slices.Contains(serverMetadata, p[1].key) || len(p) == 3 && p[1].key == "annotations" && p[2].key == lastApplied
}

// isAutoscaled reports whether the path leads to replicas that an autoscaler sets.
func (it *item) isAutoscaled(p path) bool {
	if p.String() != "spec.replicas" {
		return false
	}
	_, scaled := autoscaler(it.entries, "")
	return scaled || it.scaled
}

// isAddition reports whether what the path leads to is live, and neither in Git nor
// ours.
func (it *item) isAddition(p path, applied managedEntry) bool {
	if at, value, ok := p.ofSet(); ok {
		has := func(object map[string]any) bool {
			list, _ := at.in(object)
			items, _ := list.([]any)
			return slices.ContainsFunc(items, func(item any) bool { return keyJSON(item) == value })
		}
		return has(it.live) && !has(it.wanted)
	}
	_, isLive := p.in(it.live)
	_, isWanted := p.in(it.wanted)
	return isLive && !isWanted && (applied.fields == nil || !applied.owns(p))
}

// ofSet splits the path to an item of a set into that to the set and the item's
// value; false for any other path.
func (p path) ofSet() (at path, value string, ok bool) {
	if len(p) > 0 {
		value, ok = p[len(p)-1].item[setValue]
	}
	if !ok {
		return nil, "", false
	}
	return p[:len(p)-1], value, true
}

// whole returns the largest thing that the path leads into, that Git does not have
// and that nobody but the entry owns anything of: a container rather than its
// image. Labels, annotations and a ConfigMap's data stay apart, and an item of a
// set stands for its list, so that nobody's value becomes part of a path.
func (it *item) whole(p path, index int) path {
	if at, _, ok := p.ofSet(); ok {
		p = at
	}
	least := 2
	for i, s := range p {
		if i > 0 && p[i-1].key == "metadata" && (s.key == "labels" || s.key == "annotations") {
			least = i + 2
		}
	}
	for n := least; n < len(p); n++ {
		if _, ok := p[:n].in(it.wanted); !ok && !it.isShared(p[:n], index) {
			return p[:n]
		}
	}
	return p
}

// isShared reports whether any other entry owns something of what the path leads to.
func (it *item) isShared(p path, index int) bool {
	for i, entry := range it.entries {
		if i != index && entry.owns(p) {
			return true
		}
	}
	return false
}

// isFilledByOthers reports whether any other entry owns a part of what the path
// leads to.
func (it *item) isFilledByOthers(p path, index int) bool {
	for i, entry := range it.entries {
		nodes := []map[string]any{entry.fields}
		for _, s := range p {
			nodes = below(nodes, s)
		}
		if i != index && len(nodes) > 0 && !isLeaf(nodes[0]) {
			return true
		}
	}
	return false
}

// shown returns what the path leads to in an object, masked: the mark where a
// whole around it is masked.
func (p path) shown(object, masked any) any {
	for _, s := range p {
		inner, _ := s.in(object)
		masked = s.beside(object, inner, masked)
		object = inner
	}
	return masked
}
