package preview

import (
	"slices"
	"strings"
)

// isSettled reports whether applying the payload is known to change nothing
// without asking: our manager applied exactly these fields before, nobody else
// changed any of them since (who changes a field becomes its owner), and each
// still has the wanted value. False is not yet a change, only a suspicion: the
// API server may write the same value another way.
func isSettled(payload, live map[string]any, entries []managedEntry, manager string) bool {
	applied, ok := appliedBy(entries, manager)
	if !ok || applied.apiVersion != payload["apiVersion"] || live["apiVersion"] != payload["apiVersion"] {
		return false
	}
	if len(legacyLeftovers(entries, applied, manager)) > 0 {
		return false
	}
	check := settlement{quantities: hasQuantities(payload)}
	return check.maps(owned(payload), live, applied.fields, "")
}

// A settlement compares what is wanted with what is live and ours.
type settlement struct {
	// quantities is set for kinds whose quantities the API server writes in its own
	// way, 1 for 1000m.
	quantities bool
}

// hasQuantities reports whether the API server knows the kind's quantities as such;
// those of a custom resource are text to it.
func hasQuantities(object map[string]any) bool {
	version, _ := object["apiVersion"].(string)
	group, _, found := strings.Cut(version, "/")
	return !found || group == "apps" || group == "batch"
}

// quantityMaps are the maps whose values are quantities.
var quantityMaps = []string{"limits", "requests", "hard", "capacity"}

// owned returns the payload without what identifies the object, which nobody owns.
func owned(payload map[string]any) map[string]any {
	bare := make(map[string]any, len(payload))
	for key, value := range payload {
		bare[key] = value
	}
	delete(bare, "apiVersion")
	delete(bare, "kind")
	metadata, _ := payload["metadata"].(map[string]any)
	rest := make(map[string]any, len(metadata))
	for key, value := range metadata {
		if key != "name" && key != "namespace" {
			rest[key] = value
		}
	}
	if len(rest) == 0 {
		delete(bare, "metadata")
	} else {
		bare["metadata"] = rest
	}
	return bare
}

// maps reports whether wanted has exactly the fields that node owns, each
// with its live value.
func (c settlement) maps(wanted, live, node map[string]any, name string) bool {
	children := len(node)
	if _, self := node["."]; self {
		children--
	}
	if len(wanted) != children {
		return false
	}
	for key, value := range wanted {
		child, isOwned := node["f:"+key].(map[string]any)
		liveValue, isLive := live[key]
		if !isOwned || !isLive || !c.value(value, liveValue, child, key, name) {
			return false
		}
	}
	return true
}

func (c settlement) value(wanted, live any, node map[string]any, name, parent string) bool {
	if isLeaf(node) {
		// One whole to its owner: whatever else were in it would be replaced.
		return wanted != nil && (equal(wanted, live) || c.quantities && slices.Contains(quantityMaps, parent) && sameQuantities(wanted, live))
	}
	switch typed := wanted.(type) {
	case map[string]any:
		m, ok := live.(map[string]any)
		return ok && c.maps(typed, m, node, name)
	case []any:
		list, ok := live.([]any)
		return ok && c.list(typed, list, node)
	}
	return false
}

// list reports whether wanted has exactly the items that node owns, in the
// order in which they are live.
func (c settlement) list(wanted, live []any, node map[string]any) bool {
	items := ownedItems(node)
	if len(items) != len(wanted) {
		return false
	}
	next := 0 // in live: items must come in the wanted order
	for _, value := range wanted {
		item, ok := items.take(value)
		if !ok {
			return false
		}
		for next < len(live) && !item.is(live[next]) {
			next++
		}
		if next == len(live) {
			return false
		}
		if m, isMap := value.(map[string]any); isMap {
			if !c.item(m, live[next], item.node) {
				return false
			}
		}
		next++
	}
	return true
}

func (c settlement) item(wanted map[string]any, live any, node map[string]any) bool {
	m, ok := live.(map[string]any)
	if !ok {
		return false
	}
	if isLeaf(node) {
		return equal(wanted, m)
	}
	return c.maps(wanted, m, node, "")
}

// ownedItem is a list item as a fieldsV1 tree names it.
type ownedItem struct {
	keys  map[string]string // merge keys, each value as JSON; nil for an item of a set
	value string            // of a set, as JSON
	node  map[string]any
	taken bool
}

type itemList []*ownedItem

// ownedItems returns the items that a node owns; an index, which only lists
// without a schema have, counts as an item that nothing equals.
func ownedItems(node map[string]any) itemList {
	var items itemList
	for name, child := range node {
		if name == "." {
			continue
		}
		item := &ownedItem{}
		item.node, _ = child.(map[string]any)
		if keys, ok := itemKeys(name); ok {
			item.keys = make(map[string]string, len(keys))
			for key, value := range keys {
				item.keys[key] = keyJSON(value)
			}
		} else if len(name) > 2 && name[:2] == "v:" {
			item.value = name[2:]
		}
		items = append(items, item)
	}
	return items
}

// take returns the one item that a wanted value is, not to be taken again; false
// when there is none, or more than one because the value leaves out a merge key.
func (l itemList) take(value any) (*ownedItem, bool) {
	var found *ownedItem
	for _, item := range l {
		if item.taken || !item.couldBe(value) {
			continue
		}
		if found != nil {
			return nil, false
		}
		found = item
	}
	if found == nil {
		return nil, false
	}
	found.taken = true
	return found, true
}

// couldBe reports whether value has each merge key's value or leaves it out.
func (i *ownedItem) couldBe(value any) bool {
	m, isMap := value.(map[string]any)
	if !isMap {
		return i.keys == nil && i.value == plainJSON(value)
	}
	if i.keys == nil {
		return false
	}
	for key, want := range i.keys {
		_, given := m[key]
		if _, defaulted := keyDefaults[key]; (given || defaulted) && keyValue(m, key) != want {
			return false
		}
	}
	return true
}

// is reports whether a live value is this item.
func (i *ownedItem) is(live any) bool {
	m, isMap := live.(map[string]any)
	if !isMap {
		return i.keys == nil && i.value == plainJSON(live)
	}
	if i.keys == nil {
		return false
	}
	for key, want := range i.keys {
		if keyJSON(m[key]) != want {
			return false
		}
	}
	return true
}
