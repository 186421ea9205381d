package preview

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/render"
)

func TestAutoscalersReplicasAreLeftAlone(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment)
	b.patch("kube-controller-manager", "apps/v1", "Deployment", "web", `{"spec":{"replicas":9}}`, "scale")
	check(t, b.plan(deployment, deployment), `
none Deployment web
  warning spec.replicas is left to kube-controller-manager, which scales this object: Git wants 2, live are 9
`)
	// Git lets go of the field: no reset to 1.
	without := strings.Replace(deployment, "  replicas: 2\n", "", 1)
	check(t, b.plan(deployment, without), "\nnone Deployment web\n")
	b.patch("kubectl", "apps/v1", "Deployment", "web", `{"spec":{"replicas":3}}`, "scale")
	check(t, b.plan(deployment, deployment), `
update Deployment web
  spec.replicas: 3 -> 2 (already drifted) kubectl
`)
}

// TestAggregatedRulesAreLeftAlone has the API server make a role's rules of other
// roles', whatever Git says of them.
func TestAggregatedRulesAreLeftAlone(t *testing.T) {
	role := func(rules string) string {
		return `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {of: NAME}}]}
` + rules
	}
	const made = "rules: [{apiGroups: [apps], resources: [deployments], verbs: [get]}]\n"
	for _, first := range []string{"slipway", "kubectl", "helm"} {
		t.Run(first, func(t *testing.T) {
			b := newBed(t)
			named := func(document string) string { return strings.ReplaceAll(document, "NAME", b.namespace) }
			none := named("\nnone ClusterRole NAME\n")
			empty, unset := named(role("rules: []\n")), named(role(""))
			b.apply(first, empty)
			check(t, b.plan(empty, empty), none)
			b.apply("clusterrole-aggregation-controller", named(role(made)))
			check(t, b.plan(empty, empty), none)
			check(t, b.plan(unset, unset), none)
			own := named(role("rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n"))
			check(t, b.plan(empty, own), none+
				"  warning rules are left to the API server, which makes them of the roles that aggregationRule selects: those in Git have no effect\n")
		})
	}
}

// TestReplicasAreHandedOver brings an autoscaler, and takes replicas out of Git in
// the same change: the live ones stay.
func TestReplicasAreHandedOver(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment)
	without := strings.Replace(deployment, "  replicas: 2\n", "", 1)
	check(t, b.plan(deployment, without), "\nupdate Deployment web\n  spec.replicas: 2 -> 1 (this pull request)\n")
	hpa := `
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 5}
`
	p := b.plan(deployment, without+hpa)
	if p.Changes[0].Action != None || p.Changes[1].Action != Create {
		t.Errorf("plan: %s", summary(p))
	}
}

func TestTheNamespaceThatApplyingMakes(t *testing.T) {
	b := newBed(t)
	request := Request{Head: rendered(t, configuration), Namespace: "to-be-made"}
	if c := b.preview.Plan(t.Context(), []Request{request})[0].Changes[0]; c.Action != Refused {
		t.Errorf("without it: %+v", c)
	}
	request.CreateNamespace = true
	if c := b.preview.Plan(t.Context(), []Request{request})[0].Changes[0]; c.Action != Create || !c.NotValidated {
		t.Errorf("with it: %+v", c)
	}
}

func TestIgnoreRules(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment)
	b.patch("kubectl-edit", "apps/v1", "Deployment", "web",
		`{"spec":{"replicas":7,"template":{"spec":{"containers":[{"name":"web","image":"nginx:hot"},{"name":"log","image":"fluent:3"}]}}}}`)
	head := strings.Replace(deployment, "value: a", "value: b", 1)
	rules := []IgnoreRule{
		{Kind: "Deployment", Field: "/spec/replicas"},
		{Group: "apps", Kind: "Deployment", Name: "web", Field: "/spec/template/spec/containers/[name=web]/image"},
		{Kind: "Service", Field: "/spec"},
	}
	without := b.planAs(b.preview, deployment, head)
	if n := len(without.Changes[0].Fields); n < 4 {
		t.Errorf("without rules there are %d differences: %s", n, summary(without))
	}
	p := b.planAs(b.preview, deployment, head, rules...)
	for _, f := range p.Changes[0].Fields {
		if f.Path == "spec.replicas" || strings.HasSuffix(f.Path, "[web].image") {
			t.Errorf("an ignored field differs: %+v", f)
		}
	}
	if !strings.Contains(summary(p), `[web].env`) {
		t.Errorf("a field that is not ignored is gone: %s", summary(p))
	}
	// A field of ours that Git changes, and a rule covers, keeps its live value.
	check(t, b.planAs(b.preview, configuration, configuration), "\ncreate ConfigMap settings\n  data: null -> {\"colour\":\"blue\"} (already drifted)\n")
	b.apply("slipway", configuration)
	red := strings.Replace(configuration, "blue", "red", 1)
	check(t, b.planAs(b.preview, configuration, red, IgnoreRule{Kind: "ConfigMap", Field: "/data/*"}), "\nnone ConfigMap settings\n")
}

