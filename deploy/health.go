package deploy

import (
	"fmt"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/preview"
)

// A health is what a live object says of itself.
type health struct {
	state   healthState
	message string
}

type healthState int

const (
	progressing healthState = iota // or nobody knows yet
	healthy
	silent // nobody has reported on it yet
	broken // it will not get better by waiting
)

// healthOf judges a live object at the generation that its controller has seen;
// nil for one that is not there. unbound says whether a claim without a volume is
// not to be waited for.
func healthOf(step preview.Step, live map[string]any, unbound func(map[string]any) bool) health {
	if live == nil {
		return health{progressing, "it is not there"}
	}
	result, err := status.Compute(&unstructured.Unstructured{Object: live})
	if err != nil {
		return health{progressing, err.Error()}
	}
	switch {
	case result.Status == status.TerminatingStatus:
		return health{progressing, "it is being deleted"}
	case step.Custom && lags(live):
		return health{progressing, "its conditions are of an older generation"}
	}
	if why := resting(step, live); why != "" {
		return health{healthy, why}
	}
	switch result.Status {
	case status.FailedStatus:
		if step.ID.Kind == "CustomResourceDefinition" && ofOtherNames(live) {
			return health{progressing, result.Message}
		}
		return health{broken, result.Message}
	case status.CurrentStatus:
		return current(step, live, result.Message)
	}
	if step.ID.Kind == "PersistentVolumeClaim" && step.ID.Group == "" && unbound(live) {
		return health{healthy, "it will be bound when a pod uses it"}
	}
	return health{progressing, result.Message}
}

// current looks closer at what seems to be well because nothing says otherwise.
func current(step preview.Step, live map[string]any, message string) health {
	observed, _, _ := unstructured.NestedMap(live, "status")
	switch kind := kindOf(step); {
	case step.Custom && step.HasStatus && len(observed) == 0:
		return health{silent, "it has no status yet: no controller has looked at it"}
	case kind == job && !isComplete(live):
		return health{progressing, message}
	case kind == pod && observed["phase"] == "Failed":
		return health{broken, message}
	case kind == statefulSet && isUpdatedByHand(live):
		return byHand(live)
	}
	return health{healthy, message}
}

// The kinds of Kubernetes' own that are looked at closer.
var (
	daemonSet   = schema.GroupKind{Group: "apps", Kind: "DaemonSet"}
	deployment  = schema.GroupKind{Group: "apps", Kind: "Deployment"}
	job         = schema.GroupKind{Group: "batch", Kind: "Job"}
	pod         = schema.GroupKind{Kind: "Pod"}
	statefulSet = schema.GroupKind{Group: "apps", Kind: "StatefulSet"}
)

func kindOf(step preview.Step) schema.GroupKind {
	return schema.GroupKind{Group: step.ID.Group, Kind: step.ID.Kind}
}

// resting says why nothing more will happen to an object until a person does
// something, as Git has it; empty where that is not so.
func resting(step preview.Step, live map[string]any) string {
	yes := func(fields ...string) bool {
		value, _, _ := unstructured.NestedBool(live, fields...)
		return value
	}
	switch kind := kindOf(step); {
	case kind == job && yes("spec", "suspend"):
		return "it is suspended"
	case kind == deployment && yes("spec", "paused") && isObserved(live):
		return "it is paused"
	case kind == daemonSet && isUpdatedByHand(live) && isObserved(live) &&
		number(live, "status", "currentNumberScheduled") >= number(live, "status", "desiredNumberScheduled") &&
		number(live, "status", "updatedNumberScheduled") < number(live, "status", "desiredNumberScheduled"):
		return "its pods become new when they are deleted (OnDelete)"
	}
	return ""
}

// isObserved reports whether the controller has seen the newest generation.
func isObserved(live map[string]any) bool {
	return number(live, "status", "observedGeneration") == number(live, "metadata", "generation")
}

// isUpdatedByHand reports whether a workload's pods stay as they are until somebody
// deletes them.
func isUpdatedByHand(live map[string]any) bool {
	strategy, _, _ := unstructured.NestedString(live, "spec", "updateStrategy", "type")
	return strategy == "OnDelete"
}

// byHand judges a StatefulSet whose pods stay as they are until somebody deletes
// them: it has its pods, and those of them that are new are ready where all are.
func byHand(live map[string]any) health {
	wanted := number(live, "spec", "replicas")
	switch {
	case !isObserved(live):
		return health{progressing, "no controller has looked at it"}
	case number(live, "status", "replicas") < wanted:
		return health{progressing, fmt.Sprintf("Replicas: %d/%d", number(live, "status", "replicas"), wanted)}
	case number(live, "status", "updatedReplicas") < wanted:
		return health{healthy, "its pods become new when they are deleted (OnDelete)"}
	case number(live, "status", "readyReplicas") < wanted:
		return health{progressing, fmt.Sprintf("Ready: %d/%d", number(live, "status", "readyReplicas"), wanted)}
	}
	return health{healthy, "all replicas are ready"}
}

// number returns an integer of a live object; 0 for none.
func number(live map[string]any, fields ...string) int64 {
	value, _, _ := unstructured.NestedInt64(live, fields...)
	return value
}

// lags reports whether a custom resource's conditions, which alone say what they are
// about, are of an older generation: the one named Ready, or else all of them.
func lags(live map[string]any) bool {
	if _, told, _ := unstructured.NestedInt64(live, "status", "observedGeneration"); told {
		return false // it says so as a whole
	}
	generation, newest := number(live, "metadata", "generation"), int64(0)
	for _, condition := range conditionsOf(live) {
		observed, _, _ := unstructured.NestedInt64(condition, "observedGeneration")
		if condition["type"] == "Ready" {
			return observed > 0 && observed < generation
		}
		newest = max(newest, observed)
	}
	return newest > 0 && newest < generation
}

func conditionsOf(live map[string]any) []map[string]any {
	items, _, _ := unstructured.NestedSlice(live, "status", "conditions")
	var conditions []map[string]any
	for _, item := range items {
		if condition, ok := item.(map[string]any); ok {
			conditions = append(conditions, condition)
		}
	}
	return conditions
}

// isComplete reports whether a Job has ended well.
func isComplete(job map[string]any) bool {
	return slices.ContainsFunc(conditionsOf(job), func(condition map[string]any) bool {
		return condition["type"] == "Complete" && condition["status"] == "True"
	})
}

// unhealthy says which object is not healthy, and why.
type unhealthy struct {
	step    preview.Step
	live    map[string]any
	message string
}
