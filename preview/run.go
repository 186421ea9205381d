package preview

import (
	"context"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/render"

	"golang.org/x/sync/errgroup"
)

// A run is one call of Plan: many targets against one cluster.
type run struct {
	cluster    *Cluster
	requests   []Request
	items      [][]*item // by request
	kinds      *kindSet
	admission  admission
	version    string
	arriving   arriving
	namespaces namespaceIndex
	foresight  bool // the plan is about to be carried out
}

// Plan returns what applying each request's head would change in the cluster, by
// index. Live objects are read once for all requests, and the API server is asked
// about those alone whose answer is not known without it; see
// [ClusterOptions.DryRunAll]. It writes nothing. What cannot be read is Unknown,
// with why; a cluster that does not answer makes everything Unknown, within
// [ClusterOptions.ContactTimeout].
//
// Two requests of one call are one change: an object that leaves one target for
// another is no deletion, and a Namespace or CRD in one serves them all.
func (c *Cluster) Plan(ctx context.Context, requests []Request) []*Plan {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	r := &run{cluster: c, requests: requests}
	if err := r.look(ctx); err != nil {
		return r.unreachable(err)
	}
	r.judgeAll(ctx)
	return r.assemble()
}

// look collects what is wanted and reads what is live; the error means that the
// cluster did not answer.
func (r *run) look(ctx context.Context) error {
	if err := r.meet(ctx); err != nil {
		r.collect()
		return err
	}
	r.namespaces.read = func(name string) namespaceState { return r.readNamespace(ctx, name) }
	r.collect()
	if err := r.resolve(ctx); err != nil {
		return err
	}
	return r.read(ctx)
}

// meet finds out which kinds the cluster serves. The first time it also asks
// whether it is there at all, which has a shorter limit.
func (r *run) meet(ctx context.Context) error {
	return r.discover(ctx, time.Time{}, !r.cluster.kinds.known())
}

// discover finds out which kinds the cluster serves, anew where it was last done
// before newerThan. With contact it also asks, at once, whether the cluster is there.
func (r *run) discover(ctx context.Context, newerThan time.Time, contact bool) (err error) {
	if !contact {
		r.kinds, err = r.cluster.servedKinds(ctx, newerThan)
		return err
	}
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	type discovery struct {
		kinds *kindSet
		err   error
	}
	discovered := make(chan discovery, 1)
	go func() {
		kinds, err := r.cluster.servedKinds(asking, newerThan)
		discovered <- discovery{kinds, err}
	}()
	if err := r.askVersion(ctx); err != nil {
		return err
	}
	d := <-discovered
	if r.kinds = d.kinds; d.err == nil || isAnswer(d.err) && !isAway(d.err) {
		return d.err
	}
	r.kinds, err = r.cluster.servedKinds(ctx, newerThan) // it came back in the meantime
	return err
}

// askVersion asks for the version; the error means that nobody answers.
func (r *run) askVersion(ctx context.Context) (err error) {
	r.version, err = r.cluster.version(ctx)
	return err
}

// read reads the admission configuration and what is live, unless nobody answers
// any more.
func (r *run) read(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if r.version == "" {
		group.Go(func() error { return r.askVersion(ctx) })
	}
	group.Go(func() error {
		r.admission = r.cluster.readAdmission(ctx, r.kinds)
		return nil
	})
	group.Go(func() error {
		r.readLive(ctx)
		return nil
	})
	return group.Wait()
}

// collect makes an item of every object that head wants or only base has.
func (r *run) collect() {
	r.items = make([][]*item, len(r.requests))
	for i, request := range r.requests {
		base := objectsByID(request.Base, request.Namespace)
		head := objectsByID(request.Head, request.Namespace)
		for _, object := range objectsOf(request.Head) {
			id := identify(object, request.Namespace)
			it := newItem(object, request)
			it.head, it.base = object, base[id]
			r.items[i] = append(r.items[i], it)
		}
		for _, object := range objectsOf(request.Base) {
			if head[identify(object, request.Namespace)] == nil {
				it := newItem(object, request)
				it.base = object
				it.change.Origin = render.Origin{}
				r.items[i] = append(r.items[i], it)
			}
		}
	}
}

func newItem(object *render.Object, request Request) *item {
	it := &item{
		ignore: pointersFor(request.Ignore, identify(object, request.Namespace)),
		change: Change{ID: object.ID, APIVersion: object.APIVersion, Origin: object.Origin},
	}
	if isAggregated(object.Unmasked()) {
		it.ignore = append(it.ignore, pointer{"rules"})
	}
	return it
}

// objectsOf returns a rendered's objects; none for nil.
func objectsOf(rendered *render.Rendered) []*render.Object {
	if rendered == nil {
		return nil
	}
	objects := make([]*render.Object, len(rendered.Objects))
	for i := range rendered.Objects {
		objects[i] = &rendered.Objects[i]
	}
	return objects
}

// objectsByID returns a rendered's objects by their identity, the first of each.
func objectsByID(rendered *render.Rendered, namespace string) map[render.ObjectID]*render.Object {
	byID := make(map[render.ObjectID]*render.Object)
	for _, object := range objectsOf(rendered) {
		if id := identify(object, namespace); byID[id] == nil {
			byID[id] = object
		}
	}
	return byID
}

