package preview

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// manyLists has the lists whose items Kubernetes tells apart by merge keys.
const manyLists = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s, ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]}
spec:
  template:
    spec:
      containers:
      - name: c
        ports: [{containerPort: 1}, {containerPort: 1, protocol: UDP}]
        env: [{name: E}]
        volumeMounts: [{name: v, mountPath: /v}]
        volumeDevices: [{name: d, devicePath: /d}]
        resources: {claims: [{name: r}]}
      initContainers: [{name: i}]
      ephemeralContainers: [{name: e}]
      volumes: [{name: v}]
      imagePullSecrets: [{name: p}]
      hostAliases: [{ip: 1.1.1.1}]
      topologySpreadConstraints: [{topologyKey: k, whenUnsatisfiable: w, maxSkew: 1}]
      resourceClaims: [{name: r}]
      schedulingGates: [{name: g}]
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 53}, {port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: s}
secrets: [{name: a}]
imagePullSecrets: [{name: b}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: m}
webhooks: [{name: w, matchConditions: [{name: m, expression: e}]}]
`

// TestMergeKeysAreThoseOfKubernetes holds the merge keys that are known without a cluster
// against the schema that Kubernetes publishes for its own kinds.
func TestMergeKeysAreThoseOfKubernetes(t *testing.T) {
	converter := applyconfigurations.NewTypeConverter(scheme.Scheme)
	for _, object := range rendered(t, strings.TrimSpace(manyLists)).Objects {
		u := &unstructured.Unstructured{Object: clone(object.Unmasked()).(map[string]any)}
		typed, err := converter.ObjectToTyped(u)
		if err != nil {
			t.Fatalf("%s: %v", object.ID, err)
		}
		set, err := typed.ToFieldSet()
		if err != nil {
			t.Fatalf("%s: %v", object.ID, err)
		}
		set.Iterate(func(p fieldpath.Path) {
			last := p[len(p)-1]
			if last.Key == nil {
				return
			}
			at, _ := pathOf(p)
			list, _ := at[:len(at)-1].in(object.Unmasked())
			name := at[len(at)-2].key
			items, _ := list.([]any)
			got := listKeys(name, nil, items, items)
			var want []string
			for key := range at[len(at)-1].item {
				want = append(want, key)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: keys %v, Kubernetes has %v", object.ID, at, got, want)
			}
		})
	}
}
