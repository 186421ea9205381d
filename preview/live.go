package preview

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"

	"golang.org/x/sync/errgroup"
)

const (
	// crowd is how many objects for each wanted one make it cheaper to read the
	// wanted ones by themselves than to list them all.
	crowd = 20
	// minPage and maxPage bound how many objects one LIST brings.
	minPage, maxPage = 50, 500
	// maxLists bounds the answers that are held in memory at once.
	maxLists = 32
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
	cluster  *Cluster
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
	limit := min(max(crowd*len(names), minPage), maxPage)
	next, complete := "", false
	for !complete {
		page, err := r.cluster.page(ctx, p, limit, next)
		if err != nil {
			break
		}
		for _, object := range page.Items {
			metadata, _ := object["metadata"].(map[string]any)
			if name, _ := metadata["name"].(string); names[name] {
				seen[name] = page.withKind(object)
			}
		}
		next = page.Metadata.Continue
		complete = next == "" || len(seen) == len(names)
		if !complete && page.Metadata.Remaining > int64(crowd*(len(names)-len(seen))) {
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

// A page is one answer to a LIST, decoded once: the dynamic client would look at
// every byte three times.
type page struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Continue  string `json:"continue"`
		Remaining int64  `json:"remainingItemCount"`
	} `json:"metadata"`
	Items []map[string]any `json:"items"`
}

// segments are the parts of the path of a place.
func (p place) segments() []string {
	segments := []string{"/apis", p.resource.Group, p.resource.Version}
	if p.resource.Group == "" {
		segments = []string{"/api", p.resource.Version}
	}
	if p.namespace != "" {
		segments = append(segments, "namespaces", p.namespace)
	}
	return append(segments, p.resource.Resource)
}

// segments are the parts of the path of an object.
func (a address) segments() []string { return append(a.place.segments(), a.name) }

func (c *Cluster) page(ctx context.Context, p place, limit int, next string) (page, error) {
	request := c.discovery.RESTClient().Get().AbsPath(p.segments()...).Param("limit", strconv.Itoa(limit))
	if next != "" {
		request = request.Param("continue", next)
	}
	raw, err := request.Do(ctx).Raw()
	if err != nil {
		return page{}, err
	}
	var decoded page
	return decoded, utiljson.Unmarshal(raw, &decoded)
}

// withKind gives an item the kind that lists leave out.
func (p page) withKind(item map[string]any) map[string]any {
	if _, ok := item["kind"]; !ok {
		item["kind"] = strings.TrimSuffix(p.Kind, "List")
		item["apiVersion"] = p.APIVersion
	}
	return item
}

func (r *liveReader) get(ctx context.Context, a address) {
	object, err := at(r.cluster.dynamic, a.place).Get(ctx, a.name, metav1.GetOptions{})
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
