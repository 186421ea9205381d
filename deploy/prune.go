package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// prune deletes what is owned and no longer wanted, in the order of [inTurn], and
// returns what is confirmed to be gone: not there, or another object. What cannot be
// deleted stays in the record, for the next attempt, and so does what comes after it.
func (a *attempt) prune(ctx context.Context, s *survey, applied []preview.Step) (map[render.ObjectID]bool, error) {
	living := liveUIDs(applied)
	gone := make(map[render.ObjectID]bool)
	var there []preview.Step
	for _, step := range s.deletes {
		if step.Live() == nil {
			// A kind that is not served has no objects, unless nobody could say.
			gone[step.ID] = !step.Undiscovered
			continue
		}
		there = append(there, step)
	}
	var lingering *preview.Step
	for _, steps := range inTurn(there) {
		if lingering != nil {
			a.holdBack(steps, lingering.ID)
			continue
		}
		if len(steps) > 0 && preview.IsGenerated(steps[0].ID) {
			steps = a.unused(ctx, steps)
		}
		if err := a.pruneStage(ctx, steps, living, gone); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(steps, func(step preview.Step) bool { return !gone[step.ID] }); i >= 0 {
			lingering = &steps[i]
		}
	}
	return gone, nil
}

// inTurn returns steps in the order of their deletion: first what makes the API
// server ask somebody who goes, too; then custom resources, whose finalizers may
// need a controller that goes, too, and its rights; what they are made of last.
// Generated ConfigMaps and Secrets come when the pods that went have gone.
// Deleting a CRD takes with it what the API server would not have deleted, which
// is why nothing is deleted after an object that is still there.
func inTurn(steps []preview.Step) [][]preview.Step {
	all := inStages(steps)
	var custom, rest, generated []preview.Step
	for _, step := range all[stageRest] {
		switch {
		case step.Custom:
			custom = append(custom, step)
		case preview.IsGenerated(step.ID):
			generated = append(generated, step)
		default:
			rest = append(rest, step)
		}
	}
	return [][]preview.Step{all[stageGates], custom, rest, generated, all[stageGround], all[stageDefinitions], all[stageNamespaces]}
}

// holdBack leaves objects to the attempt that finds another one gone.
func (a *attempt) holdBack(steps []preview.Step, behind render.ObjectID) {
	for _, step := range steps {
		a.mark(step.ID, ObjectFailed, fmt.Sprintf("it is deleted once %s is gone", behind))
	}
}

// pruneStage deletes many objects at once and waits until they are gone.
func (a *attempt) pruneStage(ctx context.Context, steps []preview.Step, living map[string]bool, gone map[render.ObjectID]bool) error {
	deleted := make([]*preview.Step, len(steps))
	dropped := make([]bool, len(steps))
	errs := make([]error, len(steps))
	var group errgroup.Group
	group.SetLimit(a.cluster.parallel())
	for i, step := range steps {
		group.Go(func() error {
			deleted[i], dropped[i], errs[i] = a.pruneOne(ctx, step, living)
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	var waiting []preview.Step
	for i, step := range steps {
		switch {
		case errs[i] != nil && isRefusal(errs[i]):
			a.mark(step.ID, ObjectFailed, step.Redact(errs[i].Error()))
		case errs[i] != nil:
			return fmt.Errorf("delete %s: %w", step.ID, errs[i])
		case dropped[i]:
			gone[step.ID] = true
		case deleted[i] != nil:
			waiting = append(waiting, *deleted[i])
		}
	}
	return a.confirm(ctx, waiting, gone)
}

// pruneOne deletes an object that is still the target's by now. It returns the
// step over what it deleted, or that there is nothing to delete.
func (a *attempt) pruneOne(ctx context.Context, step preview.Step, living map[string]bool) (*preview.Step, bool, error) {
	var deleted *preview.Step
	dropped := false
	err := a.retry(ctx, func(ctx context.Context) error {
		live, err := a.read(ctx, step)
		if err != nil {
			return err
		}
		switch {
		case live == nil:
			a.mark(step.ID, ObjectPruned, "")
			dropped = true
			return nil
		case living[uidOf(live)]:
			a.mark(step.ID, ObjectKept, underAnother)
			dropped = true
			return nil
		}
		if why := a.notOurs(live, step.ID); why != "" {
			a.mark(step.ID, ObjectKept, why)
			dropped = true
			return nil
		}
		current := step.Over(live)
		deleted = &current
		if metadataText(live, "deletionTimestamp") != "" {
			return nil // somebody did already
		}
		version := versionOf(live)
		return a.delete(ctx, current, &version)
	})
	return deleted, dropped, err
}

// confirm waits until deleted objects are gone. Those that take too long are left
// to the next attempt: the target itself is well.
func (a *attempt) confirm(ctx context.Context, steps []preview.Step, gone map[render.ObjectID]bool) error {
	if len(steps) == 0 {
		return nil
	}
	last := make([]map[string]any, len(steps))
	for i, step := range steps {
		last[i] = step.Live()
	}
	limited, cancel := context.WithTimeoutCause(ctx, a.waitLimit(), errTimeout)
	defer cancel()
	err := a.cluster.observe(limited, steps, func(i int, live map[string]any) (bool, error) {
		last[i] = live
		if live != nil && uidOf(live) == uidOf(steps[i].Live()) {
			return false, nil
		}
		gone[steps[i].ID] = true
		a.mark(steps[i].ID, ObjectPruned, "")
		return true, nil
	})
	if !errors.Is(err, errTimeout) {
		return err
	}
	for i, step := range steps {
		if !gone[step.ID] {
			a.mark(step.ID, ObjectFailed, lingering(last[i]))
		}
	}
	return nil
}

// lingering says why a deleted object is still there.
func lingering(live map[string]any) string {
	finalizers, _, _ := unstructured.NestedStringSlice(live, "metadata", "finalizers")
	if len(finalizers) == 0 {
		return "its deletion is not confirmed yet"
	}
	return "its deletion waits for " + strings.Join(finalizers, ", ")
}

// isRefusal reports whether an error is the API server's last word.
func isRefusal(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && !isPassing(err)
}
