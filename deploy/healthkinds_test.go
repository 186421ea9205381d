package deploy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// workloadOf is a workload of the kind with more fields in its spec, e.g. "  replicas: 2\n".
func workloadOf(kind, image, more string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: %s
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "registry.example/app:%s"}]
%s`, kind, image, more)
}

// What Git itself keeps from going on is not waited for.
func TestWhatRestsIsHealthy(t *testing.T) {
	t.Parallel()
	const onDelete = "  updateStrategy: {type: OnDelete}\n"
	for _, test := range []struct {
		name    string
		commits []string
	}{
		{"a suspended Job", []string{
			"apiVersion: batch/v1\nkind: Job\nmetadata: {name: later}\nspec:\n  suspend: true\n  template: {spec: {restartPolicy: Never, containers: [{name: app, image: registry.example/app:1}]}}\n",
		}},
		{"a Deployment that is paused from the start", []string{workloadOf("Deployment", "1", "  paused: true\n")}},
		{"a Deployment that is paused later", []string{workloadOf("Deployment", "1", ""), workloadOf("Deployment", "2", "  paused: true\n")}},
		{"a Deployment without replicas", []string{workloadOf("Deployment", "1", "  replicas: 0\n"), workloadOf("Deployment", "2", "  replicas: 0\n")}},
		{"a DaemonSet that is updated by hand", []string{workloadOf("DaemonSet", "1", onDelete), workloadOf("DaemonSet", "2", onDelete)}},
		{"a StatefulSet that is updated by hand", []string{workloadOf("StatefulSet", "1", onDelete), workloadOf("StatefulSet", "2", onDelete)}},
		{"a StatefulSet of which one part is updated", []string{
			workloadOf("StatefulSet", "1", "  replicas: 2\n"), workloadOf("StatefulSet", "2", "  replicas: 2\n  updateStrategy: {rollingUpdate: {partition: 1}}\n"),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			for _, commit := range test.commits {
				b.deployed(commit)
			}
		})
	}
}

// What is updated by hand is healthy only once it has pods.
func TestFirstPodsOfWhatIsUpdatedByHand(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"StatefulSet", "DaemonSet"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.sync.Timeout = Duration(4 * time.Second)
			b.want(b.apply(b.request(workloadOf(kind, "hang", "  updateStrategy: {type: OnDelete}\n"))), Failed, "is not healthy")
		})
	}
}

func TestFailedPodIsNotHealthy(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: once}\nspec: {restartPolicy: Never, terminationGracePeriodSeconds: 0, containers: [{name: app, image: 'registry.example/app:crash'}]}\n"
	b.want(b.apply(b.request(pod)), Failed, "Pod "+b.namespace+"/once has failed", "exit code 1")
}

// Some controllers say of each condition alone which generation it is about.
func TestConditionsOfAnOlderGeneration(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cleanCRD("widgets")
	widgets := b.dynamic.Resource(widgetsOf(b)).Namespace(b.namespace)
	says := func(status string) {
		if _, err := widgets.Patch(b.context(), "one", types.MergePatchType, []byte(`{"status":`+status+`}`), metav1.PatchOptions{}, "status"); err != nil {
			t.Error(err)
		}
	}
	widget := func(size string) string {
		return join(b.definition("widgets", "Widget"), strings.Replace(b.custom("Widget", "one"), "size: 1", "size: "+size, 1))
	}
	b.cluster.silence = time.Second
	b.deployed(widget("1"))
	says(`{"conditions":[{"type":"Ready","status":"True","observedGeneration":1}]}`)
	b.sync.Timeout = Duration(2 * time.Second)
	b.want(b.apply(b.request(widget("2"))), Failed, "its conditions are of an older generation")

	// One that has failed at an older generation has not failed at this one.
	says(`{"conditions":[{"type":"Ready","status":"False","observedGeneration":2},{"type":"Stalled","status":"True","observedGeneration":2}]}`)
	b.sync.Timeout = Duration(time.Minute)
	request := b.request(widget("3"))
	waits := func(r Receipt) bool {
		for _, o := range r.Objects {
			if o.State == ObjectApplied && o.Message == "its conditions are of an older generation" {
				return true
			}
		}
		return false
	}
	request.Progress = once(waits, func() {
		go says(`{"conditions":[{"type":"Ready","status":"True","observedGeneration":3},{"type":"Stalled","status":"False","observedGeneration":3}]}`)
	})
	b.want(b.apply(request), Applied)
}

func TestLags(t *testing.T) {
	for _, test := range []struct {
		name   string
		status map[string]any
		want   bool
	}{
		{"no status", nil, false},
		{"conditions that say nothing of it", conditions(map[string]any{"type": "Ready"}), false},
		{"ready, now", conditions(map[string]any{"type": "Ready", "observedGeneration": int64(3)}), false},
		{"ready, before", conditions(map[string]any{"type": "Ready", "observedGeneration": int64(2)}), true},
		{"another's does not count beside it", conditions(map[string]any{"type": "Made", "observedGeneration": int64(1)}, map[string]any{"type": "Ready"}), false},
		{"the newest of others", conditions(map[string]any{"type": "Made", "observedGeneration": int64(1)}, map[string]any{"type": "Programmed", "observedGeneration": int64(3)}), false},
		{"all others are old", conditions(map[string]any{"type": "Made", "observedGeneration": int64(1)}, map[string]any{"type": "Programmed", "observedGeneration": int64(2)}), true},
	} {
		live := map[string]any{"metadata": map[string]any{"generation": int64(3)}, "status": test.status}
		if got := lags(live); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
	told := conditions(map[string]any{"type": "Ready", "observedGeneration": int64(2)})
	told["observedGeneration"] = int64(3)
	if lags(map[string]any{"metadata": map[string]any{"generation": int64(3)}, "status": told}) {
		t.Error("what the status says as a whole does not count")
	}
}

func conditions(all ...any) map[string]any { return map[string]any{"conditions": all} }

// Health by kinds that a test cluster has no controllers for.
func TestHealthOfLive(t *testing.T) {
	step := func(group, kind string) preview.Step {
		return preview.Step{ID: render.ObjectID{Group: group, Kind: kind, Namespace: "shop", Name: "x"}}
	}
	for _, test := range []struct {
		name string
		step preview.Step
		live map[string]any
		want healthState
	}{
		{"a paused Deployment that had not come on", step("apps", "Deployment"), map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"generation": int64(2)}, "spec": map[string]any{"paused": true},
			"status": map[string]any{"observedGeneration": int64(2), "conditions": []any{map[string]any{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}}},
		}, healthy},
		{"one whose pause was not seen yet", step("apps", "Deployment"), map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"generation": int64(2)}, "spec": map[string]any{"paused": true},
			"status": map[string]any{"observedGeneration": int64(1)},
		}, progressing},
		{"a StatefulSet that is updated by hand and has no status", step("apps", "StatefulSet"), map[string]any{
			"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": map[string]any{"generation": int64(1)},
			"spec": map[string]any{"replicas": int64(1), "updateStrategy": map[string]any{"type": "OnDelete"}}, "status": map[string]any{"replicas": int64(0)},
		}, progressing},
	} {
		if got := healthOf(test.step, test.live, func(map[string]any) bool { return false }); got.state != test.want {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}
