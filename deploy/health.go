package deploy

import (
	"regexp"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
	switch result.Status {
	case status.FailedStatus:
		if step.ID.Kind == "CustomResourceDefinition" && ofOtherNames(live) {
			return health{progressing, result.Message}
		}
		return health{broken, result.Message}
	case status.TerminatingStatus:
		return health{progressing, "it is being deleted"}
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
	switch {
	case step.Custom && step.HasStatus && len(observed) == 0:
		return health{silent, "it has no status yet: no controller has looked at it"}
	case step.ID.Kind == "Job" && step.ID.Group == "batch" && !isComplete(live):
		return health{progressing, message}
	}
	return health{healthy, message}
}

// inUse is how an API server says which of a CRD's names it does not accept.
var inUse = regexp.MustCompile(`"([^"]+)" is already in use`)

// ofOtherNames reports whether a CRD's status refuses names that it does not ask for any
// more: it is from before the last write, which no observed generation tells of a CRD.
func ofOtherNames(crd map[string]any) bool {
	names, _, _ := unstructured.NestedMap(crd, "spec", "names")
	conditions, _, _ := unstructured.NestedSlice(crd, "status", "conditions")
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["type"] != "NamesAccepted" || condition["status"] != "False" {
			continue
		}
		message, _ := condition["message"].(string)
		for _, refused := range inUse.FindAllStringSubmatch(message, -1) {
			if !asksFor(names, refused[1]) {
				return true
			}
		}
	}
	return false
}

// asksFor reports whether a CRD's names have one.
func asksFor(names map[string]any, name string) bool {
	for _, field := range []string{"plural", "singular", "kind", "listKind"} {
		if names[field] == name {
			return true
		}
	}
	short, _, _ := unstructured.NestedStringSlice(names, "shortNames")
	return slices.Contains(short, name)
}

// isComplete reports whether a Job has ended well, or is not to begin.
func isComplete(job map[string]any) bool {
	if suspended, _, _ := unstructured.NestedBool(job, "spec", "suspend"); suspended {
		return true
	}
	conditions, _, _ := unstructured.NestedSlice(job, "status", "conditions")
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["type"] == "Complete" && condition["status"] == "True" {
			return true
		}
	}
	return false
}

// unhealthy says which object is not healthy, and why.
type unhealthy struct {
	step    preview.Step
	live    map[string]any
	message string
}
