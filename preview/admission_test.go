package preview

import (
	"errors"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const policyThatMutates = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NAME}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{metadata: Object.metadata{labels: {"injected": "yes"}}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME}
`

// TestWhatAPolicyMutatesIsASuspect takes away live what a policy adds: only asking
// the API server shows that it would come back.
func TestWhatAPolicyMutatesIsASuspect(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", configuration)
	check(t, b.plan(configuration, configuration), "\nnone ConfigMap settings\n")
	b.apply("slipway", strings.ReplaceAll(policyThatMutates, "NAME", b.namespace))
	b.until(func() bool { return b.plan(configuration, configuration).Changes[0].Action != None })
	check(t, b.plan(configuration, configuration), `
update ConfigMap settings
  metadata.labels: null -> {"injected":"yes"} (already drifted)
`)
}

func TestWhichWebhooksMayMatch(t *testing.T) {
	deployments := servedKind{resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, namespaced: true}
	live := map[string]any{"metadata": map[string]any{"namespace": "shop", "labels": map[string]any{"app": "web"}}}
	rule := func(operations []admissionv1.OperationType, groups, versions, resources []string) []admissionv1.RuleWithOperations {
		return []admissionv1.RuleWithOperations{{Operations: operations, Rule: admissionv1.Rule{APIGroups: groups, APIVersions: versions, Resources: resources}}}
	}
	update := []admissionv1.OperationType{admissionv1.Update}
	all := rule([]admissionv1.OperationType{admissionv1.OperationAll}, []string{"*"}, []string{"*"}, []string{"*"})
	exact := admissionv1.Exact
	label := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	for _, test := range []struct {
		name       string
		rules      []admissionv1.RuleWithOperations
		policy     *admissionv1.MatchPolicyType
		namespaces *metav1.LabelSelector
		objects    *metav1.LabelSelector
		want       bool
	}{
		{name: "everything", rules: all, want: true},
		{name: "every resource and subresource", rules: rule(update, []string{"*"}, []string{"*"}, []string{"*/*"}), want: true},
		{name: "just this", rules: rule(update, []string{"apps"}, []string{"v1"}, []string{"deployments"}), want: true},
		{name: "on creation only", rules: rule([]admissionv1.OperationType{admissionv1.Create}, []string{"apps"}, []string{"v1"}, []string{"deployments"})},
		{name: "another resource", rules: rule(update, []string{"apps"}, []string{"v1"}, []string{"daemonsets"})},
		{name: "an equivalent version", rules: rule(update, []string{"extensions"}, []string{"v1beta1"}, []string{"deployments"}), want: true},
		{name: "another version, exactly", rules: rule(update, []string{"apps"}, []string{"v1beta1"}, []string{"deployments"}), policy: &exact},
		{name: "its namespace", rules: all, namespaces: label("team", "shop"), want: true},
		{name: "another namespace", rules: all, namespaces: label("team", "other")},
		{name: "its label", rules: all, objects: label("app", "web"), want: true},
		{name: "a label that it will have", rules: all, objects: label("new", "yes"), want: true},
		{name: "another label", rules: all, objects: label("app", "db")},
	} {
		t.Run(test.name, func(t *testing.T) {
			var a admission
			a.add(test.rules, test.policy, test.namespaces, test.objects)
			payload := map[string]any{"metadata": map[string]any{"labels": map[string]any{"new": "yes"}}}
			readable := &namespaceIndex{read: func(string) namespaceState { return namespaceState{labels: labels.Set{"team": "shop"}} }}
			if got := a.mayMutate(deployments, payload, live, readable); got != test.want {
				t.Errorf("may mutate: %v", got)
			}
			unreadable := &namespaceIndex{read: func(string) namespaceState { return namespaceState{err: errors.New("no")} }}
			if test.namespaces != nil && !a.mayMutate(deployments, payload, live, unreadable) {
				t.Error("a namespace that cannot be read must count as a match")
			}
		})
	}
	if !(admission{unreadable: true}).mayMutate(deployments, live, live, nil) {
		t.Error("where the configuration cannot be read, everything is a suspect")
	}
}
