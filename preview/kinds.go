package preview

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// kindsAge is after how long the kinds that a cluster serves are asked for again,
// even when each one looked for is known.
const kindsAge = 10 * time.Minute

// A servedKind is a kind as the API server serves it in one version.
type servedKind struct {
	resource   schema.GroupVersionResource
	namespaced bool
	hasStatus  bool // status is a subresource, which apply does not write
}

// A kindSet is what one discovery found; it is not changed afterwards.
type kindSet struct {
	byKind map[schema.GroupVersionKind]servedKind
	// versions are those that serve a group and kind, preferred first.
	versions map[schema.GroupKind][]string
	// failed are the groups that could not be discovered, with why.
	failed map[string]error
	check  *dryRunCheck
	at     time.Time
}

// kindIndex keeps the latest kindSet.
type kindIndex struct {
	mu  sync.Mutex
	set *kindSet
}

// servedKinds returns the kinds that the cluster serves, by another discovery
// where the one at hand is older than newerThan.
func (c *Cluster) servedKinds(ctx context.Context, newerThan time.Time) (*kindSet, error) {
	k := &c.kinds
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set != nil && k.set.at.After(newerThan) && time.Since(k.set.at) < kindsAge {
		return k.set, nil
	}
	at := time.Now()
	checked := make(chan *dryRunCheck, 1)
	go func() { checked <- c.newDryRunCheck(ctx) }()
	_, lists, err := c.discovery.ServerGroupsAndResourcesWithContext(ctx)
	check := <-checked
	failed := make(map[string]error)
	var partial *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &partial):
		for gv, cause := range partial.Groups {
			failed[gv.Group] = cause
		}
	case err != nil:
		return nil, err
	}
	k.set = newKindSet(lists)
	k.set.failed, k.set.check, k.set.at = failed, check, at
	return k.set, nil
}

// known reports whether the kinds are at hand, and lately enough.
func (k *kindIndex) known() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set != nil && time.Since(k.set.at) < kindsAge
}

func newKindSet(lists []*metav1.APIResourceList) *kindSet {
	set := &kindSet{
		byKind:   make(map[schema.GroupVersionKind]servedKind),
		versions: make(map[schema.GroupKind][]string),
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue // the API server itself would not understand it
		}
		statuses := make(map[string]bool)
		for _, resource := range list.APIResources {
			if name, sub, ok := strings.Cut(resource.Name, "/"); ok && sub == "status" {
				statuses[name] = true
			}
		}
		for _, resource := range list.APIResources {
			gvk := gv.WithKind(resource.Kind)
			if _, known := set.byKind[gvk]; known || strings.Contains(resource.Name, "/") {
				continue
			}
			set.byKind[gvk] = servedKind{
				resource:   gv.WithResource(resource.Name),
				namespaced: resource.Namespaced,
				hasStatus:  statuses[resource.Name],
			}
			set.versions[gvk.GroupKind()] = append(set.versions[gvk.GroupKind()], gv.Version)
		}
	}
	return set
}

// find returns the kind in just this version.
func (s *kindSet) find(gvk schema.GroupVersionKind) (servedKind, bool) {
	kind, ok := s.byKind[gvk]
	return kind, ok
}

// anyVersion returns the kind in whichever version is served.
func (s *kindSet) anyVersion(gk schema.GroupKind) (servedKind, bool) {
	for _, version := range s.versions[gk] {
		return s.byKind[gk.WithVersion(version)], true
	}
	return servedKind{}, false
}