// identify returns an object's id with the namespace that it gets when it names
// none. For an object without namespaces that is one too many, and the same one
// on both sides.
func identify(object *render.Object, namespace string) render.ObjectID {
	id := object.ID
	if id.Namespace == "" {
		id.Namespace = namespaceOr(namespace)
	}
	return id
}

func namespaceOr(namespace string) string {
	if namespace == "" {
		return metav1.NamespaceDefault
	}
	return namespace
}

// each calls f for every item, with its request.
func (r *run) each(f func(*item, Request)) {
	for i, items := range r.items {
		for _, it := range items {
			f(it, r.requests[i])
		}
	}
}

// resolve finds out how the cluster serves each object, discovering again when a
// kind is not known, and fills in what is wanted.
func (r *run) resolve(ctx context.Context) error {
	began := time.Now()
	missing := false
	find := func(it *item, request Request) {
		gvk := schema.FromAPIVersionAndKind(it.object().APIVersion, it.object().ID.Kind)
		it.kind, it.known = r.kinds.find(gvk)
		missing = missing || !it.known
	}
	r.each(find)
	if missing {
		if err := r.discover(ctx, began, r.version == ""); err != nil {
			return err
		}
		r.each(find)
	}
	r.arriving = arrivals(r.requests)
	r.each(r.locate)
	r.each(r.confine)
	return nil
}

// locate fills in what is wanted of an item, and where it is live.
func (r *run) locate(it *item, request Request) {
	object := it.object()
	if !it.known {
		gk := schema.GroupKind{Group: object.ID.Group, Kind: object.ID.Kind}
		if kind, ok := r.kinds.anyVersion(gk); ok {
			it.kind = kind // served, though not in this version
		} else {
			it.kind = servedKind{namespaced: !r.arriving.clusterScoped[gk], hasStatus: true}
		}
	}
	namespace := identify(object, request.Namespace).Namespace
	if it.head != nil {
		it.wanted = normalise(it.head.Unmasked(), it.kind, namespace)
	}
	if it.base != nil {
		it.before = normalise(it.base.Unmasked(), it.kind, namespace)
	}
	it.address = address{place{resource: it.kind.resource}, object.ID.Name}
	if it.kind.namespaced {
		it.address.namespace = namespace
		it.makesNamespace = request.CreateNamespace && namespace == namespaceOr(request.Namespace)
		it.scaled = r.arriving.scaled[identify(object, request.Namespace)]
	}
}

// readLive reads what is live of every object whose kind the cluster serves.
func (r *run) readLive(ctx context.Context) {
	addresses := make(map[address]bool)
	r.each(func(it *item, _ Request) {
		if it.kind.resource.Resource != "" && it.change.Action == "" && !it.object().Encrypted() {
			addresses[it.address] = true
		}
	})
	reader := liveReader{cluster: r.cluster, parallel: min(r.cluster.options.Parallel, maxLists)}
	live := reader.read(ctx, addresses)
	r.each(func(it *item, _ Request) {
		if it.change.Action != "" {
			return // it is refused already, and nothing of it was read
		}
		answer := live[it.address]
		it.setLive(answer.object)
		it.readErr = answer.err
	})
}

// judgeAll decides about every item, many at once; each writes to itself alone.
func (r *run) judgeAll(ctx context.Context) {
	r.arriving.note(r.items)
	wanted := make(map[address]string) // and by which target
	r.each(func(it *item, request Request) {
		if it.head == nil || it.kind.resource.Resource == "" || it.change.Action != "" {
			return
		}
		if owner := wanted[it.address]; owner != "" {
			it.end(twice(owner, request), nil)
			return
		}
		wanted[it.address] = request.Target.String() + " "
	})
	var group errgroup.Group
	group.SetLimit(r.cluster.options.Parallel)
	r.each(func(it *item, _ Request) {
		switch {
		case it.change.Action != "":
		case it.object().Encrypted():
			it.seal()
		case it.head == nil && wanted[it.address] != "":
			it.gone = true // handed over to another target
		default:
			group.Go(func() error {
				if r.needsAnswer(it) {
					r.judge(ctx, it)
				} else {
					it.change.Action = None
				}
				return nil
			})
		}
	})
	_ = group.Wait() // its functions return nil
}

// twice refuses an object that another target, or this one, renders already.
func twice(owner string, request Request) verdict {
	owner = strings.TrimSuffix(owner, " ")
	if owner == request.Target.String() {
		return verdict{action: Refused, reason: "the target renders this object twice", hint: "keep one of the two"}
	}
	return verdict{action: Refused, reason: "the target " + owner + " renders this object too", hint: "leave it to one of the two targets"}
}

// needsAnswer reports whether more than what was read is needed to know what
// applying does to the object.
func (r *run) needsAnswer(it *item) bool {
	return it.head == nil || !it.known || it.live == nil || it.readErr != nil ||
		r.cluster.options.DryRunAll || r.isSuspect(it)
}

// isSuspect reports whether applying may change the live object.
func (r *run) isSuspect(it *item) bool {
	manager := r.cluster.options.FieldManager
	d := it.fit(manager)
	return len(d.left) > 0 || !isSettled(d.payload, it.live, it.entries, manager) ||
		r.admission.mayMutate(it.kind, d.payload, it.live, &r.namespaces)
}
