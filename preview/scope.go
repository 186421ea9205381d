package preview

import (
	glob "path"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// A Scope is what the operator granted in a cluster. What lies outside is neither
// read nor written: it is refused by name.
type Scope struct {
	// Namespaces are patterns in the sense of [path.Match]; any namespace where empty.
	Namespaces []string
	// ClusterScoped are patterns of the kinds of objects that lie in no namespace,
	// as Kind or Kind.group, e.g. ClusterRole or *.cert-manager.io; none where empty.
	// A Namespace is granted by its name, too.
	ClusterScoped []string
	// Reserved is a namespace that no pattern grants, its own name alone: where the
	// records of what is deployed are.
	Reserved string
}

// refuses says why an object is not granted; nil where it is. The id has its
// namespace, where the kind has one.
func (s Scope) refuses(id render.ObjectID, namespaced bool) *verdict {
	inside := func(namespace string) bool {
		if namespace == s.Reserved {
			return slices.Contains(s.Namespaces, namespace)
		}
		return len(s.Namespaces) == 0 || matches(s.Namespaces, namespace)
	}
	switch {
	case namespaced && inside(id.Namespace):
		return nil
	case namespaced:
		return &verdict{
			action: Refused, reason: "the namespace " + id.Namespace + " is not granted to this repository",
			hint: "ask the operator to add it to namespaces of the grant, or use one that is granted",
		}
	case id.Group == "" && id.Kind == "Namespace" && inside(id.Name):
		return nil
	case matches(s.ClusterScoped, id.Kind), matches(s.ClusterScoped, id.Kind+"."+id.Group):
		return nil
	}
	name := id.Kind
	if id.Group != "" {
		name += "." + id.Group
	}
	return &verdict{
		action: Refused, reason: "objects of the kind " + name + " lie in no namespace, and are not granted to this repository",
		hint: "ask the operator to add " + name + " to clusterScoped of the grant",
	}
}

func matches(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := glob.Match(pattern, s)
		return err == nil && ok
	})
}

// confine refuses an item that is outside of what was granted, before anything of
// it is read.
func (r *run) confine(it *item, request Request) {
	scope := r.cluster.options.Scope
	if scope == nil {
		return
	}
	id := it.object().ID
	if id.Namespace = ""; it.kind.namespaced {
		id.Namespace = identify(it.object(), request.Namespace).Namespace
	}
	if refused := scope.refuses(id, it.kind.namespaced); refused != nil {
		it.end(*refused, nil)
	}
}
