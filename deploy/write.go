package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"

	"github.com/slipwayhq/slipway/preview"
)

// resource is where a step's object is written.
func (c *Cluster) resource(step preview.Step) dynamic.ResourceInterface {
	if step.ID.Namespace == "" {
		return c.objects.Resource(step.Resource)
	}
	return c.objects.Resource(step.Resource).Namespace(step.ID.Namespace)
}

// apply writes one object, trying again what can get better by itself, and returns
// it as it is then.
func (a *attempt) apply(ctx context.Context, step preview.Step) (map[string]any, error) {
	var applied map[string]any
	first := true
	err := a.retry(ctx, func(ctx context.Context) error {
		if !first { // the object may be another by now
			live, err := a.read(ctx, step)
			if err != nil {
				return err
			}
			step = step.Over(live)
		}
		first = false
		var err error
		applied, err = a.applyOnce(ctx, step)
		return err
	})
	return applied, err
}

func (a *attempt) applyOnce(ctx context.Context, step preview.Step) (map[string]any, error) {
	if step.Action == preview.Replace && step.Live() != nil {
		if err := a.delete(ctx, step, nil); err != nil {
			return nil, err
		}
		if err := a.awaitGone(ctx, []preview.Step{step}, a.waitLimit()); err != nil {
			return nil, err
		}
		step = step.Over(nil)
	}
	if step.Live() != nil {
		patch, err := step.TakeOver()
		if err != nil {
			return nil, err
		}
		if patch != nil {
			live, err := a.patch(ctx, step, types.JSONPatchType, patch)
			if err != nil {
				return nil, err
			}
			step = step.Over(live)
		}
	}
	payload, copied := step.Payload()
	if a.scaffold != step.ID {
		setMark(payload, a.key, step.ID)
	}
	if copied {
		payload["metadata"].(map[string]any)["resourceVersion"] = versionOf(step.Live())
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", step.ID, err)
	}
	return a.patch(ctx, step, types.ApplyPatchType, body)
}

func (a *attempt) patch(ctx context.Context, step preview.Step, kind types.PatchType, body []byte) (map[string]any, error) {
	leave, err := a.cluster.room(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := a.mayWrite(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request := a.cluster.rest.Patch(kind).
		AbsPath(pathOf(step)...).
		Param("fieldManager", preview.DefaultFieldManager).
		SetHeader("Accept", "application/json").
		Body(body)
	if kind == types.ApplyPatchType {
		request = request.Param("force", "true").Param("fieldValidation", preview.FieldValidation)
	}
	result := request.Do(ctx)
	if err := result.Error(); err != nil { // which reads the API server's words, as Raw does not
		return nil, err
	}
	raw, err := result.Raw()
	if err != nil {
		return nil, err
	}
	// The dynamic client would look at every byte three times.
	var live map[string]any
	return live, utiljson.Unmarshal(raw, &live)
}

// pathOf are the parts of the path of a step's object.
func pathOf(step preview.Step) []string {
	path := []string{"/apis", step.Resource.Group, step.Resource.Version}
	if step.Resource.Group == "" {
		path = []string{"/api", step.Resource.Version}
	}
	if step.ID.Namespace != "" {
		path = append(path, "namespaces", step.ID.Namespace)
	}
	return append(path, step.Resource.Resource, step.ID.Name)
}

// delete deletes just the live object that the step knows: another one of the same
// name stays. version, when given, is the state that it must still be in.
func (a *attempt) delete(ctx context.Context, step preview.Step, version *string) error {
	leave, err := a.cluster.room(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := a.mayWrite(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	uid := types.UID(uidOf(step.Live()))
	propagation := metav1.DeletePropagationForeground
	switch a.request.Sync.PrunePropagation {
	case Background:
		propagation = metav1.DeletePropagationBackground
	case Orphan:
		propagation = metav1.DeletePropagationOrphan
	}
	err = a.cluster.resource(step).Delete(ctx, step.ID.Name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid, ResourceVersion: version},
		PropagationPolicy: &propagation,
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// read returns the live object; nil for none.
func (a *attempt) read(ctx context.Context, step preview.Step) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	live, err := a.cluster.resource(step).Get(ctx, step.ID.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return live.Object, nil
}

// mayWrite stops a writer that has lost its lease, or that nobody wants any more,
// before its next write.
func (a *attempt) mayWrite(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if a.lease.lost() {
		return errLeaseLost
	}
	return nil
}

// maxConflicts is how often a write is begun again at once because somebody else
// wrote the object between.
const maxConflicts = 5

// retry calls f until it does not fail in a way that passes, as often and after
// such waits as the settings say.
func (a *attempt) retry(ctx context.Context, f func(context.Context) error) error {
	settings := a.request.Sync.Retry
	delay := time.Duration(settings.Backoff.Duration)
	for tries, conflicts := 0, 0; ; tries++ {
		err := f(ctx)
		if err != nil && apierrors.IsConflict(err) && conflicts < maxConflicts && ctx.Err() == nil {
			conflicts++
			tries--
			continue // f reads again
		}
		if err == nil || !isPassing(err) || tries >= settings.Limit || ctx.Err() != nil || a.lease.lost() {
			return err
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		delay = time.Duration(float64(delay) * max(settings.Backoff.Factor, 1))
		if limit := time.Duration(settings.Backoff.MaxDuration); limit > 0 {
			delay = min(delay, limit)
		}
	}
}

// isPassing reports whether an error can get better by itself: no answer, a
// conflict, an overloaded or broken server, a webhook that is down.
func isPassing(err error) bool {
	var failed *failure
	for _, end := range []error{ErrSuperseded, errLeaseLost, errTimeout, context.Canceled} {
		if errors.Is(err, end) {
			return false
		}
	}
	if errors.As(err, &failed) {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	switch code := status.Status().Code; {
	case code == http.StatusConflict, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusUnauthorized:
		return true
	case code >= http.StatusInternalServerError:
		return true
	case code == http.StatusForbidden:
		return slices.ContainsFunc(momentary, func(words string) bool { return strings.Contains(err.Error(), words) })
	}
	return false
}

// momentary are refusals that the API server takes back a moment after what they are
// about was written: a controller makes a namespace's defaults and a quota's count,
// and admission hears of a class a little later than it is there.
var momentary = []string{
	"no API token found for service account", "error looking up service account",
	"status unknown for quota", "no PriorityClass with name",
}
