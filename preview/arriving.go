package preview

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/render"
)

// arriving is what the change itself brings that other objects of it stand on.
type arriving struct {
	kinds         map[schema.GroupKind]bool // whose CRD comes new or changed
	clusterScoped map[schema.GroupKind]bool // of those
	crds          map[schema.GroupKind]*render.Object
	namespaces    map[string]bool          // that are not live yet
	scaled        map[render.ObjectID]bool // by an autoscaler
}

// arrivals finds the CRDs that the requests bring or change, and what their
// autoscalers scale.
func arrivals(requests []Request) arriving {
	a := arriving{
		kinds:         make(map[schema.GroupKind]bool),
		clusterScoped: make(map[schema.GroupKind]bool),
		crds:          make(map[schema.GroupKind]*render.Object),
		namespaces:    make(map[string]bool),
		scaled:        make(map[render.ObjectID]bool),
	}
	for _, request := range requests {
		base := objectsByID(request.Base, request.Namespace)
		for _, object := range objectsOf(request.Head) {
			if target, ok := scaleTarget(object, request.Namespace); ok {
				a.scaled[target] = true
			}
			if object.ID.Group != "apiextensions.k8s.io" || object.ID.Kind != "CustomResourceDefinition" {
				continue
			}
			content := object.Unmasked()
			spec, _ := content["spec"].(map[string]any)
			names, _ := spec["names"].(map[string]any)
			group, _ := spec["group"].(string)
			kind, _ := names["kind"].(string)
			gk := schema.GroupKind{Group: group, Kind: kind}
			a.clusterScoped[gk] = spec["scope"] == "Cluster"
			a.crds[gk] = object
			before := base[identify(object, request.Namespace)]
			a.kinds[gk] = a.kinds[gk] || before == nil || !equal(before.Unmasked(), content)
		}
	}
	return a
}

// scaleTarget returns what an autoscaler scales.
func scaleTarget(object *render.Object, namespace string) (render.ObjectID, bool) {
	isAutoscaler := object.ID.Group == "autoscaling" && object.ID.Kind == "HorizontalPodAutoscaler"
	if !isAutoscaler && (object.ID.Group != "keda.sh" || object.ID.Kind != "ScaledObject") {
		return render.ObjectID{}, false
	}
	spec, _ := object.Unmasked()["spec"].(map[string]any)
	reference, _ := spec["scaleTargetRef"].(map[string]any)
	text := func(key, otherwise string) string {
		if value, ok := reference[key].(string); ok && value != "" {
			return value
		}
		return otherwise
	}
	group, _, _ := strings.Cut(text("apiVersion", "apps/v1"), "/")
	return render.ObjectID{
		Group: group, Kind: text("kind", "Deployment"), Name: text("name", ""),
		Namespace: identify(object, namespace).Namespace,
	}, true
}

// note finds what the requests bring and the cluster has not: namespaces, and
// CRDs that an earlier change should have brought.
func (a arriving) note(items [][]*item) {
	for _, list := range items {
		for _, it := range list {
			if it.head == nil || it.live != nil || it.readErr != nil {
				continue
			}
			if it.head.ID.Kind == "Namespace" && it.head.ID.Group == "" {
				a.namespaces[it.head.ID.Name] = true
			}
			if it.head.ID.Kind == "CustomResourceDefinition" {
				for gk := range a.clusterScoped {
					if strings.HasSuffix(it.head.ID.Name, "."+gk.Group) {
						a.kinds[gk] = true
					}
				}
			}
		}
	}
}

// isSchemaMatter reports whether a refusal is about the shape of an object, which
// another version of its CRD may allow.
func isSchemaMatter(err error) bool {
	text := err.Error()
	for _, about := range []string{"field not declared in schema", "unknown field", "failed to create typed patch object", "is invalid"} {
		if strings.Contains(text, about) {
			return true
		}
	}
	return false
}
