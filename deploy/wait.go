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

// silence is how long a custom resource is waited for that has no status, where
// nothing shows that anybody reports on its kind.
const silence = 30 * time.Second

// waitLimit is how long to wait for what was written to take effect.
func (a *attempt) waitLimit() time.Duration {
	if limit := time.Duration(a.request.Sync.Timeout); limit > 0 {
		return limit
	}
	return time.Duration(DefaultSync().Timeout)
}

// awaitHealth waits until every object is healthy. What is so already, by what
// was read or written last, is not watched. A *failure names the first object that
// is not, with the reason of its own pods.
func (a *attempt) awaitHealth(ctx context.Context, steps []preview.Step) error {
	limited, cancel := context.WithTimeoutCause(ctx, a.waitLimit(), errTimeout)
	defer cancel()
	w := &await{attempt: a, unbound: a.unbound(limited)}
	var waiting []preview.Step
	for _, step := range steps {
		switch h := healthOf(step, step.Live(), w.unbound); {
		case h.state == healthy, h.state == silent && !a.wroteAny([]preview.Step{step}):
			a.mark(step.ID, ObjectHealthy, "")
		default:
			waiting = append(waiting, step)
		}
	}
	unheard, err := w.until(limited, ctx, waiting, true)
	if err != nil || len(unheard) == 0 {
		return err
	}
	// Everything else is well. Does anybody report on these at all?
	short, end := context.WithTimeoutCause(limited, a.cluster.silence, errTimeout)
	defer end()
	var failed *failure
	_, err = w.until(short, ctx, unheard, false)
	if !errors.As(err, &failed) || failed != w.late {
		return err
	}
	var reported []preview.Step
	for i, step := range unheard {
		switch {
		case w.done[i]:
		case a.isReported(limited, step):
			reported = append(reported, step)
		default:
			a.mark(step.ID, ObjectApplied, "it has no status, and nothing shows that anybody reports on its kind")
		}
	}
	_, err = w.until(limited, ctx, reported, false)
	return err
}

// An await is for the health of objects.
type await struct {
	attempt *attempt
	unbound func(map[string]any) bool
	done    []bool   // of the last call of until
	late    *failure // what it returned because limited had ended
}

// until waits until each object is healthy or limited ends, which is a failure:
// ctx is for finding its reason. With skip, silent ones are returned instead of
// waited for.
func (w *await) until(limited, ctx context.Context, waiting []preview.Step, skip bool) (unheard []preview.Step, err error) {
	if len(waiting) == 0 {
		return nil, nil
	}
	a := w.attempt
	w.done = make([]bool, len(waiting))
	last := make([]unhealthy, len(waiting))
	for i, step := range waiting {
		last[i] = unhealthy{step, step.Live(), healthOf(step, step.Live(), w.unbound).message}
	}
	err = a.cluster.observe(limited, waiting, func(i int, live map[string]any) (bool, error) {
		step := waiting[i]
		h := healthOf(step, live, w.unbound)
		last[i] = unhealthy{step, live, h.message}
		switch {
		case h.state == healthy:
			w.done[i] = true
			a.mark(step.ID, ObjectHealthy, "")
			return true, nil
		case h.state == broken:
			return false, a.unwell(ctx, last[i], "has failed")
		case h.state == silent && skip:
			unheard = append(unheard, step)
			w.done[i] = true
		}
		a.mark(step.ID, ObjectApplied, step.Redact(h.message))
		return w.done[i], nil
	})
	if !errors.Is(err, errTimeout) {
		return unheard, err
	}
	w.late = a.unwell(ctx, w.worst(last), fmt.Sprintf("is not healthy after %s", a.waitLimit()))
	return unheard, w.late
}

// worst is the first object that is not healthy; rather one that has pods, which
// know more.
func (w *await) worst(last []unhealthy) unhealthy {
	i := slices.Index(w.done, false)
	for j := i + 1; j < len(last); j++ {
		if !w.done[j] && workload(last[j].step.ID.Kind) && !workload(last[i].step.ID.Kind) {
			i = j
		}
	}
	return last[i]
}

// isReported reports whether anybody gives objects of the step's kind a status:
// one nearby has one.
func (a *attempt) isReported(ctx context.Context, step preview.Step) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := a.cluster.resource(step).List(ctx, metav1.ListOptions{Limit: 100})
	if err != nil {
		return true // then it is not known, and not called well
	}
	for i := range list.Items {
		if observed, _ := list.Items[i].Object["status"].(map[string]any); len(observed) > 0 {
			return true
		}
	}
	return false
}

// unwell makes a failure of an object's state.
func (a *attempt) unwell(ctx context.Context, u unhealthy, what string) *failure {
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
