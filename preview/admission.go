package preview

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"golang.org/x/sync/errgroup"
)

// admissionKinds configure what the API server does to a request beside storing
// it. The first three can change objects; what the others add is that an answer
// once given need not be the answer again.
var admissionKinds = []string{
	"MutatingWebhookConfiguration", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
	"ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}

// An admission is what is known of the cluster's admission configuration.
type admission struct {
	// version is a digest of the configuration; empty where it could not be read whole.
	version string
	// young is set where it changed so lately that the API server may not yet act
	// on it: an answer given now need not hold.
	young bool
	// unreadable is set where something that mutates may be there unseen.
	unreadable bool
	mutators   []mutator
}

// A mutator is a webhook or policy that may change objects. What a selector or a
// condition cannot settle here counts as a match.
type mutator struct {
	rules             []admissionv1.RuleWithOperations
	exact             bool // versions and groups as written; else any equivalent
	namespaceSelector labels.Selector
	objectSelector    labels.Selector
}

// readAdmission asks for the admission configuration. What the identity may not
// read is not an error: it makes everything a suspect.
func (c *Cluster) readAdmission(ctx context.Context, kinds *kindSet) admission {
	lists := make([][]map[string]any, len(admissionKinds))
	failed := make([]bool, len(admissionKinds))
	versions := make([]string, len(admissionKinds))
	young := make([]bool, len(admissionKinds))
	var group errgroup.Group
	for i, name := range admissionKinds {
		kind, ok := kinds.anyVersion(schema.GroupKind{Group: admissionv1.GroupName, Kind: name})
		if !ok {
			failed[i] = kinds.failed[admissionv1.GroupName] != nil
			continue
		}
		group.Go(func() error {
			list, err := c.dynamic.Resource(kind.resource).List(ctx, metav1.ListOptions{})
			if err != nil {
				failed[i] = true
				return nil
			}
			for _, item := range list.Items {
				lists[i] = append(lists[i], item.Object)
				young[i] = young[i] || isYoung(item)
				versions[i] += string(item.GetUID()) + "/" + item.GetResourceVersion() + " "
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	a := admission{unreadable: failed[0] || failed[1] || failed[2], young: slices.Contains(young, true)}
	if !slices.Contains(failed, true) {
		sum := sha256.Sum256([]byte(strings.Join(versions, "\n")))
		a.version = hex.EncodeToString(sum[:])
	}
	a.addWebhooks(lists[0])
	a.addPolicies(lists[1], lists[2])
	return a
}

// settling is how long after a change the API server may still act on the
// configuration before it.
const settling = 30 * time.Second

func isYoung(item unstructured.Unstructured) bool {
	if time.Since(item.GetCreationTimestamp().Time) < settling {
		return true
	}
	for _, entry := range item.GetManagedFields() {
		if entry.Time != nil && time.Since(entry.Time.Time) < settling {
			return true
		}
	}
	return false
}

// addWebhooks adds the webhooks of MutatingWebhookConfigurations.
func (a *admission) addWebhooks(configurations []map[string]any) {
	for _, content := range configurations {
		var configuration admissionv1.MutatingWebhookConfiguration
		if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &configuration) != nil {
			a.unreadable = true
			continue
		}
		for _, webhook := range configuration.Webhooks {
			a.add(webhook.Rules, webhook.MatchPolicy, webhook.NamespaceSelector, webhook.ObjectSelector)
		}
	}
}

// addPolicies adds the MutatingAdmissionPolicies that are bound at all.
func (a *admission) addPolicies(policies, bindings []map[string]any) {
	bound := make(map[string]bool)
	for _, binding := range bindings {
		spec, _ := binding["spec"].(map[string]any)
		name, _ := spec["policyName"].(string)
		bound[name] = true
	}
	for _, content := range policies {
		var policy struct {
			metav1.ObjectMeta `json:"metadata"`
			Spec              struct {
				MatchConstraints *admissionv1.MatchResources `json:"matchConstraints"`
			} `json:"spec"`
		}
		if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &policy) != nil {
			a.unreadable = true
			continue
		}
		match := policy.Spec.MatchConstraints
		if !bound[policy.Name] || match == nil {
			continue
		}
		var rules []admissionv1.RuleWithOperations
		for _, rule := range match.ResourceRules {
			rules = append(rules, rule.RuleWithOperations)
		}
		a.add(rules, match.MatchPolicy, match.NamespaceSelector, match.ObjectSelector)
	}
}

func (a *admission) add(rules []admissionv1.RuleWithOperations, policy *admissionv1.MatchPolicyType, namespaces, objects *metav1.LabelSelector) {
	a.mutators = append(a.mutators, mutator{
		rules:             rules,
		exact:             policy != nil && *policy == admissionv1.Exact,
		namespaceSelector: selectorOf(namespaces),
		objectSelector:    selectorOf(objects),
	})
}

// selectorOf returns nil for a selector that matches everything, or that cannot
// be understood and so must count as one.
func selectorOf(selector *metav1.LabelSelector) labels.Selector {
	if selector == nil || len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil
	}
	return parsed
}

// mayMutate reports whether the payload may be changed on its way: to a live object
// that it updates, or to a new one where live is nil.
func (a admission) mayMutate(kind servedKind, payload, live map[string]any, namespaces *namespaceIndex) bool {
	if a.unreadable {
		return true
	}
	for _, m := range a.mutators {
		if m.mayMatch(kind, payload, live, namespaces) {
			return true
		}
	}
	return false
}

func (m mutator) mayMatch(kind servedKind, payload, live map[string]any, namespaces *namespaceIndex) bool {
	operation, object := admissionv1.Update, live
	if live == nil {
		operation, object = admissionv1.Create, payload
	}
	if !slices.ContainsFunc(m.rules, func(rule admissionv1.RuleWithOperations) bool { return m.ruleMatches(rule, operation, kind) }) {
		return false
	}
	if m.objectSelector != nil {
		old, wanted := labelsOf(object), labelsOf(payload)
		both := labels.Merge(old, wanted)
		if !m.objectSelector.Matches(old) && !m.objectSelector.Matches(wanted) && !m.objectSelector.Matches(both) {
			return false
		}
	}
	if m.namespaceSelector != nil && kind.namespaced {
		metadata, _ := object["metadata"].(map[string]any)
		namespace, _ := metadata["namespace"].(string)
		if found := namespaces.of(namespace); found.err == nil && !m.namespaceSelector.Matches(found.labels) {
			return false
		}
	}
	return true
}

func (m mutator) ruleMatches(rule admissionv1.RuleWithOperations, operation admissionv1.OperationType, kind servedKind) bool {
	has := func(list []string, want string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, want)
	}
	if !slices.Contains(rule.Operations, admissionv1.OperationAll) && !slices.Contains(rule.Operations, operation) {
		return false
	}
	if rule.Scope != nil && (*rule.Scope == admissionv1.ClusterScope && kind.namespaced ||
		*rule.Scope == admissionv1.NamespacedScope && !kind.namespaced) {
		return false
	}
	if !has(rule.Resources, kind.resource.Resource) && !slices.Contains(rule.Resources, "*/*") {
		return false
	}
	// An equivalent of the resource may be served by another group or version.
	return !m.exact || has(rule.APIGroups, kind.resource.Group) && has(rule.APIVersions, kind.resource.Version)
}

func labelsOf(object map[string]any) labels.Set {
	metadata, _ := object["metadata"].(map[string]any)
	values, _ := metadata["labels"].(map[string]any)
	set := make(labels.Set, len(values))
	for key, value := range values {
		set[key] = fmt.Sprint(value)
	}
	return set
}
