package preview

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// judge decides what applying does to one object.
func (r *run) judge(ctx context.Context, it *item) {
	switch {
	case it.readErr != nil:
		it.end(unread(it.readErr), nil)
	case it.head == nil && it.live == nil:
		it.gone = true
	case (it.known || it.head == nil) && !r.cluster.takesDryRuns(ctx, r.kinds.check, it.kind.resource.GroupVersion().WithKind(it.change.ID.Kind)):
		it.end(verdict{
			action: Unknown,
			reason: fmt.Sprintf("%s is served by an API server that does not say that it takes dry runs, so asking it might write", it.object().ID.Kind),
			hint:   "have whoever runs that API server publish the dryRun parameter",
		}, nil)
	case it.head == nil:
		r.judgeDelete(ctx, it)
	case !it.known:
		r.judgeUnserved(ctx, it)
	case it.live == nil && r.arriving.namespaces[it.address.namespace]:
		r.unasked(ctx, it)
	default:
		r.judgeApply(ctx, it)
	}
}

// unread is the verdict about an object that could not be read.
func unread(err error) verdict {
	v := verdict{action: Unknown, reason: err.Error()}
	if apierrors.IsForbidden(err) {
		v.hint = "grant the target's service account get on this resource"
	}
	return v
}

func (r *run) judgeDelete(ctx context.Context, it *item) {
	ctx, collected := withWarnings(ctx)
	err := r.cluster.dryDelete(ctx, it.address)
	switch {
	case apierrors.IsNotFound(err):
		it.gone = true
	case err != nil:
		v := judge(err, it.change.ID.Kind)
		if v.action == Replace {
			v.action = Refused
		}
		it.end(v, collected.list())
	default:
		it.change.Action = Delete
		it.change.Warnings = it.redactAll(collected.list())
	}
}

// judgeUnserved is about a kind, or a version of one, that the cluster does not
// serve: its CRD comes in the same change, or it is refused.
func (r *run) judgeUnserved(ctx context.Context, it *item) {
	object := it.object()
	gk := schema.GroupKind{Group: object.ID.Group, Kind: object.ID.Kind}
	switch cause := r.kinds.failed[object.ID.Group]; {
	case r.arriving.kinds[gk]:
		r.unasked(ctx, it)
	case cause != nil:
		it.end(verdict{
			action: Unknown,
			reason: fmt.Sprintf("the API server cannot say whether it serves %s: %v", gk, cause),
			hint:   "mend the aggregated API behind this group",
		}, nil)
	default:
		it.end(verdict{
			action: Refused,
			reason: fmt.Sprintf("the API server serves no kind %q in version %q", gk.Kind, object.APIVersion),
			hint:   "install its CRD first, bring it in the same change, or correct the version",
		}, nil)
	}
}

// unvalidated is a create about which the API server cannot be asked yet.
func (it *item) unvalidated() {
	it.change.Action = Create
	it.change.NotValidated = true
	it.fillWhole()
}

// unvalidatedUpdate is an update about which the API server cannot be asked yet:
// it shows what differs between base and head.
func (it *item) unvalidatedUpdate() {
	it.change.NotValidated = true
	before := it.before
	if before == nil {
		before = comparable(it.live, it.setsStatus())
	}
	it.fill(before, it.wanted, nil, "", nil)
	it.change.Action = Update
	if len(it.change.Fields) == 0 {
		it.change.Action = None
	}
}

// fillWhole shows the object as it is wanted, each part a field.
func (it *item) fillWhole() {
	it.fill(identityOf(it.wanted), it.wanted, nil, "", nil)
}

// identityOf returns an object of nothing but what identifies it.
func identityOf(object map[string]any) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	bare := make(map[string]any)
	for _, key := range []string{"name", "namespace"} {
		if value, ok := metadata[key]; ok {
			bare[key] = value
		}
	}
	return map[string]any{"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": bare}
}

