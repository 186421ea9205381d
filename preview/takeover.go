package preview

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// updaters are the tools that deploy by updates, whose fields Slipway takes over:
// what they own and Git does not have goes away, as it would have with them. Who
// edits by hand (kubectl-edit, kubectl-patch) is no deployer.
var updaters = []string{
	"kubectl-client-side-apply", "before-first-apply", "helm", "helm-controller", "kapp",
	"argocd-controller", "argocd-application-controller",
}

// appliers are the tools that deploy by server-side apply.
var appliers = []string{
	"kubectl", "helm", "helm-controller", "argocd-controller", "argocd-application-controller",
	"kustomize-controller",
}

// isLegacy reports whether the entry belongs to another deployer, whose fields are
// taken over: one known by name, or anybody who owns kubectl's copy of the object.
// What a deployer by apply owns by update besides is what admission added to its
// requests, not its wish.
func isLegacy(entry managedEntry, entries []managedEntry, manager string) bool {
	if entry.manager == manager || entry.subresource != "" {
		return false
	}
	if entry.operation == "Apply" {
		return slices.Contains(appliers, entry.manager)
	}
	if _, applies := appliedBy(entries, entry.manager); applies {
		return false
	}
	return slices.Contains(updaters, entry.manager) || ownsLastApplied(entry)
}

func ownsLastApplied(entry managedEntry) bool {
	return entry.owns(path{{key: "metadata"}, {key: "annotations"}, {key: lastApplied}})
}

// legacyLeftovers returns the entries of other deployers that own anything which
// ours does not.
func legacyLeftovers(entries []managedEntry, applied managedEntry, manager string) []managedEntry {
	var left []managedEntry
	for _, entry := range entries {
		if isLegacy(entry, entries, manager) && !isCovered(entry.fields, applied.fields) {
			left = append(left, entry)
		}
	}
	return left
}

// isCovered reports whether everything that node owns is owned in other as well;
// kubectl's copy of the object counts for nothing.
func isCovered(node, other map[string]any) bool {
	for name, child := range node {
		if name == "." || name == "f:"+lastApplied {
			continue
		}
		inner, _ := child.(map[string]any)
		counterpart, ok := other[name].(map[string]any)
		if !ok {
			// A map of which nothing is left but what counts for nothing.
			if len(inner) > 0 && isCovered(inner, nil) {
				continue
			}
			return false
		}
		if !isCovered(inner, counterpart) {
			return false
		}
	}
	return true
}

// takeOver returns the object as it is after other deployers' fields have become
// ours and the payload was applied: result, the answer to a dry run of the apply
// alone, without what only they own. It also returns what was removed. This is
// what moving their managedFields to our manager before the apply would lead to;
// no dry run can show it, because each starts from what is stored.
func takeOver(result map[string]any, live []managedEntry, manager string, ignore []pointer) (map[string]any, []path, error) {
	legacy, err := union(live, func(e managedEntry) bool { return isLegacy(e, live, manager) })
	if err != nil {
		return nil, nil, err
	}
	after := managedEntries(result)
	others, err := union(after, func(e managedEntry) bool { return !isLegacy(e, live, manager) })
	if err != nil {
		return nil, nil, err
	}
	taken := clone(result).(map[string]any)
	var removed []path
	legacy.Difference(others).Iterate(func(p fieldpath.Path) {
		if hasPrefix(others, p) {
			return // somebody else owns something inside
		}
		at, ok := pathOf(p)
		if !ok || isUntouchable(at) || slices.ContainsFunc(ignore, func(i pointer) bool { return i.covers(at, result) }) {
			return
		}
		if remove(taken, at) {
			removed = append(removed, at)
		}
	})
	return taken, removed, nil
}

// isUntouchable reports whether the path leads to something that no apply removes.
func isUntouchable(at path) bool {
	text := at.String()
	return text == "metadata" || text == "spec" || strings.HasPrefix(text, "status")
}

// union returns all fields of the chosen entries.
func union(entries []managedEntry, choose func(managedEntry) bool) (*fieldpath.Set, error) {
	all := fieldpath.NewSet()
	for _, entry := range entries {
		if !choose(entry) {
			continue
		}
		text, err := json.Marshal(entry.fields)
		if err != nil {
			return nil, fmt.Errorf("read managed fields of %s: %w", entry.manager, err)
		}
		set := fieldpath.NewSet()
		if err := set.FromJSON(strings.NewReader(string(text))); err != nil {
			return nil, fmt.Errorf("read managed fields of %s: %w", entry.manager, err)
		}
		all = all.Union(set)
	}
	return all, nil
}

// hasPrefix reports whether the set has the path, or anything inside it.
func hasPrefix(set *fieldpath.Set, p fieldpath.Path) bool {
	if set.Has(p) {
		return true
	}
	for _, element := range p {
		set = set.WithPrefix(element)
	}
	return !set.Empty()
}

// pathOf translates a path; false for an item of a list without a schema.
func pathOf(p fieldpath.Path) (path, bool) {
	var at path
	for _, element := range p {
		switch {
		case element.FieldName != nil:
			at = at.with(step{key: *element.FieldName})
		case element.Key != nil:
			item := make(map[string]any, len(*element.Key))
			keys := make([]string, 0, len(*element.Key))
			for _, field := range *element.Key {
				item[field.Name] = field.Value.Unstructured()
				keys = append(keys, field.Name)
			}
			at = at.with(itemStep(item, keys))
		case element.Value != nil:
			at = at.with(setStep(*element.Value))
		default:
			return nil, false
		}
	}
	return at, true
}

// setValue is the merge key by which a step leads to an item of a set.
const setValue = "="

func setStep(v value.Value) step {
	text := keyJSON(v.Unstructured())
	return step{item: map[string]string{setValue: text}, label: text}
}

// remove takes what the path leads to out of the object; false when it is not there.
func remove(object map[string]any, at path) bool {
	if len(at) == 0 {
		return false
	}
	parentPath, last := at[:len(at)-1], at[len(at)-1]
	parent, ok := parentPath.in(object)
	if !ok {
		return false
	}
	switch typed := parent.(type) {
	case map[string]any:
		_, ok = typed[last.key]
		delete(typed, last.key)
		return ok
	case []any:
		kept := slices.DeleteFunc(slices.Clone(typed), last.isItem)
		if len(kept) == len(typed) {
			return false
		}
		holder, ok := parentPath[:len(parentPath)-1].in(object)
		m, isMap := holder.(map[string]any)
		if !ok || !isMap {
			return false
		}
		m[parentPath[len(parentPath)-1].key] = kept
		return true
	}
	return false
}

func (s step) isItem(item any) bool {
	if want, ok := s.item[setValue]; ok {
		return keyJSON(item) == want
	}
	m, ok := item.(map[string]any)
	return ok && s.item != nil && s.matches(m)
}

// mergePatch returns the JSON merge patch that makes after out of before.
func mergePatch(before, after map[string]any) map[string]any {
	patch := make(map[string]any)
	for key, old := range before {
		wanted, kept := after[key]
		if !kept {
			patch[key] = nil
			continue
		}
		if equal(old, wanted) {
			continue
		}
		oldMap, oldIsMap := old.(map[string]any)
		newMap, newIsMap := wanted.(map[string]any)
		if oldIsMap && newIsMap {
			patch[key] = mergePatch(oldMap, newMap)
		} else {
			patch[key] = wanted
		}
	}
	for key, wanted := range after {
		if _, had := before[key]; !had {
			patch[key] = wanted
		}
	}
	return patch
}
