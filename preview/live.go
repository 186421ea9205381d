package preview

import (
	"context"
	"errors"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"golang.org/x/sync/errgroup"
)

const (
	// crowd is how many objects for each wanted one make it cheaper to read the
	// wanted ones by themselves than to list them all.
	crowd = 20
	// minPage and maxPage bound how many objects one LIST brings.
	minPage, maxPage = 50, 500
)

// A place is a resource in a namespace (empty for what has none).
type place struct {
	resource  schema.GroupVersionResource
	namespace string
}

// An address is one live object.
type address struct {
	place
	name string
}

// A found is the answer to the question for one live object: the object, or
// neither when there is none, or why it could not be read.
type found struct {
	object map[string]any
	err    error
}

// A liveReader reads many objects at once, each place by one LIST where that is
// cheaper and allowed.
type liveReader struct {
	client   dynamic.Interface
	parallel int

	mu    sync.Mutex
	found map[address]found
}

// read returns what is live at each address.
func (r *liveReader) read(ctx context.Context, addresses map[address]bool) map[address]found {
	r.found = make(map[address]found, len(addresses))
	places := make(map[place]map[string]bool)
	for a := range addresses {
		if places[a.place] == nil {
			places[a.place] = make(map[string]bool)
		}
		places[a.place][a.name] = true
	}
	var group errgroup.Group
	group.SetLimit(r.parallel)
	var late []address // what lists did not settle
	var mu sync.Mutex
	for p, names := range places {
		if len(names) == 1 {
			for name := range names {
				group.Go(func() error { r.get(ctx, address{p, name}); return nil })
			}
			continue
		}
		group.Go(func() error {
			rest := r.list(ctx, p, names)
			mu.Lock()
			defer mu.Unlock()
			late = append(late, rest...)
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	for _, a := range late {
		group.Go(func() error { r.get(ctx, a); return nil })
	}
	_ = group.Wait()
	return r.found
}

// list reads the wanted names of a place by LIST, and returns those that must be
// asked for one by one: the list is forbidden, failed, or too long.
func (r *liveReader) list(ctx context.Context, p place, names map[string]bool) []address {
	seen := make(map[string]map[string]any, len(names))
	options := metav1.ListOptions{Limit: int64(min(max(crowd*len(names), minPage), maxPage))}
	complete := false
	for !complete {
		list, err := r.resource(p).List(ctx, options)
		if err != nil {
			break
		}
		for i := range list.Items {
			if name := list.Items[i].GetName(); names[name] {
				seen[name] = withKind(list.Items[i].Object, list.Object)
			}
		}
		options.Continue = list.GetContinue()
		complete = options.Continue == "" || len(seen) == len(names)
		remaining := list.GetRemainingItemCount()
		if !complete && remaining != nil && *remaining > int64(crowd*(len(names)-len(seen))) {
			break
		}
	}
	var rest []address
	for name := range names {
		switch object, ok := seen[name]; {
		case ok || complete:
			r.keep(address{p, name}, found{object: object})
		default:
			rest = append(rest, address{p, name})
		}
	}
	return rest
}

// withKind gives an item the kind that some API servers leave out in lists.
func withKind(item, list map[string]any) map[string]any {
	if _, ok := item["kind"]; ok {
		return item
	}
	kind, _ := list["kind"].(string)
	if len(kind) > len("List") {
		item["kind"] = kind[:len(kind)-len("List")]
	}
	if _, ok := item["apiVersion"]; !ok {
		item["apiVersion"] = list["apiVersion"]
	}
	return item
}

func (r *liveReader) get(ctx context.Context, a address) {
	object, err := r.resource(a.place).Get(ctx, a.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		r.keep(a, found{})
	case err != nil:
		r.keep(a, found{err: err})
	default:
		r.keep(a, found{object: object.Object})
	}
}

func (r *liveReader) keep(a address, f found) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found[a] = f
}

func (r *liveReader) resource(p place) dynamic.ResourceInterface { return at(r.client, p) }

func at(client dynamic.Interface, p place) dynamic.ResourceInterface {
	if p.namespace == "" {
		return client.Resource(p.resource)
	}
	return client.Resource(p.resource).Namespace(p.namespace)
}

// isAnswer reports whether the error is the API server's own answer and not the
// lack of one.
func isAnswer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}
