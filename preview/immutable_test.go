package preview

import (
	"strings"
	"testing"
)

// immutableFields are one field of each kind that the API server never changes:
// OLD stands for what it is before and after. Of cluster-wide kinds the name is the
// test's own.
var immutableFields = []struct{ name, document string }{
	{"DaemonSet selector", "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: vOLD}}, template: {metadata: {labels: {app: vOLD}}, spec: {containers: [{name: c, image: c}]}}}"},
	{"Deployment selector", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: vOLD}}, template: {metadata: {labels: {app: vOLD}}, spec: {containers: [{name: c, image: c}]}}}"},
	{"ReplicaSet selector", "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: vOLD}}, template: {metadata: {labels: {app: vOLD}}, spec: {containers: [{name: c, image: c}]}}}"},
	{"StatefulSet service", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {serviceName: vOLD, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: c}]}}}"},
	{"StatefulSet claims", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {serviceName: a, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: c}]}}, volumeClaimTemplates: [{metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: OLDGi}}}}]}"},
	{"StatefulSet selector", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: c}\nspec: {serviceName: a, selector: {matchLabels: {app: vOLD}}, template: {metadata: {labels: {app: vOLD}}, spec: {containers: [{name: c, image: c}]}}}"},
	{"StatefulSet pod management", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: d}\nspec: {serviceName: a, podManagementPolicy: MANAGEMENT, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: c}]}}}"},
	{"ControllerRevision", "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: a}\nrevision: 1\ndata: {a: vOLD}"},
	{"Job template", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: \"c:OLD\"}]}}}"},
	{"Job completion mode", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: b}\nspec: {completions: OLD, template: {spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}}"},
	{"Service cluster IP", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: 10.96.101.1OLD, ports: [{port: 80}]}"},
	{"Service load balancer class", "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {type: LoadBalancer, loadBalancerClass: example.com/vOLD, ports: [{port: 80}]}"},
	{"PersistentVolumeClaim class", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\nspec: {storageClassName: vOLD, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"},
	{"PersistentVolumeClaim size", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: b}\nspec: {storageClassName: x, accessModes: [ReadWriteOnce], resources: {requests: {storage: OLDGi}}}"},
	{"PersistentVolumeClaim modes", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nspec: {storageClassName: x, volumeName: vOLD, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"},
	{"PersistentVolume source", "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: NS}\nspec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /vOLD}}"},
	{"ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nimmutable: true\ndata: {a: vOLD}"},
	{"ConfigMap bytes", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\nimmutable: true\nbinaryData: {a: AAAOLD===}"},
	{"Secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nimmutable: true\nstringData: {a: hushhushOLD}"},
	{"Secret type", "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\ntype: example.com/vOLD\nstringData: {a: hushhush}"},
	{"Pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostname: vOLD, containers: [{name: c, image: c}]}"},
	{"ResourceQuota scopes", "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: a}\nspec: {hard: {pods: 99}, scopes: [SCOPE]}"},
	{"RoleBinding role", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: vOLD}\nsubjects: [{kind: User, name: u, apiGroup: rbac.authorization.k8s.io}]"},
	{"ClusterRoleBinding role", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: NS}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: vOLD}\nsubjects: [{kind: User, name: u, apiGroup: rbac.authorization.k8s.io}]"},
	{"StorageClass parameters", "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: NS-a}\nprovisioner: example.com/p\nparameters: {a: vOLD}"},
	{"StorageClass provisioner", "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: NS-b}\nprovisioner: example.com/vOLD"},
	{"StorageClass reclaim policy", "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: NS-c}\nprovisioner: example.com/p\nreclaimPolicy: RECLAIM"},
	{"StorageClass binding mode", "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: NS-d}\nprovisioner: example.com/p\nvolumeBindingMode: BINDING"},
	{"CSIDriver attach", "apiVersion: storage.k8s.io/v1\nkind: CSIDriver\nmetadata: {name: NS}\nspec: {attachRequired: BOOL}"},
	{"VolumeAttributesClass", "apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata: {name: NS}\ndriverName: example.com\nparameters: {a: vOLD}"},
	{"VolumeAttributesClass driver", "apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata: {name: NS-b}\ndriverName: example.com/vOLD\nparameters: {a: b}"},
	{"PriorityClass value", "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: NS-a}\nvalue: OLD000"},
	{"PriorityClass preemption", "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: NS-b}\nvalue: 5\npreemptionPolicy: PREEMPTION"},
	{"IngressClass controller", "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: NS}\nspec: {controller: example.com/vOLD}"},
	{"RuntimeClass handler", "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: NS}\nhandler: vOLD"},
	{"EndpointSlice address type", "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: ADDRESS\nendpoints: []"},
	{"CustomResourceDefinition scope", strings.Replace(strings.TrimSuffix(strings.TrimSpace(strictCRD), "---"), "scope: Namespaced", "scope: CRDSCOPE", 1)},
}

// TestEachImmutableFieldIsAReplacement wants a replacement for each of them, with
// what differs and the API server's words, and nothing of a Secret in either.
func TestEachImmutableFieldIsAReplacement(t *testing.T) {
	b := newBed(t)
	version := func(document, number string) string {
		words := []string{
			"OLD", number, "NS", b.namespace,
			"MANAGEMENT", pick(number, "OrderedReady", "Parallel"), "SCOPE", pick(number, "Terminating", "NotTerminating"), "RECLAIM", pick(number, "Delete", "Retain"),
			"BINDING", pick(number, "Immediate", "WaitForFirstConsumer"), "BOOL", pick(number, "true", "false"),
			"PREEMPTION", pick(number, "Never", "PreemptLowerPriority"), "ADDRESS", pick(number, "IPv4", "IPv6"), "AAAOLD===", pick(number, "AAAA", "AAAB"),
		}
		document = strings.NewReplacer("CRDSCOPE", pick(number, "Namespaced", "Cluster"), "gate", "wicket", "Gate", "Wicket").Replace(document)
		return strings.NewReplacer(words...).Replace(document)
	}
	for _, test := range immutableFields {
		t.Run(test.name, func(t *testing.T) {
			b.t = t
			base, head := version(test.document, "1"), version(test.document, "2")
			b.apply("slipway", base)
			b.until(func() bool { return b.plan(base, base).Changes[0].Action == None }) // a CRD gets its names first
			c := b.plan(base, head).Changes[0]
			if c.Action != Replace || len(c.Fields) == 0 || c.Reason == "" || c.Hint == "" {
				t.Errorf("it is %s because %s; %d fields", c.Action, c.Reason, len(c.Fields))
			}
			if text := summary(&Plan{Changes: []Change{c}}); strings.Contains(text, "hush") {
				t.Errorf("a secret is shown: %s", text)
			}
			for _, f := range c.Fields {
				if f.Source != FromPullRequest {
					t.Errorf("%s is %s", f.Path, f.Source)
				}
			}
		})
	}
}

func pick(number, one, two string) string {
	if number == "1" {
		return one
	}
	return two
}
