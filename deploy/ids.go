package deploy

import (
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// An idSet finds objects of a record by the ids that they have in a rendered,
// where a namespace may be left out.
type idSet map[render.ObjectID]inventory.Entry

func newIDSet(record *inventory.Record) idSet {
	set := make(idSet)
	if record == nil {
		return set
	}
	for _, entry := range record.Objects {
		set[entry.ObjectID] = entry
	}
	return set
}

// find returns the entry of a rendered object. What has no namespaces is recorded
// without one, whatever its manifest says.
func (s idSet) find(id render.ObjectID, namespace string) (inventory.Entry, bool) {
	for _, candidate := range candidates(id, namespace) {
		if entry, ok := s[candidate]; ok {
			return entry, true
		}
	}
	return inventory.Entry{}, false
}

// candidates returns the ids that an object may have in the cluster.
func candidates(id render.ObjectID, namespace string) []render.ObjectID {
	inside, outside := id, id
	outside.Namespace = ""
	if inside.Namespace == "" {
		inside.Namespace = namespace
	}
	if inside.Namespace == "" {
		inside.Namespace = "default"
	}
	return []render.ObjectID{inside, outside}
}

// wantedIDs returns all ids that a rendered's objects may have in the cluster.
func wantedIDs(rendered *render.Rendered, namespace string) map[render.ObjectID]bool {
	ids := make(map[render.ObjectID]bool)
	if rendered == nil {
		return ids
	}
	for i := range rendered.Objects {
		for _, id := range candidates(rendered.Objects[i].ID, namespace) {
			ids[id] = true
		}
	}
	return ids
}

// sealedIDs returns the ids that a rendered's encrypted objects may have in the
// cluster. They are nobody's here: neither applied, recorded nor deleted.
func sealedIDs(rendered *render.Rendered, namespace string) map[render.ObjectID]bool {
	if rendered == nil {
		return nil
	}
	sealed := &render.Rendered{}
	for _, object := range rendered.Objects {
		if object.Encrypted() {
			sealed.Objects = append(sealed.Objects, object)
		}
	}
	return wantedIDs(sealed, namespace)
}

// neighbours are what the siblings of a request render.
type neighbours struct {
	wants map[render.ObjectID]inventory.Key // who renders an object
	known map[inventory.Key]map[render.ObjectID]bool
	// broken is one of the same environment of which nobody knows what it renders;
	// nil for none.
	broken *render.Target
}

func neighboursOf(request Request) neighbours {
	n := neighbours{wants: make(map[render.ObjectID]inventory.Key), known: make(map[inventory.Key]map[render.ObjectID]bool)}
	for _, sibling := range request.Siblings {
		if sibling.Rendered != nil && sibling.Rendered.Problem != nil {
			if n.broken == nil && sibling.Target.Environment == request.Target.Environment {
				n.broken = &sibling.Target
			}
			continue // what it renders is not known, so it gives nothing away
		}
		key, ids := keyOf(request.Repository, sibling.Target), wantedIDs(sibling.Rendered, sibling.Namespace)
		n.known[key] = ids
		for id := range ids {
			n.wants[id] = key
		}
	}
	return n
}

func keyOf(repository string, target render.Target) inventory.Key {
	return inventory.Key{Repository: repository, Environment: target.Environment, Application: target.Application}
}

// stub is an owned object of which only the record knows, so that its deletion can
// be planned.
func stub(entry inventory.Entry) render.Object {
	metadata := map[string]any{"name": entry.Name}
	if entry.Namespace != "" {
		metadata["namespace"] = entry.Namespace
	}
	return render.NewObject(map[string]any{
		"apiVersion": entry.APIVersion, "kind": entry.Kind, "metadata": metadata,
	}, render.Origin{}, nil)
}

// entryOf returns the record's entry of a step.
func entryOf(step preview.Step) inventory.Entry {
	return inventory.Entry{ObjectID: step.ID, APIVersion: step.APIVersion, UID: uidOf(step.Live())}
}
