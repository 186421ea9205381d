package preview

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// askCreate has the API server judge the creation of an object from an encoded
// payload, unless it took the same one in the same circumstances before. What the
// answer has after it is what admission makes of the object; nil for nothing else.
// errMoved means that there is an object by now.
func (r *run) askCreate(ctx context.Context, it *item, body []byte) (answer, error) {
	a, as := answer{whole: r.mayAdmit(it)}, metadataOnly
	key, memorable := r.creationKey(it, body)
	if memorable {
		if known, ok := r.cluster.answers.get(key, r.belief(it)); ok && (known.whole || !a.whole) {
			return known, nil
		}
	}
	if a.whole {
		as = wholeObject
	}
	ctx, collected := withWarnings(ctx)
	after, err := r.cluster.dryRun(ctx, it.address, body, as)
	if err == nil && resourceVersion(after) != "" {
		err = errMoved
	}
	if err == nil && a.whole {
		a.after, err = r.admitted(ctx, it, body, after)
	}
	a.warnings = collected.list()
	if err == nil && memorable && !r.admission.young {
		r.cluster.answers.put(key, a)
	}
	return a, err
}

// belief is for how long the answer to an object's creation is believed. A CRD may
// change its schema any time, and its version is in no key.
func (r *run) belief(it *item) time.Duration {
	if group := it.change.ID.Group; r.foresight && (group == "" || slices.Contains(kubernetesGroups, group)) {
		return foresightAge
	}
	return answerAge
}

// creationKey says in which circumstances an object is to be created; false where
// its namespace is not there, of which only the API server knows what follows.
func (r *run) creationKey(it *item, body []byte) (answerKey, bool) {
	key := answerKey{payload: sha256.Sum256(body)}
	version := ""
	if it.address.namespace != "" {
		found := r.namespaces.of(it.address.namespace)
		switch {
		case apierrors.IsNotFound(found.err):
			return key, false
		case found.err != nil:
			return key, true
		}
		version = found.version
	}
	if r.admission.version != "" {
		key.admission = r.admission.version + " " + r.version + " " + version
	}
	return key, true
}

// namespaceIndex looks up namespaces, each once.
type namespaceIndex struct {
	read func(name string) namespaceState
	mu   sync.Mutex
	seen map[string]func() namespaceState
}

// A namespaceState is a namespace as admission sees it.
type namespaceState struct {
	labels  labels.Set
	version string // another one whenever anything about it changes
	err     error  // why it could not be read
}

// of returns a namespace's state.
func (n *namespaceIndex) of(name string) namespaceState {
	n.mu.Lock()
	if n.seen == nil {
		n.seen = make(map[string]func() namespaceState)
	}
	look := n.seen[name]
	if look == nil {
		look = sync.OnceValue(func() namespaceState { return n.read(name) })
		n.seen[name] = look
	}
	n.mu.Unlock()
	return look()
}

func (r *run) readNamespace(ctx context.Context, name string) namespaceState {
	namespace, err := r.cluster.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).
		Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return namespaceState{err: err}
	}
	return namespaceState{
		labels:  labelsOf(namespace.Object),
		version: string(namespace.GetUID()) + "/" + namespace.GetResourceVersion(),
	}
}
