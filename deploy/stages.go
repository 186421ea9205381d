package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// The stages of an apply: each is written before the next. What is deleted goes the
// other way.
const (
	stageNamespaces = iota
	stageDefinitions
	stageGround
	stageRest
	stageGates
)

// A staged has the steps of each stage.
type staged [stageGates + 1][]preview.Step

// stages are those of kinds that are not like the rest.
var stages = map[schema.GroupKind]int{
	{Kind: "Namespace"}: stageNamespaces,
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: stageDefinitions,

	// What the API server, or the controller that makes the pods, looks up or goes by
	// when others are written: a binding to a role that is not there is refused, and
	// pods without the default limits keep none.
	{Kind: "ServiceAccount"}:                                  stageGround,
	{Kind: "LimitRange"}:                                      stageGround,
	{Kind: "ResourceQuota"}:                                   stageGround,
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}:       stageGround,
	{Group: "node.k8s.io", Kind: "RuntimeClass"}:              stageGround,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}: stageGround,
	{Group: "rbac.authorization.k8s.io", Kind: "Role"}:        stageGround,
	{Group: "scheduling.k8s.io", Kind: "PriorityClass"}:       stageGround,
	{Group: "storage.k8s.io", Kind: "StorageClass"}:           stageGround,
	{Group: "storage.k8s.io", Kind: "VolumeAttributesClass"}:  stageGround,

	// What makes the API server ask somebody who may come in the same change.
	{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"}:   stageGates,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}: stageGates,
}

func stageOf(id render.ObjectID) int {
	if stage, ok := stages[schema.GroupKind{Group: id.Group, Kind: id.Kind}]; ok {
		return stage
	}
	return stageRest
}

// inStages sorts steps by their stages.
func inStages(steps []preview.Step) staged {
	var sorted staged
	for _, step := range steps {
		stage := stageOf(step.ID)
		sorted[stage] = append(sorted[stage], step)
	}
	return sorted
}

// write applies what is wanted, stage by stage, and returns the steps over what
// is live then.
func (a *attempt) write(ctx context.Context, s *survey) ([]preview.Step, error) {
	wanted := inStages(s.wanted)
	var done []preview.Step
	for stage := range wanted {
		if stage == stageGround && a.wroteAny(done) {
			located, err := a.locate(ctx, s, slices.Concat(wanted[stageGround:]...))
			if err != nil {
				return nil, err
			}
			wanted = inStages(located)
		}
		written, err := a.writeStage(ctx, wanted[stage])
		if err != nil {
			return nil, err
		}
		done = append(done, written...)
		if stage == stageDefinitions {
			if err := a.awaitHealth(ctx, written); err != nil {
				return nil, err
			}
		}
	}
	return done, nil
}

// wroteAny reports whether any of the steps was written.
func (a *attempt) wroteAny(steps []preview.Step) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, step := range steps {
		if a.uids[step.ID] != "" {
			return true
		}
	}
	return false
}

// locate looks again at steps that the plan could not judge, once their Namespaces
// and CRDs are there. It waits until the cluster serves every kind.
func (a *attempt) locate(ctx context.Context, s *survey, planned []preview.Step) ([]preview.Step, error) {
	const often = 200 * time.Millisecond
	actions := make(map[render.ObjectID]preview.Action)
	for _, step := range planned {
		actions[step.ID] = step.Action
	}
	var steps []preview.Step
	var unserved string
	err := wait.PollUntilContextTimeout(ctx, often, time.Duration(a.request.Sync.Timeout), true, func(ctx context.Context) (bool, error) {
		located, err := a.cluster.preview.Locate(ctx, s.request)
		if err != nil {
			return false, err
		}
		steps, unserved = nil, ""
		for _, step := range located {
			if _, ok := actions[step.ID]; !ok || !step.Wanted {
				continue
			}
			if !step.Served {
				unserved = fmt.Sprintf("%s in version %s", step.ID.Kind, step.APIVersion)
			}
			step.Action = actions[step.ID]
			steps = append(steps, step)
		}
		return unserved == "", nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case unserved != "":
		return nil, &failure{reason: "the API server does not serve " + unserved + ", although its CRD is there", hint: "see to the CRD's versions"}
	case err != nil:
		return nil, err
	case len(steps) != len(planned):
		return nil, errors.New("the objects of the second look are not those of the plan")
	}
	return steps, nil
}

// writeStage applies many objects at once. The first refusal stops those that have
// not begun.
func (a *attempt) writeStage(ctx context.Context, steps []preview.Step) ([]preview.Step, error) {
	written := make([]preview.Step, len(steps))
	errs := make([]error, len(steps))
	var stop atomic.Bool
	var group errgroup.Group
	group.SetLimit(a.cluster.parallel())
	for i, step := range steps {
		written[i] = step
		if !a.needsWrite(step) {
			a.mark(step.ID, ObjectApplied, "")
			continue
		}
		group.Go(func() error {
			if stop.Load() {
				return nil
			}
			live, err := a.apply(ctx, step)
			if err != nil {
				stop.Store(true)
				errs[i] = a.explain(step, err)
				return nil
			}
			written[i] = step.Over(live)
			a.mu.Lock()
			a.uids[step.ID] = uidOf(live)
			a.mu.Unlock()
			a.mark(step.ID, ObjectApplied, "")
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	a.catchUp()
	return written, first(errs)
}

// first returns the first failure, or else the first error.
func first(errs []error) error {
	var other error
	for _, err := range errs {
		var f *failure
		if errors.As(err, &f) {
			return err
		}
		if other == nil {
			other = err
		}
	}
	return other
}

// needsWrite reports whether the object is not as it is wanted, or not marked.
func (a *attempt) needsWrite(step preview.Step) bool {
	if step.Action != preview.None || step.Live() == nil {
		return true
	}
	owner, marked := ownerOf(step.Live(), step.ID)
	return !marked || owner != a.key
}

// explain makes a failure of what the API server will not take; what may get
// better by itself, and what is not the object's fault, stays an error.
func (a *attempt) explain(step preview.Step, err error) error {
	var status apierrors.APIStatus
	switch isStatus := errors.As(err, &status); {
	case isStatus && isPassing(err):
		return fmt.Errorf("apply %s: %s", step.ID, step.Redact(err.Error()))
	case !isStatus: // no words of the API server's, which alone may quote values
		return fmt.Errorf("apply %s: %w", step.ID, err)
	}
	reason := step.Redact(err.Error())
	a.mark(step.ID, ObjectFailed, reason)
	return &failure{reason: fmt.Sprintf("%s: %s", step.ID, reason), hint: "what was applied before it stays; push a commit that mends it"}
}
