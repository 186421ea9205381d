package deploy

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipwayhq/slipway/preview"
)

// unused returns those of the steps that no live pod needs. A ConfigMap or Secret
// with a generated name has a successor that the new pods use; those that are still
// as they were (of a Job, or where pods are updated by hand, one by one or not now)
// could not be started again without it. Who may not list pods is told of none.
func (a *attempt) unused(ctx context.Context, steps []preview.Step) []preview.Step {
	users := make(map[string]map[use]string) // by namespace
	var free []preview.Step
	for _, step := range steps {
		namespace := step.ID.Namespace
		if users[namespace] == nil {
			users[namespace] = a.usesIn(ctx, namespace)
		}
		if pod, used := users[namespace][use{step.ID.Kind, step.ID.Name}]; used {
			a.mark(step.ID, ObjectKept, "pod "+pod+" still uses it")
			continue
		}
		free = append(free, step)
	}
	return free
}

// A use is a ConfigMap or Secret as pods name it.
type use struct{ kind, name string }

// usesIn returns what the pods of a namespace need, and one pod for each.
func (a *attempt) usesIn(ctx context.Context, namespace string) map[use]string {
	uses := make(map[use]string)
	options := metav1.ListOptions{Limit: 500, FieldSelector: "status.phase!=Succeeded,status.phase!=Failed"}
	for {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		list, err := a.cluster.objects.Resource(podResource).Namespace(namespace).List(ctx, options)
		cancel()
		if err != nil {
			return uses
		}
		for _, pod := range decodePods(list.Items) {
			if pod.DeletionTimestamp == nil {
				usesOf(&pod.Spec, func(u use) { uses[u] = pod.Name })
			}
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return uses
		}
	}
}

// usesOf tells of everything that a pod cannot be started without.
func usesOf(spec *corev1.PodSpec, tell func(use)) {
	for _, volume := range spec.Volumes {
		if source := volume.ConfigMap; source != nil {
			tell(use{"ConfigMap", source.Name})
		}
		if source := volume.Secret; source != nil {
			tell(use{"Secret", source.SecretName})
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ConfigMap != nil {
				tell(use{"ConfigMap", source.ConfigMap.Name})
			}
			if source.Secret != nil {
				tell(use{"Secret", source.Secret.Name})
			}
		}
	}
	for _, secret := range spec.ImagePullSecrets {
		tell(use{"Secret", secret.Name})
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			usesOfContainer(&containers[i], tell)
		}
	}
}

func usesOfContainer(container *corev1.Container, tell func(use)) {
	for _, from := range container.EnvFrom {
		if from.ConfigMapRef != nil {
			tell(use{"ConfigMap", from.ConfigMapRef.Name})
		}
		if from.SecretRef != nil {
			tell(use{"Secret", from.SecretRef.Name})
		}
	}
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			continue
		}
		if from := variable.ValueFrom.ConfigMapKeyRef; from != nil {
			tell(use{"ConfigMap", from.Name})
		}
		if from := variable.ValueFrom.SecretKeyRef; from != nil {
			tell(use{"Secret", from.Name})
		}
	}
}
