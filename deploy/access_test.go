package deploy

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/fixtures/cluster"
)

// manifests are the YAML blocks of the page on deploying.
func manifests(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile("../docs/deploying.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for i, part := range strings.Split(string(page), "```") {
		if block, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// TestManifestsOfThePageSuffice walks through a deploy with what the page says and
// nothing more.
func TestManifestsOfThePageSuffice(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	blocks := manifests(t)
	if len(blocks) != 2 {
		t.Fatalf("%d manifests on the page", len(blocks))
	}
	// The namespace is there when another test was first: apply takes both.
	b.kubectlAnywhere(blocks[0])
	b.kubectlAnywhere(strings.ReplaceAll(blocks[1], "namespace: shop", "namespace: "+b.namespace))
	own, err := b.real.ServiceAccount(b.context(), inventory.Namespace, "slipway")
	if err != nil {
		t.Fatal(err)
	}
	account := rest.CopyConfig(own)
	account.Impersonate.UserName = "system:serviceaccount:" + b.namespace + ":deployer"
	b.cluster = b.connectAs("by the page", account, own)
	b.create("kubectl-client-side-apply", configMap("old", "0"))

	documents := join(maps("a", "b", "old"), deploymentOf("web", "1.4.0"))
	waiting := b.apply(b.request(documents))
	b.want(waiting, Waiting)
	b.say(inventory.Apply, waiting.Digest)
	b.want(b.apply(b.request(documents)), Applied)
	b.want(b.apply(b.request(documents)), Unchanged)
	b.deployed(join(maps("a", "old"), deploymentOf("web", "1.4.1")))
	b.sync.Timeout = Duration(long)
	b.want(b.apply(b.request(join(maps("a", "old"), deploymentOf("web", "1.4.2-crash")))), Failed, "CrashLoopBackOff")
	if _, _, err := b.cluster.Records(b.context(), "acme/nothing"); err != nil {
		t.Error(err)
	}
	retired := b.request("")
	retired.Rendered = nil
	waiting = b.apply(retired)
	b.say(inventory.Confirm, word(t, waiting.Hint, "confirm"))
	b.want(b.apply(retired), Applied)

	b.mayNot(own, account)
}

// mayNot checks what the two identities must not be able to do.
func (b *bed) mayNot(own, account *rest.Config) {
	b.t.Helper()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x"}}
	for _, test := range []struct {
		who       string
		config    *rest.Config
		namespace string
	}{
		{"Slipway itself", own, b.namespace},
		{"the deployer", account, inventory.Namespace},
	} {
		_, err := clientsOf(b.t, test.config).CoreV1().ConfigMaps(test.namespace).Create(b.context(), configMap, metav1.CreateOptions{})
		if !apierrors.IsForbidden(err) {
			b.t.Errorf("%s writes in %s: %v", test.who, test.namespace, err)
		}
	}
	other := rest.CopyConfig(own)
	other.Impersonate.UserName = "system:serviceaccount:" + b.namespace + ":default"
	if _, err := clientsOf(b.t, other).CoreV1().ConfigMaps(b.namespace).Get(b.context(), "a", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		b.t.Errorf("Slipway acts as a service account that was not granted: %v", err)
	}
}

func (b *bed) kubectlAnywhere(manifest string) {
	b.t.Helper()
	namespace := b.namespace
	b.namespace = "" // the manifest says
	defer func() { b.namespace = namespace }()
	b.kubectl(manifest, "apply", "--server-side", "-f", "-")
}

// TestPlaceOfRecords is about a cluster that has never seen Slipway.
func TestPlaceOfRecords(t *testing.T) {
	t.Parallel()
	real := cluster.StartT(t, cluster.Options{Name: "never-seen"})
	b := bedIn(t, real)
	admin := real.Config()
	may := func(user string, rules ...rbacv1.PolicyRule) {
		t.Helper()
		roles := clientsOf(t, admin).RbacV1()
		meta := metav1.ObjectMeta{Name: user}
		if _, err := roles.ClusterRoles().Create(b.context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := roles.ClusterRoleBindings().Create(b.context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: user}},
		}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	may("records-only", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"*"}})

	b.cluster = b.connectAs("nobody", admin, real.User("nobody"))
	b.want(b.apply(b.request(maps("a"))), Refused, "may not keep its records", "docs/deploying.md")
	b.cluster = b.connectAs("records-only", admin, real.User("records-only"))
	b.want(b.apply(b.request(maps("a"))), Refused, "slipway-system, where records and leases are kept, is not there", "kubectl create namespace slipway-system")
	b.wantField("gone", "ConfigMap", "a")
	b.cluster = b.connectAs("admin", admin, admin)
	b.want(b.apply(b.request(maps("a"))), Applied)
	b.cluster = b.connectAs("records-only", admin, real.User("records-only"))
	b.want(b.apply(b.request(maps("b"))), Refused, "leases", "docs/deploying.md")

	// What it may is taken away from one that has begun: it does not wait for ever.
	may("for-a-while", rbacv1.PolicyRule{APIGroups: []string{"", "coordination.k8s.io"}, Resources: []string{"configmaps", "leases"}, Verbs: []string{"*"}})
	b.cluster = b.connectAs("for-a-while", admin, real.User("for-a-while"))
	b.want(b.apply(b.request(maps("a", "c"))), Applied)
	roles := clientsOf(t, admin).RbacV1().ClusterRoles()
	role, err := roles.Get(b.context(), "for-a-while", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules[0].Resources = []string{"configmaps"}
	if _, err := roles.Update(b.context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for ctx := b.context(); b.cluster.mayLease(ctx) == nil; { // the API server hears of it a moment later
		if ctx.Err() != nil {
			t.Fatal("it may still take leases")
		}
	}
	b.want(b.apply(b.request(maps("a", "d"))), Refused, "leases", "docs/deploying.md")
	b.wantField("gone", "ConfigMap", "d")
}

// TestRestartOfTheAPIServer restarts it between two writes, and again while the
// health of a Deployment is awaited.
func TestRestartOfTheAPIServer(t *testing.T) {
	t.Parallel()
	real := cluster.StartT(t, cluster.Options{Name: "restarted"})
	b := bedIn(t, real)
	b.cluster.options.LeaseDuration = time.Minute
	b.cluster.options.Parallel = 1
	b.sync.Retry.Limit = 60
	b.sync.Retry.Backoff.MaxDuration = Duration(time.Second)
	request := b.request(join(maps("a", "b", "c"), deploymentOf("web", "1.4.0")))
	written := func(n int) func(Receipt) bool {
		return func(r Receipt) bool {
			count := 0
			for _, o := range r.Objects {
				if o.State == ObjectApplied || o.State == ObjectHealthy {
					count++
				}
			}
			return count == n
		}
	}
	back, restarted := make(chan struct{}), make(chan struct{})
	half := once(written(2), func() {
		real.StopAPIServer()
		go func() {
			defer close(back)
			if err := real.StartAPIServer(context.Background()); err != nil {
				t.Error(err)
			}
		}()
	})
	all := once(written(4), func() {
		go func() {
			defer close(restarted)
			<-back
			if err := real.RestartAPIServer(context.Background()); err != nil {
				t.Error(err)
				return
			}
			// There are no controllers here; the test is the Deployment's.
			b.patch("test", "Deployment", "web", `{"status":{"observedGeneration":1,"replicas":1,"updatedReplicas":1,"readyReplicas":1,"availableReplicas":1,
				"conditions":[{"type":"Available","status":"True"},{"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable"}]}}`, "status")
		}()
	})
	request.Progress = func(r Receipt) { half(r); all(r) }
	b.want(b.apply(request), Applied)
	<-restarted
	b.wantOwned("ConfigMap a, ConfigMap b, ConfigMap c, Deployment web")
}