// until asks again and again, for what the API server takes a moment to do.
func (b *bed) until(done func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		if done() {
			return
		}
	}
	b.t.Fatal("it does not come about")
}

func TestGeneratedNamesAreRenames(t *testing.T) {
	b := newBed(t)
	document := func(hash, colour, name string) string {
		return `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings-` + hash + `}
data: {colour: ` + colour + `, size: big}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ` + name + `}
data: {user: settings-` + hash + `}
`
	}
	base, head := document("7f4dm2gc9h", "blue", "user"), document("k8bt2hc6mf", "red", "user")
	b.apply("slipway", base)
	check(t, b.plan(base, head), `
update ConfigMap settings-k8bt2hc6mf (was settings-7f4dm2gc9h)
  data.colour: "blue" -> "red" (this pull request)
update ConfigMap user
  data.user: "settings-7f4dm2gc9h" -> "settings-k8bt2hc6mf" (this pull request)
`)
	request := Request{Base: rendered(t, base), Head: rendered(t, head)}
	check(t, Offline(request), `
update ConfigMap settings-k8bt2hc6mf (was settings-7f4dm2gc9h) (not validated)
  data.colour: "blue" -> "red" (this pull request)
update ConfigMap user (not validated)
  data.user: "settings-7f4dm2gc9h" -> "settings-k8bt2hc6mf" (this pull request)
`)
}

func TestWarningsAreThoseOfTheObject(t *testing.T) {
	b := newBed(t)
	b.patch("admin", "v1", "Namespace", b.namespace, `{"metadata":{"labels":{"pod-security.kubernetes.io/warn":"restricted"}}}`)
	p := b.plan("", deployment+configuration)
	if w := p.Changes[0].Warnings; len(w) != 1 || !strings.Contains(w[0], "PodSecurity") {
		t.Errorf("warnings of the Deployment: %q", w)
	}
	if w := p.Changes[1].Warnings; len(w) != 0 {
		t.Errorf("warnings of the ConfigMap: %q", w)
	}
}

func TestTwoOwnersAreRefused(t *testing.T) {
	b := newBed(t)
	one := Request{Target: render.Target{Environment: "production", Application: "one"}, Head: rendered(t, configuration), Namespace: b.namespace}
	two := Request{Target: render.Target{Environment: "production", Application: "two"}, Head: rendered(t, configuration+configuration), Namespace: b.namespace}
	plans := b.preview.Plan(t.Context(), []Request{one, two})
	if c := plans[0].Changes[0]; c.Action != Create {
		t.Errorf("the first: %+v", c)
	}
	if c := plans[1].Changes[0]; c.Action != Refused || !strings.Contains(c.Reason, "production/one") {
		t.Errorf("the second: %+v", c)
	}
	if c := Offline(two).Changes[1]; c.Action != Refused || !strings.Contains(c.Reason, "twice") {
		t.Errorf("twice in one: %+v", c)
	}
}

func TestHandingOverIsNoDeletion(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", configuration)
	plans := b.preview.Plan(t.Context(), []Request{
		{Base: rendered(t, configuration), Head: rendered(t, ""), Namespace: b.namespace},
		{Base: rendered(t, ""), Head: rendered(t, configuration), Namespace: b.namespace},
		{Base: rendered(t, configuration), Namespace: b.namespace},
	})
	check(t, plans[0], "\n")
	check(t, plans[1], "\nnone ConfigMap settings\n")
	check(t, plans[2], "\n")
	check(t, b.plan(configuration, ""), "\ndelete ConfigMap settings\n")
}

