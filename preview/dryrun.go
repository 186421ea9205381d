package preview

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/wait"
)

// errMoved says that the live object changed while it was being judged.
var errMoved = errors.New("the live object keeps changing while it is compared")

// settle is how often an object that changes meanwhile is looked at, and how long it
// is left alone before each further look: controllers write to a new object several
// times within its first second.
var settle = wait.Backoff{Steps: 5, Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.5}

// What an answer is asked for as: the object, or nothing but its metadata, where an
// API server knows how to leave out the rest.
const (
	wholeObject  = "application/json"
	metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
)

// dryRun asks what applying the body, an encoded payload, would make of the object
// at the address. The result has no resourceVersion when it does not exist.
func (c *Cluster) dryRun(ctx context.Context, a address, body []byte, as string) (map[string]any, error) {
	result := c.discovery.RESTClient().Patch(types.ApplyPatchType).
		AbsPath(a.segments()...).
		Param("dryRun", metav1.DryRunAll).
		Param("fieldManager", c.options.FieldManager).
		Param("force", "true").
		Param("fieldValidation", FieldValidation).
		SetHeader("Accept", as).
		Body(body).
		Do(ctx)
	if err := result.Error(); err != nil { // which reads the API server's words, as Raw does not
		return nil, err
	}
	raw, err := result.Raw()
	if err != nil {
		return nil, err
	}
	var object map[string]any
	return object, utiljson.Unmarshal(raw, &object)
}

// FieldValidation is asked for by every server-side apply. An unknown field is
// refused there whatever is asked for; what else the API server would look for, by
// reading the payload a second time, is a key that is there twice, which encoding
// a map does not write.
const FieldValidation = metav1.FieldValidationIgnore

// dryDelete asks whether the live object could be deleted.
func (c *Cluster) dryDelete(ctx context.Context, a address) error {
	return at(c.dynamic, a.place).Delete(ctx, a.name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
}

// dryMerge asks what becomes of the live object when it is changed to wanted: the
// API server adds its defaults, admission has its say. Where the identity may not
// ask, wanted itself is the answer.
func (c *Cluster) dryMerge(ctx context.Context, a address, live, wanted map[string]any) (map[string]any, error) {
	patch := mergePatch(comparable(live, false), comparable(wanted, false))
	metadata, _ := patch["metadata"].(map[string]any)
	if metadata == nil {
		metadata = make(map[string]any)
		patch["metadata"] = metadata
	}
	metadata["resourceVersion"] = resourceVersion(live)
	body, err := encode(patch)
	if err != nil {
		return nil, err
	}
	result, err := at(c.dynamic, a.place).Patch(ctx, a.name, types.MergePatchType, body, metav1.PatchOptions{
		DryRun: []string{metav1.DryRunAll}, FieldManager: c.options.FieldManager,
	})
	switch {
	case apierrors.IsForbidden(err):
		return wanted, nil
	case apierrors.IsConflict(err):
		return nil, errMoved
	case err != nil:
		return nil, err
	}
	return result.Object, nil
}

// ask returns the answer to applying the payload over the live object, from memory
// when the circumstances are those of an earlier answer. errMoved means that live
// is out of date.
func (r *run) ask(ctx context.Context, it *item, payload map[string]any) (answer, error) {
	body, err := encode(payload)
	if err != nil {
		return answer{}, err
	}
	key := keyOf(it.live, body, r.admission.version)
	if known, ok := r.cluster.answers.get(key, answerAge); ok {
		return known, nil
	}
	ctx, collected := withWarnings(ctx)
	after, err := r.cluster.dryRun(ctx, it.address, body, wholeObject)
	if err != nil {
		return answer{warnings: collected.list()}, err
	}
	if resourceVersion(after) != resourceVersion(it.live) {
		return answer{}, errMoved
	}
	a := answer{after: after}
	if err := r.takeOver(ctx, it, &a); err != nil {
		return answer{warnings: collected.list()}, err
	}
	a.warnings = collected.list()
	if equal(comparable(it.live, it.setsStatus()), comparable(a.after, it.setsStatus())) {
		a.after = nil
	}
	if !r.admission.young {
		r.cluster.answers.put(key, a)
	}
	return a, nil
}

// takeOver changes the answer to what it is when the fields of other deployers
// have become ours.
func (r *run) takeOver(ctx context.Context, it *item, a *answer) error {
	if len(it.legacy(r.cluster.options.FieldManager)) == 0 {
		return nil
	}
	taken, removed, err := takeOver(a.after, it.entries, r.cluster.options.FieldManager, it.ignore)
	if err != nil {
		return err
	}
	if len(removed) == 0 {
		return nil
	}
	after, err := r.cluster.dryMerge(ctx, it.address, it.live, taken)
	if err != nil {
		return err
	}
	a.after, a.removed = after, removed
	return nil
}

func resourceVersion(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	version, _ := metadata["resourceVersion"].(string)
	return version
}
