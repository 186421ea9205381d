package preview

import (
	"regexp"

	"github.com/slipwayhq/slipway/render"
)

// generatedName is a name that ends in the hash of its content, as kustomize's
// generators make them: ten of these characters.
var generatedName = regexp.MustCompile(`^(.+)-([2456789bcdfghkmt]{10})$`)

// A family is what a renamed object keeps: everything but the hash in its name.
type family struct {
	group, kind, namespace, stem string
}

// IsGenerated reports whether an object is a ConfigMap or Secret whose name ends in
// the hash of its content: with other content it is another object.
func IsGenerated(id render.ObjectID) bool {
	return id.Group == "" && (id.Kind == "ConfigMap" || id.Kind == "Secret") && generatedName.MatchString(id.Name)
}

// familyOf returns the family of a ConfigMap or Secret with a generated name.
func familyOf(it *item) (family, bool) {
	id := it.object().ID
	if !IsGenerated(id) {
		return family{}, false
	}
	match := generatedName.FindStringSubmatch(id.Name)
	return family{id.Group, id.Kind, it.address.namespace, match[1]}, true
}

// joinRenames makes one rename of a deletion and a creation that differ in nothing
// but a generated name's hash and what it is the hash of.
func joinRenames(items []*item) []*item {
	created, deleted := make(map[family][]*item), make(map[family][]*item)
	for _, it := range items {
		f, ok := familyOf(it)
		if !ok || it.gone {
			continue
		}
		switch it.change.Action {
		case Create:
			created[f] = append(created[f], it)
		case Delete:
			deleted[f] = append(deleted[f], it)
		}
	}
	replaced := make(map[*item]bool)
	for f, olds := range deleted {
		if news := created[f]; len(olds) == 1 && len(news) == 1 {
			news[0].rename(olds[0])
			replaced[olds[0]] = true
		}
	}
	kept := make([]*item, 0, len(items))
	for _, it := range items {
		if !replaced[it] {
			kept = append(kept, it)
		}
	}
	return kept
}

// rename makes the item's creation a rename of what old deletes.
func (it *item) rename(old *item) {
	before := old.before
	if old.live != nil {
		before = comparable(old.live, false)
	}
	before = withName(before, it.wanted)
	// The source of a field is told from the two rendered objects, names apart.
	it.before = withName(old.before, it.wanted)
	it.entries = old.entries
	it.change.Action = Update
	it.change.RenamedFrom = old.object().ID.Name
	it.change.Fields = nil
	it.fill(before, it.wanted, nil, DefaultFieldManager, nil)
	it.change.Fields = append(it.change.Fields, it.admitted...)
	sortFields(it.change.Fields)
}

// withName returns the object under another's name.
func withName(object, named map[string]any) map[string]any {
	renamed := make(map[string]any, len(object))
	for key, value := range object {
		renamed[key] = value
	}
	metadata, _ := object["metadata"].(map[string]any)
	other, _ := named["metadata"].(map[string]any)
	kept := make(map[string]any, len(metadata))
	for key, value := range metadata {
		kept[key] = value
	}
	kept["name"] = other["name"]
	renamed["metadata"] = kept
	return renamed
}