// judgeApply asks the API server, again when the object changed meanwhile.
func (r *run) judgeApply(ctx context.Context, it *item) {
	for pauses := settle; pauses.Steps > 0; {
		var err error
		if it.live == nil {
			err = r.judgeCreate(ctx, it)
		} else {
			err = r.judgeUpdate(ctx, it)
		}
		if err == nil {
			return
		}
		select {
		case <-time.After(pauses.Step()):
		case <-ctx.Done():
			it.end(unread(context.Cause(ctx)), nil)
			return
		}
		object, err := at(r.cluster.dynamic, it.address.place).Get(ctx, it.address.name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			it.setLive(nil)
		case err != nil:
			it.end(unread(err), nil)
			return
		default:
			it.setLive(object.Object)
		}
	}
	it.end(verdict{action: Unknown, reason: errMoved.Error(), hint: "find out which controllers fight over it"}, nil)
}

// judgeCreate fills in the change, or returns errMoved when there is an object by now.
func (r *run) judgeCreate(ctx context.Context, it *item) error {
	body, err := encode(it.wanted)
	if err != nil {
		it.end(verdict{action: Refused, reason: err.Error()}, nil)
		return nil
	}
	a, err := r.askCreate(ctx, it, body)
	switch {
	case errors.Is(err, errMoved):
		return errMoved
	case it.makesNamespace && isMissingNamespace(err, it.address.namespace):
		r.unasked(ctx, it)
	case err != nil:
		r.refuse(ctx, it, err, a.warnings)
	default:
		it.change.Action = Create
		it.change.Warnings = it.redactAll(a.warnings)
		it.fillWhole()
		it.fillAdmitted(a.after)
	}
	return nil
}

// isMissingNamespace reports whether an error is that the namespace does not exist.
func isMissingNamespace(err error, name string) bool {
	var answer apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &answer) {
		return false
	}
	details := answer.Status().Details
	return details != nil && details.Kind == "namespaces" && details.Name == name
}

// judgeUpdate fills in the change, or returns errMoved when the live object has
// changed since it was read.
func (r *run) judgeUpdate(ctx context.Context, it *item) error {
	manager := r.cluster.options.FieldManager
	d := it.fit(manager)
	a, err := r.ask(ctx, it, d.payload)
	if errors.Is(err, errMoved) {
		return errMoved
	}
	if err != nil {
		r.refuse(ctx, it, err, a.warnings)
		return nil
	}
	it.change.Action, it.change.Warnings = None, d.left
	if a.after == nil {
		return nil
	}
	it.fill(comparable(it.live, it.setsStatus()), comparable(a.after, it.setsStatus()), a.removed, manager, managedEntries(a.after))
	if len(it.change.Fields) > 0 {
		it.change.Action = Update
		it.change.Warnings = append(it.redactAll(a.warnings), d.left...)
	}
	return nil
}

// refuse says why the API server did not take the object, and what that means.
func (r *run) refuse(ctx context.Context, it *item, err error, warnings []string) {
	v := judge(err, it.change.ID.Kind)
	gk := schema.GroupKind{Group: it.change.ID.Group, Kind: it.change.ID.Kind}
	if v.action == Refused && r.arriving.kinds[gk] && isSchemaMatter(err) {
		r.unasked(ctx, it) // the CRD that comes with it may well have the field
		return
	}
	if v.action == Refused && r.arriving.await(it, err) {
		r.unasked(ctx, it)
		return
	}
	if v.action == Replace && it.live == nil {
		v.action = Refused
	}
	if left := it.object().Variables(); len(left) > 0 && v.action == Refused {
		v.hint = fmt.Sprintf("%s in %s is a variable that Flux puts in and nobody does here; write the value itself", left[0].Text, left[0].Field)
	}
	it.end(v, warnings)
	if v.action == Replace {
		it.fill(overlap(comparable(it.live, it.setsStatus()), it.wanted), it.wanted, nil, r.cluster.options.FieldManager, nil)
	}
}
