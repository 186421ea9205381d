package preview

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A dryRunCheck finds out which kinds can be asked about at all. Kubernetes itself
// and custom resources take dry runs. An API server of somebody else's, to which
// requests are passed on, may know nothing of them and write: it is asked only
// where its published schema says that it takes the parameter.
type dryRunCheck struct {
	// foreign are the group versions that another API server serves; nil where the
	// identity may not know.
	foreign map[schema.GroupVersion]bool

	mu      sync.Mutex
	answers map[schema.GroupVersionKind]bool
}

// kubernetesGroups are groups of Kubernetes itself, beside the one without a name.
var kubernetesGroups = []string{
	"apps", "batch", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io",
	"apiextensions.k8s.io", "apiregistration.k8s.io", "admissionregistration.k8s.io", "scheduling.k8s.io",
	"coordination.k8s.io", "discovery.k8s.io", "certificates.k8s.io", "node.k8s.io", "events.k8s.io",
	"flowcontrol.apiserver.k8s.io", "resource.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
	"storagemigration.k8s.io", "internal.apiserver.k8s.io",
}

// newDryRunCheck asks which group versions are passed on to another API server.
func (c *Cluster) newDryRunCheck(ctx context.Context) *dryRunCheck {
	check := &dryRunCheck{answers: make(map[schema.GroupVersionKind]bool)}
	services := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	list, err := c.dynamic.Resource(services).List(ctx, metav1.ListOptions{})
	if err != nil {
		return check
	}
	check.foreign = make(map[schema.GroupVersion]bool)
	for _, item := range list.Items {
		spec, _ := item.Object["spec"].(map[string]any)
		group, _ := spec["group"].(string)
		version, _ := spec["version"].(string)
		if spec["service"] != nil {
			check.foreign[schema.GroupVersion{Group: group, Version: version}] = true
		}
	}
	return check
}

// takesDryRuns reports whether a dry run of the kind is sure to be one.
func (c *Cluster) takesDryRuns(ctx context.Context, check *dryRunCheck, gvk schema.GroupVersionKind) bool {
	if gvk.Group == "" || slices.Contains(kubernetesGroups, gvk.Group) {
		return true
	}
	if check.foreign != nil && !check.foreign[gvk.GroupVersion()] {
		return true
	}
	check.mu.Lock()
	defer check.mu.Unlock()
	answer, known := check.answers[gvk]
	if !known {
		raw, err := c.discovery.RESTClient().Get().AbsPath("/openapi/v3/apis", gvk.Group, gvk.Version).Do(ctx).Raw()
		answer = err == nil && publishesDryRun(raw, gvk)
		if err == nil {
			check.answers[gvk] = answer
		}
	}
	return answer
}

// publishesDryRun reports whether an OpenAPI v3 document has a PATCH of the kind
// that takes the parameter.
func publishesDryRun(document []byte, gvk schema.GroupVersionKind) bool {
	type parameter struct {
		Name string `json:"name"`
	}
	var parsed struct {
		Paths map[string]struct {
			Parameters []parameter `json:"parameters"`
			Patch      *struct {
				Parameters []parameter `json:"parameters"`
				Kind       struct {
					Group   string `json:"group"`
					Version string `json:"version"`
					Kind    string `json:"kind"`
				} `json:"x-kubernetes-group-version-kind"`
			} `json:"patch"`
		} `json:"paths"`
	}
	if json.Unmarshal(document, &parsed) != nil {
		return false
	}
	for name, path := range parsed.Paths {
		if path.Patch == nil || !strings.HasSuffix(name, "/{name}") ||
			schema.GroupVersionKind(path.Patch.Kind) != gvk {
			continue
		}
		all := slices.Concat(path.Parameters, path.Patch.Parameters)
		return slices.ContainsFunc(all, func(p parameter) bool { return p.Name == "dryRun" })
	}
	return false
}
