package preview

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
)

func TestScope(t *testing.T) {
	id := func(s string) render.ObjectID {
		part := strings.Split(s, " ") // kind.group namespace name
		kind, group, _ := strings.Cut(part[0], ".")
		return render.ObjectID{Group: group, Kind: kind, Namespace: strings.Trim(part[1], "-"), Name: part[2]}
	}
	shop := Scope{Namespaces: []string{"shop-*"}}
	rules := Scope{Namespaces: []string{"shop"}, ClusterScoped: []string{"ClusterRole.rbac.authorization.k8s.io", "*.cert-manager.io", "PriorityClass"}}
	for _, test := range []struct {
		name   string
		scope  Scope
		object string
		inside bool
	}{
		{"in a granted namespace", shop, "ConfigMap shop-a a", true},
		{"in another", shop, "ConfigMap kube-system a", false},
		{"in one whose name goes on", rules, "ConfigMap shop-a a", false},
		{"the granted namespace itself", shop, "Namespace - shop-a", true},
		{"another namespace itself", shop, "Namespace - kube-system", false},
		{"a kind called Namespace of somebody's", shop, "Namespace.example.com - shop-a", false},
		{"in any namespace", Scope{}, "ConfigMap kube-system a", true},
		{"in the reserved one, where any is granted", Scope{Reserved: "slipway-system"}, "ConfigMap slipway-system a", false},
		{"in the reserved one, by a pattern", Scope{Namespaces: []string{"*"}, Reserved: "slipway-system"}, "ConfigMap slipway-system a", false},
		{"in the reserved one, by its name", Scope{Namespaces: []string{"slipway-system"}, Reserved: "slipway-system"}, "ConfigMap slipway-system a", true},
		{"in none, where any namespace is granted", Scope{}, "ClusterRole.rbac.authorization.k8s.io - a", false},
		{"a granted kind", rules, "ClusterRole.rbac.authorization.k8s.io - a", true},
		{"a kind of the same name", rules, "ClusterRole.example.com - a", false},
		{"a kind of a granted group", rules, "ClusterIssuer.cert-manager.io - a", true},
		{"a kind by its name alone", rules, "PriorityClass.scheduling.k8s.io - a", true},
		{"a kind next to a granted one", rules, "ClusterRoleBinding.rbac.authorization.k8s.io - a", false},
		{"every kind", Scope{ClusterScoped: []string{"*"}}, "CustomResourceDefinition.apiextensions.k8s.io - a", true},
	} {
		object := id(test.object)
		refused := test.scope.refuses(object, object.Namespace != "")
		if (refused == nil) != test.inside {
			t.Errorf("%s: %+v, want inside: %v", test.name, refused, test.inside)
		}
		if refused != nil && (refused.action != Refused || refused.hint == "" || !strings.Contains(refused.reason, "not granted")) {
			t.Errorf("%s: %+v says neither what is wrong nor what to do", test.name, refused)
		}
	}
}

// What is not granted is refused, and no request about it leaves: neither a read nor
// a dry run. What is granted beside it is planned as ever.
func TestOutsideTheScopeNothingIsRead(t *testing.T) {
	b := newBed(t)
	scoped := b.as(b.cluster.Config(), ClusterOptions{Scope: &Scope{Namespaces: []string{b.namespace}}})
	plan := b.planAs(scoped, "", `apiVersion: v1
kind: ConfigMap
metadata: {name: ours}
data: {a: one}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-root-ca.crt, namespace: kube-system}
data: {ca.crt: mine}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-admin}
rules: []
`)
	want := map[string]Action{"ours": Create, "kube-root-ca.crt": Refused, "cluster-admin": Refused}
	for _, change := range plan.Changes {
		if change.Action != want[change.ID.Name] {
			t.Errorf("%s is %s (%s), want %s", change.ID, change.Action, change.Reason, want[change.ID.Name])
		}
		if change.Action == Refused && len(change.Fields) > 0 {
			t.Errorf("%s is refused, and shows %+v", change.ID, change.Fields)
		}
	}
	if len(plan.Changes) != len(want) {
		t.Errorf("%d changes, want %d", len(plan.Changes), len(want))
	}
	deletion := b.planAs(scoped, `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-admin}
`, "")
	if got := deletion.Changes[0].Action; got != Refused {
		t.Errorf("what is not granted would be deleted: %s", got)
	}
}