func TestAnIdentityThatMayNot(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment+configuration)
	secrets := "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: SECRET}\nstringData: {a: b}"
	many := strings.ReplaceAll(secrets, "SECRET", "s1") + strings.ReplaceAll(secrets, "SECRET", "s2") +
		strings.ReplaceAll(secrets, "SECRET", "s3") + strings.ReplaceAll(secrets, "SECRET", "s4")
	b.cluster.GrantDeployer(t, b.namespace, "reader",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}},
		rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "list", "patch"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "patch", "create"}})
	config, err := b.cluster.ServiceAccount(t.Context(), b.namespace, "reader")
	if err != nil {
		t.Fatal(err)
	}
	reader := b.as(config, ClusterOptions{})
	p := b.planAs(reader, deployment+configuration, deployment+configuration+many+`
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: unreadable}
`)
	got := map[string]Action{}
	for _, c := range p.Changes {
		got[c.ID.Kind+" "+c.ID.Name] = c.Action
		if (c.Action == Refused || c.Action == Unknown) && (!strings.Contains(c.Reason, "forbidden") || !strings.Contains(c.Hint, "grant")) {
			t.Errorf("%s %s because %q; %q", c.Action, c.ID, c.Reason, c.Hint)
		}
	}
	want := map[string]Action{
		"Deployment web": None, "ConfigMap settings": Refused, "ServiceAccount unreadable": Unknown,
		"Secret s1": Create, "Secret s2": Create, "Secret s3": Create, "Secret s4": Create,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if c := b.planAs(reader, configuration, "").Changes[0]; c.Action != Refused {
		t.Errorf("a deletion that is not allowed: %+v", c)
	}
}

func TestAnUnreachableCluster(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // it accepts, and never answers
	silent := httptest.NewUnstartedServer(http.NotFoundHandler())
	closed := silent.Listener.Addr().String()
	_ = silent.Listener.Close()
	for name, host := range map[string]string{"nobody there": closed, "nobody answers": listener.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			c, err := NewCluster("production", &rest.Config{Host: "http://" + host}, ClusterOptions{ContactTimeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			request := Request{Base: rendered(t, deployment), Head: rendered(t, configuration)}
			p := c.Plan(t.Context(), []Request{request})[0]
			if p.Live != LiveUnreachable || p.Problem == nil || p.Counts()[Unknown] != 2 || len(p.Changes) != 2 {
				t.Errorf("plan: %+v", p)
			}
			for _, change := range p.Changes {
				if !strings.Contains(change.Reason, "production") {
					t.Errorf("reason: %q", change.Reason)
				}
			}
			// It answered once, and no more.
			c.kinds.set = newKindSet(nil)
			c.kinds.set.at, c.kinds.set.check = time.Now(), &dryRunCheck{}
			if again := c.Plan(t.Context(), []Request{request})[0]; again.Live != LiveUnreachable || again.Counts()[Unknown] != 2 {
				t.Errorf("later: %+v", again)
			}
		})
	}
}

func TestOnlyWhatTakesDryRunsIsAsked(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", crdOf("Raft", "colour"))
	raft := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Raft"}
	b.until(func() bool { // its schema is published a moment later
		return b.preview.takesDryRuns(t.Context(), &dryRunCheck{answers: map[schema.GroupVersionKind]bool{}}, raft)
	})
	foreign := &dryRunCheck{
		answers: map[schema.GroupVersionKind]bool{},
		foreign: map[schema.GroupVersion]bool{{Group: "metrics.example.com", Version: "v1"}: true},
	}
	for _, test := range []struct {
		gvk  schema.GroupVersionKind
		want bool
	}{
		{raft, true}, // not foreign
		{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, true},
		{schema.GroupVersionKind{Group: "metrics.example.com", Version: "v1", Kind: "Metric"}, false}, // nothing published
	} {
		if got := b.preview.takesDryRuns(t.Context(), foreign, test.gvk); got != test.want {
			t.Errorf("%s takes dry runs: %v", test.gvk, got)
		}
	}
	const without = `{"paths":{"/apis/example.com/v1/rafts/{name}":{"patch":{"parameters":[{"name":"force"}],"x-kubernetes-group-version-kind":{"group":"example.com","version":"v1","kind":"Raft"}}}}}`
	if publishesDryRun([]byte(without), raft) {
		t.Error("a PATCH without the parameter is said to take it")
	}
}
