package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/preview"
)

var (
	podResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	replicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
)

// workload reports whether objects of the kind have pods that know why they are
// not well.
func workload(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"}, kind)
}

// reasonOf says why a workload is not healthy in the words of its newest pods;
// empty where they, or whoever may not read them, say nothing.
func (a *attempt) reasonOf(ctx context.Context, step preview.Step, live map[string]any) string {
	if live == nil || !workload(step.ID.Kind) {
		return ""
	}
	pods := a.podsOf(ctx, step, live)
	slices.SortFunc(pods, func(x, y corev1.Pod) int {
		if c := y.CreationTimestamp.Compare(x.CreationTimestamp.Time); c != 0 {
			return c
		}
		return strings.Compare(x.Name, y.Name)
	})
	for i := range pods {
		if reason := podReason(&pods[i]); reason != "" {
			return fmt.Sprintf("pod %s: %s", pods[i].Name, reason)
		}
	}
	return conditionReason(live)
}

// podsOf returns the pods of a workload; of a Deployment, those of its newest
// ReplicaSet.
func (a *attempt) podsOf(ctx context.Context, step preview.Step, live map[string]any) []corev1.Pod {
	if step.ID.Kind == "Pod" {
		return decodePods([]unstructured.Unstructured{{Object: live}})
	}
	text, _, _ := unstructured.NestedMap(live, "spec", "selector")
	var selector metav1.LabelSelector
	if runtime.DefaultUnstructuredConverter.FromUnstructured(text, &selector) != nil {
		return nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil || parsed.Empty() {
		return nil
	}
	owner := uidOf(live)
	options := metav1.ListOptions{LabelSelector: parsed.String(), Limit: 500}
	if step.ID.Kind == "Deployment" {
		owner = ""
		if sets, err := a.cluster.objects.Resource(replicaSets).Namespace(step.ID.Namespace).List(ctx, options); err == nil {
			owner = newestSet(sets.Items, live)
		}
	}
	list, err := a.cluster.objects.Resource(podResource).Namespace(step.ID.Namespace).List(ctx, options)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(decodePods(list.Items), func(pod corev1.Pod) bool {
		controller := metav1.GetControllerOf(&pod)
		return owner != "" && (controller == nil || string(controller.UID) != owner)
	})
}

// newestSet returns the UID of the ReplicaSet with the Deployment's own revision.
func newestSet(sets []unstructured.Unstructured, deployment map[string]any) string {
	const revision = "deployment.kubernetes.io/revision"
	wanted := (&unstructured.Unstructured{Object: deployment}).GetAnnotations()[revision]
	for i := range sets {
		controller := metav1.GetControllerOf(&sets[i])
		if controller != nil && string(controller.UID) == uidOf(deployment) && sets[i].GetAnnotations()[revision] == wanted {
			return string(sets[i].GetUID())
		}
	}
	return ""
}

func decodePods(items []unstructured.Unstructured) []corev1.Pod {
	pods := make([]corev1.Pod, 0, len(items))
	for i := range items {
		var pod corev1.Pod
		if runtime.DefaultUnstructuredConverter.FromUnstructured(items[i].Object, &pod) == nil {
			pods = append(pods, pod)
		}
	}
	return pods
}

// podReason says why a pod is not well; empty when it is, or does not know.
func podReason(pod *corev1.Pod) string {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		switch state := s.State; {
		case s.Ready || s.Started != nil && *s.Started && state.Running != nil && s.Ready:
		case state.Waiting != nil && state.Waiting.Reason != "" && state.Waiting.Reason != "PodInitializing":
			reason := fmt.Sprintf("container %s: %s", s.Name, joined(state.Waiting.Reason, state.Waiting.Message))
			if last := s.LastTerminationState.Terminated; last != nil {
				reason += fmt.Sprintf(" (last exit code %d%s)", last.ExitCode, bracket(last.Reason))
			}
			return reason
		case state.Terminated != nil && state.Terminated.ExitCode != 0:
			return fmt.Sprintf("container %s: ended with exit code %d%s", s.Name, state.Terminated.ExitCode, bracket(joined(state.Terminated.Reason, state.Terminated.Message)))
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return joined(c.Reason, c.Message)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionFalse && c.Reason != "PodCompleted" {
			return joined(c.Reason, c.Message)
		}
	}
	return ""
}

// conditionReason says what a workload's own conditions complain of, e.g. a quota
// that leaves it without pods.
func conditionReason(live map[string]any) string {
	conditions, _, _ := unstructured.NestedSlice(live, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		reason, _ := c["reason"].(string)
		message, _ := c["message"].(string)
		if c["type"] == "ReplicaFailure" && c["status"] == "True" || c["type"] == "Failed" && c["status"] == "True" {
			return joined(reason, message)
		}
	}
	return ""
}

func joined(reason, message string) string {
	switch {
	case message == "":
		return reason
	case reason == "":
		return message
	}
	return reason + ": " + message
}

func bracket(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}
