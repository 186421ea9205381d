package preview

import (
	"cmp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	objects       map[render.ObjectID]bool // that are not live yet, by what they are called in the cluster
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
		objects:       make(map[render.ObjectID]bool),
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

// note finds what the requests bring and the cluster has not: objects that others
// may stand on, namespaces, and CRDs that an earlier change should have brought.
func (a arriving) note(items [][]*item) {
	for _, list := range items {
		for _, it := range list {
			if it.head == nil || it.live != nil || it.readErr != nil {
				continue
			}
			id := it.head.ID
			id.Namespace = it.address.namespace
			a.objects[id] = true
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

// await reports whether a refusal is for nothing but that another object is missing
// which comes in the same change: the role of a binding, or what a pod names.
func (a arriving) await(it *item, err error) bool {
	text := func(at ...string) string {
		value, _, _ := unstructured.NestedString(it.wanted, at...)
		return value
	}
	missing := func(words, group, kind, namespace, name string) bool {
		id := render.ObjectID{Group: group, Kind: kind, Namespace: namespace, Name: name}
		return strings.Contains(err.Error(), words) && a.objects[id]
	}
	namespace := it.address.namespace
	switch (schema.GroupKind{Group: it.change.ID.Group, Kind: it.change.ID.Kind}) {
	case schema.GroupKind{Group: rbacGroup, Kind: "RoleBinding"}, schema.GroupKind{Group: rbacGroup, Kind: "ClusterRoleBinding"}:
		if text("roleRef", "kind") != "Role" {
			namespace = ""
		}
		return apierrors.IsNotFound(err) && missing(rbacGroup, rbacGroup, text("roleRef", "kind"), namespace, text("roleRef", "name"))
	case schema.GroupKind{Kind: "Pod"}:
		account := cmp.Or(text("spec", "serviceAccountName"), text("spec", "serviceAccount"), "default")
		return missing("error looking up service account", "", "ServiceAccount", namespace, account) ||
			missing("no PriorityClass with name", "scheduling.k8s.io", "PriorityClass", "", text("spec", "priorityClassName")) ||
			missing("RuntimeClass", "node.k8s.io", "RuntimeClass", "", text("spec", "runtimeClassName"))
	}
	return false
}

const rbacGroup = "rbac.authorization.k8s.io"

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
