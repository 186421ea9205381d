package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
)

func TestFirstContactWaitsForAWord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.create("somebody", configMap("theirs", "0"))
	documents := maps("mine", "theirs")
	waiting := b.apply(b.request(documents))
	b.want(waiting, Waiting, "ConfigMap "+b.namespace+"/theirs would be taken over", "/apply test/"+b.namespace)
	if waiting.Plan == nil || waiting.Plan.Counts()[preview.Update] != 1 {
		t.Errorf("the plan does not show it: %+v", waiting.Plan)
	}
	b.wantOwned("no record")
	b.wantField(`"0"`, "ConfigMap", "theirs", "data", "value")
	b.wantField("gone", "ConfigMap", "mine")

	b.say(inventory.Apply, "another digest")
	b.want(b.apply(b.request(documents)), Waiting)
	b.say(inventory.Apply, waiting.Digest)
	b.want(b.apply(b.request(documents)), Applied)
	b.wantField(`"1"`, "ConfigMap", "theirs", "data", "value")
	b.wantOwned("ConfigMap mine, ConfigMap theirs")
	b.want(b.apply(b.request(documents)), Unchanged)
}

func TestNotAutomaticWaitsForAWord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.sync.Automatic = false
	waiting := b.apply(b.request(maps("a")))
	b.want(waiting, Waiting, "sync.automatic: false", "/apply test/"+b.namespace)
	b.say(inventory.Apply, waiting.Digest)
	b.say(inventory.Apply, waiting.Digest) // twice is once
	if words := b.record().Words; len(words) != 1 {
		t.Errorf("words: %v", words)
	}
	b.want(b.apply(b.request(maps("a"))), Applied)
	b.want(b.apply(b.request(maps("a"))), Unchanged)
	b.want(b.apply(b.request(maps("a", "b"))), Waiting)
}

func TestAWordAppliesWhatIsDeployedAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	digest := b.deployed(maps("a")).Digest
	b.patch("kubectl-edit", "ConfigMap", "a", `{"data":{"value":"by hand"}}`)
	b.want(b.apply(b.request(maps("a"))), Unchanged) // drift is another matter
	b.say(inventory.Apply, digest)
	b.want(b.apply(b.request(maps("a"))), Applied)
	b.wantField(`"1"`, "ConfigMap", "a", "data", "value")
}

func (b *bed) kubectl(stdin string, args ...string) {
	b.t.Helper()
	config := filepath.Join(b.t.TempDir(), "kubeconfig")
	if err := b.real.Kubeconfig(config); err != nil {
		b.t.Fatal(err)
	}
	args = append(args, "--kubeconfig", config, "--cache-dir", b.t.TempDir())
	if b.namespace != "" {
		args = append(args, "--namespace", b.namespace)
	}
	command := exec.CommandContext(b.context(), b.real.Kubectl(), args...)
	command.Stdin, command.Env = strings.NewReader(stdin), os.Environ()
	if out, err := command.CombinedOutput(); err != nil {
		b.t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
}

// What kubectl applied and Git does not have goes away, as the plan says.
func TestTakeOverFromKubectlApply(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.kubectl("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {team: shop}}\ndata: {value: '0', old: gone}\n", "apply", "-f", "-")
	waiting := b.apply(b.request(configMap("a", "1")))
	b.want(waiting, Waiting)
	b.say(inventory.Apply, waiting.Digest)
	b.want(b.apply(b.request(configMap("a", "1"))), Applied)
	b.wantField(`{"value":"1"}`, "ConfigMap", "a", "data")
	b.wantField("null", "ConfigMap", "a", "metadata", "labels")
	for _, entry := range b.live("ConfigMap", "a")["metadata"].(map[string]any)["managedFields"].([]any) {
		if manager := entry.(map[string]any)["manager"]; manager != "slipway" {
			t.Errorf("%v still owns fields", manager)
		}
	}
	// The take-over was all that the plan said: the next one finds nothing.
	plan := b.cluster.preview.Plan(b.context(), []preview.Request{{Target: b.target, Head: rendered(t, configMap("a", "1")), Namespace: b.namespace}})[0]
	if counts := plan.Counts(); counts[preview.None] != 1 {
		t.Errorf("planned again: %v", plan.Changes)
	}
}

func TestTakeOverLeavesIgnoredFields(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.kubectl("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {value: '0', theirs: kept}\n", "apply", "-f", "-")
	request := b.request(configMap("a", "1"))
	request.Ignore = []preview.IgnoreRule{{Kind: "ConfigMap", Field: "/data/theirs"}}
	b.say(inventory.Apply, request.Rendered.Digest)
	b.want(b.apply(request), Applied)
	b.wantField(`{"theirs":"kept","value":"1"}`, "ConfigMap", "a", "data")
}

func TestIgnoreRulesHoldInApply(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	rule := []preview.IgnoreRule{{Kind: "ConfigMap", Field: "/data/value"}}
	b.deployed(configMap("a", "1"))
	b.patch("somebody", "ConfigMap", "a", `{"data":{"value":"theirs"}}`)
	second := b.request(configMap("a", "2") + "immutable: false\n")
	second.Ignore = rule
	b.want(b.apply(second), Applied)
	b.wantField(`"theirs"`, "ConfigMap", "a", "data", "value")
	b.wantField("false", "ConfigMap", "a", "immutable")

	// Where only Slipway owns the field, leaving it out would remove it.
	b.deployed(configMap("b", "1") + "\n---\n" + configMap("a", "3"))
	third := b.request(configMap("b", "2") + "\n---\n" + configMap("a", "3") + "immutable: false\n")
	third.Ignore = rule
	b.want(b.apply(third), Applied)
	b.wantField(`"1"`, "ConfigMap", "b", "data", "value")
}

func TestReplicasOfAnAutoscalerAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(deploymentOf("web", "1.4.0"))
	_, err := b.clients.AppsV1().Deployments(b.namespace).UpdateScale(b.context(), "web",
		&autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: b.namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: 3}},
		metav1.UpdateOptions{FieldManager: "kube-controller-manager"})
	if err != nil {
		t.Fatal(err)
	}
	b.deployed(deploymentOf("web", "1.4.1"))
	b.wantField("3", "Deployment", "web", "spec", "replicas")
}

func TestACopysMarkIsNoMark(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(deploymentOf("web", "1.4.0"))
	sets, err := b.clients.AppsV1().ReplicaSets(b.namespace).List(b.context(), metav1.ListOptions{})
	if err != nil || len(sets.Items) != 1 {
		t.Fatalf("%d ReplicaSets, %v", len(sets.Items), err)
	}
	set := sets.Items[0]
	if set.Annotations[markAnnotation] == "" {
		t.Fatal("the Deployment's annotations are not copied any more: this test shows nothing")
	}
	live := map[string]any{"metadata": map[string]any{"annotations": map[string]any{markAnnotation: set.Annotations[markAnnotation]}}}
	id := b.record().Objects[0].ObjectID
	if _, marked := ownerOf(live, id); !marked {
		t.Error("the Deployment itself is not marked by its mark")
	}
	id.Kind, id.Name = "ReplicaSet", set.Name
	if _, marked := ownerOf(live, id); marked {
		t.Error("the ReplicaSet counts as owned")
	}
}
