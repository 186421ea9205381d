package deploy

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/slipwayhq/slipway/preview"
)

// A place is a resource in a namespace (empty for what has none).
type place struct {
	resource  schema.GroupVersionResource
	namespace string
}

// A sight is the news of one object: as it is, or nil for gone.
type sight struct {
	place place
	name  string
	live  map[string]any
}

// observe watches the steps' objects, each place by one watch, and calls see with
// each one's state and every new one, one call at a time, until see has returned
// true for all of them. A nil object is not there. It returns see's error, the
// end of ctx, or why a place cannot be watched.
func (c *Cluster) observe(ctx context.Context, steps []preview.Step, see func(i int, live map[string]any) (bool, error)) error {
	places := make(map[place]map[string]int)
	for i, step := range steps {
		p := place{step.Resource, step.ID.Namespace}
		if places[p] == nil {
			places[p] = make(map[string]int)
		}
		places[p][step.ID.Name] = i
	}
	watching, stop := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop(nil)
	news := make(chan sight)
	for p, names := range places {
		group.Go(func() { c.watch(watching, stop, p, names, news) })
	}
	for left := len(steps); left > 0; {
		select {
		case <-watching.Done():
			return context.Cause(watching)
		case s := <-news:
			i, pending := places[s.place][s.name]
			if !pending {
				continue
			}
			done, err := see(i, s.live)
			if err != nil {
				return err
			}
			if done {
				delete(places[s.place], s.name)
				left--
			}
		}
	}
	return nil
}

// watch sends what happens to the named objects of a place until ctx ends; it
// stops them all when it may not watch.
func (c *Cluster) watch(ctx context.Context, stop context.CancelCauseFunc, p place, names map[string]int, news chan<- sight) {
	wanted := make(map[string]bool, len(names)) // names itself belongs to the receiver
	only := ""
	for name := range names {
		wanted[name], only = true, name
	}
	informer := dynamicinformer.NewFilteredDynamicInformer(c.objects, p.resource, p.namespace, 0, cache.Indexers{}, func(options *metav1.ListOptions) {
		if len(wanted) == 1 {
			options.FieldSelector = fields.OneTermEqualSelector("metadata.name", only).String()
		}
	}).Informer()
	tell := func(s sight) {
		select {
		case news <- s:
		case <-ctx.Done():
		}
	}
	// These calls fail only once the informer runs.
	_ = informer.SetTransform(withoutManagedFields)
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		if apierrors.IsForbidden(err) || apierrors.IsMethodNotSupported(err) {
			stop(&failure{
				reason: fmt.Sprintf("%s in %s cannot be watched: %v", p.resource.Resource, placeName(p), err),
				hint:   "grant the target's service account list and watch on them",
			})
		}
	})
	registration, err := informer.AddEventHandler(p.handler(wanted, tell))
	if err != nil {
		stop(fmt.Errorf("watch %s: %w", p.resource.Resource, err))
		return
	}
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { informer.RunWithContext(klog.NewContext(ctx, logr.Discard())) })
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return
	}
	for name := range wanted {
		key := name
		if p.namespace != "" {
			key = p.namespace + "/" + name
		}
		if _, there, err := informer.GetStore().GetByKey(key); err == nil && !there {
			tell(sight{place: p, name: name})
		}
	}
	<-ctx.Done()
}

// handler tells what happens to the wanted objects of a place.
func (p place) handler(wanted map[string]bool, tell func(sight)) cache.ResourceEventHandlerFuncs {
	send := func(object any, gone bool) {
		if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = tombstone.Obj
		}
		u, ok := object.(*unstructured.Unstructured)
		if !ok || !wanted[u.GetName()] {
			return
		}
		s := sight{place: p, name: u.GetName()}
		if !gone {
			s.live = u.Object
		}
		tell(s)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { send(object, false) },
		UpdateFunc: func(_, object any) { send(object, false) },
		DeleteFunc: func(object any) { send(object, true) },
	}
}

// withoutManagedFields keeps a watch from remembering what nobody asks it for.
func withoutManagedFields(object any) (any, error) {
	if u, ok := object.(*unstructured.Unstructured); ok {
		u.SetManagedFields(nil)
	}
	return object, nil
}

func placeName(p place) string {
	if p.namespace == "" {
		return "the cluster"
	}
	return "namespace " + p.namespace
}
