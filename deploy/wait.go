package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/preview"
)

// errTimeout is the cause of a wait that took too long.
var errTimeout = errors.New("it took too long")

// awaitHealth waits until every object is healthy. What is so already, by what
// was read or written last, is not watched. A *failure names the first object that
// is not, with the reason of its own pods.
func (a *attempt) awaitHealth(ctx context.Context, steps []preview.Step) error {
	limited, cancel := context.WithTimeoutCause(ctx, a.waitLimit(), errTimeout)
	defer cancel()
	unbound := a.unbound(limited)
	var waiting []preview.Step
	var last []unhealthy
	for _, step := range steps {
		switch h := healthOf(step, step.Live(), unbound); h.state {
		case healthy:
			a.mark(step.ID, ObjectHealthy, "")
		default:
			waiting = append(waiting, step)
			last = append(last, unhealthy{step, step.Live(), h.message})
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	done := make([]bool, len(waiting))
	err := a.cluster.observe(limited, waiting, func(i int, live map[string]any) (bool, error) {
		step := waiting[i]
		h := healthOf(step, live, unbound)
		last[i] = unhealthy{step, live, h.message}
		switch h.state {
		case healthy:
			done[i] = true
			a.mark(step.ID, ObjectHealthy, "")
			return true, nil
		case broken:
			return false, a.unwell(ctx, last[i], "has failed")
		}
		a.mark(step.ID, ObjectApplied, step.Redact(h.message))
		return false, nil
	})
	if !errors.Is(err, errTimeout) {
		return err
	}
	i := slices.Index(done, false)
	for j := i + 1; j < len(waiting); j++ {
		if !done[j] && workload(waiting[j].ID.Kind) && !workload(waiting[i].ID.Kind) {
			i = j // the one with pods knows more
		}
		if !done[j] {
			a.mark(waiting[j].ID, ObjectUnhealthy, waiting[j].Redact(last[j].message))
		}
	}
	return a.unwell(ctx, last[i], fmt.Sprintf("is not healthy after %s", a.waitLimit()))
}

// unwell makes a failure of an object's state.
func (a *attempt) unwell(ctx context.Context, u unhealthy, what string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	message := u.message
	if reason := a.reasonOf(ctx, u.step, u.live); reason != "" {
		message = reason
	}
	message = u.step.Redact(message)
	a.mark(u.step.ID, ObjectUnhealthy, message)
	return &failure{
		reason: fmt.Sprintf("%s %s: %s", u.step.ID, what, message),
		hint:   "what was applied stays as it is; push a commit that mends it",
	}
}

// unbound returns whether a claim that has no volume yet is not to be waited for:
// its class binds with the first pod, or cannot be read, so that nobody knows.
func (a *attempt) unbound(ctx context.Context) func(map[string]any) bool {
	classes := schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}
	known := make(map[string]bool)
	return func(claim map[string]any) bool {
		spec, _ := claim["spec"].(map[string]any)
		name, _ := spec["storageClassName"].(string)
		if answer, ok := known[name]; ok {
			return answer
		}
		if name == "" {
			return true // no class: somebody makes a volume by hand, whenever that is
		}
		class, err := a.cluster.objects.Resource(classes).Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
			known[name] = true
		case err != nil:
			return false
		default:
			known[name] = class.Object["volumeBindingMode"] == "WaitForFirstConsumer"
		}
		return known[name]
	}
}

// awaitGone waits until the objects of the steps are not there, or others are in
// their place.
func (a *attempt) awaitGone(ctx context.Context, steps []preview.Step, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	return a.cluster.observe(ctx, steps, func(i int, live map[string]any) (bool, error) {
		return live == nil || uidOf(live) != uidOf(steps[i].Live()), nil
	})
}
