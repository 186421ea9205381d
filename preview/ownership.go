package preview

import (
	"encoding/json"
	"slices"
	"strings"
)

// managedEntry is one entry of an object's metadata.managedFields.
type managedEntry struct {
	manager     string
	operation   string // Apply or Update
	subresource string
	apiVersion  string
	time        string // RFC 3339, of the manager's last change to any of the fields
	// fields is a fieldsV1 tree: f:name, k:{json of merge keys}, v:json of a
	// value, i:index lead down; "." means that the item itself is owned.
	fields map[string]any
}

// managedEntries returns the entries of a live object.
func managedEntries(object map[string]any) []managedEntry {
	metadata, _ := object["metadata"].(map[string]any)
	list, _ := metadata["managedFields"].([]any)
	entries := make([]managedEntry, 0, len(list))
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			continue
		}
		entry := managedEntry{}
		entry.manager, _ = m["manager"].(string)
		entry.operation, _ = m["operation"].(string)
		entry.subresource, _ = m["subresource"].(string)
		entry.apiVersion, _ = m["apiVersion"].(string)
		entry.time, _ = m["time"].(string)
		entry.fields, _ = m["fieldsV1"].(map[string]any)
		entries = append(entries, entry)
	}
	return entries
}

// isApplied reports whether the entry is what manager applied last.
func (e managedEntry) isApplied(manager string) bool {
	return e.manager == manager && e.operation == "Apply" && e.subresource == ""
}

// appliedBy returns what manager applied last; false when it never did.
func appliedBy(entries []managedEntry, manager string) (managedEntry, bool) {
	for _, entry := range entries {
		if entry.isApplied(manager) {
			return entry, true
		}
	}
	return managedEntry{}, false
}

// owns reports whether the entry owns what the path leads to, something inside
// it, or the whole that it is an inseparable part of.
func (e managedEntry) owns(p path) bool {
	node := e.fields
	for _, s := range p {
		if isLeaf(node) {
			return len(e.fields) > 0
		}
		next, ok := s.down(node)
		if !ok {
			return false
		}
		node = next
	}
	return len(e.fields) > 0
}

// isLeaf reports whether nothing below is owned apart: the value is one whole.
func isLeaf(node map[string]any) bool {
	_, self := node["."]
	return len(node) == 0 || self && len(node) == 1
}

// down follows one step in a fieldsV1 tree.
func (s step) down(node map[string]any) (map[string]any, bool) {
	if s.key != "" {
		child, ok := node["f:"+s.key].(map[string]any)
		return child, ok
	}
	for name, child := range node {
		keys, ok := itemKeys(name)
		if !ok || len(keys) != len(s.item) {
			continue
		}
		same := true
		for key, value := range keys {
			same = same && s.item[key] == keyJSON(value)
		}
		if same {
			inner, ok := child.(map[string]any)
			return inner, ok
		}
	}
	return nil, false
}

// itemKeys returns the merge keys of a list item's name in a fieldsV1 tree.
func itemKeys(name string) (map[string]any, bool) {
	text, ok := strings.CutPrefix(name, "k:")
	if !ok {
		return nil, false
	}
	var keys map[string]any
	return keys, json.Unmarshal([]byte(text), &keys) == nil
}

// ownersOf returns the managers other than ours that own what the path leads to,
// each once, sorted.
func ownersOf(entries []managedEntry, ours string, p path) []string {
	var owners []string
	for _, entry := range entries {
		if entry.manager != ours && entry.manager != "" && entry.owns(p) {
			owners = append(owners, entry.manager)
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// trees returns the entries' fieldsV1 trees, from which the merge keys of lists
// can be read.
func trees(entries ...[]managedEntry) []map[string]any {
	var all []map[string]any
	for _, list := range entries {
		for _, entry := range list {
			if len(entry.fields) > 0 {
				all = append(all, entry.fields)
			}
		}
	}
	return all
}

// below follows one step in each tree that has it.
func below(nodes []map[string]any, s step) []map[string]any {
	var next []map[string]any
	for _, node := range nodes {
		if child, ok := s.down(node); ok && len(child) > 0 {
			next = append(next, child)
		}
	}
	return next
}
