package preview

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// podWith is a Deployment around a container's further fields.
func podWith(name, container, spec string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `}
spec:
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      ` + spec + `
      containers: [{name: c, image: "c:1"` + container + `}]
`
}

// otherwise are objects that the API server stores in other words than they were
// sent in, by what is special about each. None differs from what is live.
var otherwise = []struct{ name, document string }{
	{"quantities", podWith("quantities", `, resources: {requests: {cpu: 1000m, memory: 0.5Gi, ephemeral-storage: "1e9"}, limits: {cpu: 2000m, memory: 1024Mi, ephemeral-storage: 2G}}`, "")},
	{"a quantity as a number", podWith("numbers", `, resources: {requests: {cpu: 1, memory: 1073741824}, limits: {cpu: 1.5, memory: 2147483648}}`, "")},
	{"an emptyDir's size", podWith("sizes", `, volumeMounts: [{name: v, mountPath: /v}]`, `volumes: [{name: v, emptyDir: {sizeLimit: 0.5Gi}}, {name: w, emptyDir: {}}]`)},
	{"int or string", podWith("ints", `, ports: [{name: web, containerPort: 80}], livenessProbe: {httpGet: {port: web, path: ""}}, readinessProbe: {httpGet: {port: web}}, startupProbe: {tcpSocket: {port: 8080}}`, "")},
	{"empty maps and lists", podWith("empty", `, env: [], ports: [], args: [], resources: {}, securityContext: {}, volumeMounts: []`, `securityContext: {}
      volumes: []
      nodeSelector: {}
      tolerations: []
      initContainers: []`)},
	{"nulls", podWith("nulls", `, env: null, command: null, resources: {limits: null, requests: null}, securityContext: null`, `affinity: null
      nodeSelector: null
      volumes: null`)},
	{"null metadata", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: null-metadata, labels: null, annotations: null, creationTimestamp: null}\ndata: null"},
	{"empty metadata", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: empty-metadata, labels: {}, annotations: {}, finalizers: [], ownerReferences: []}\ndata: {}"},
	{"an empty value", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: empty-value, labels: {a: \"\"}}\ndata: {a: \"\"}"},
	{"env without a value", podWith("env-empty", `, env: [{name: A, value: ""}, {name: B}, {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]`, "")},
	{"ports without a protocol", podWith("protocol", `, ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]`, "")},
	{"a service without protocol, target, or cluster IP", "apiVersion: v1\nkind: Service\nmetadata: {name: svc}\nspec: {selector: {app: x}, ports: [{name: a, port: 80}, {name: b, port: 53}, {name: c, port: 53, protocol: UDP}]}"},
	{"node ports are given out", "apiVersion: v1\nkind: Service\nmetadata: {name: nodeport}\nspec: {type: NodePort, ports: [{name: a, port: 80, targetPort: http}, {name: b, port: 443}]}"},
	{"a load balancer", "apiVersion: v1\nkind: Service\nmetadata: {name: balancer}\nspec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}"},
	{"no cluster IP", "apiVersion: v1\nkind: Service\nmetadata: {name: headless}\nspec: {clusterIP: None, ports: [{port: 80}]}"},
	{"an empty cluster IP", "apiVersion: v1\nkind: Service\nmetadata: {name: empty-ip}\nspec: {clusterIP: \"\", ports: [{port: 80}]}"},
	{"a name elsewhere", "apiVersion: v1\nkind: Service\nmetadata: {name: external}\nspec: {type: ExternalName, externalName: example.com}"},
	{"a status in Git", podWith("status", "", "") + "status: {replicas: 3, conditions: []}\n"},
	{"a creation time in Git", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: times, creationTimestamp: \"2020-01-01T00:00:00Z\", uid: abc, resourceVersion: \"1\", generation: 4, selfLink: /x}\ndata: {a: b}"},
	{"a Secret of both kinds of data", "apiVersion: v1\nkind: Secret\nmetadata: {name: both}\ndata: {a: YQ==}\nstringData: {b: c, d: \"\"}"},
	{"base64 over many lines", "apiVersion: v1\nkind: Secret\nmetadata: {name: lines}\ndata:\n  a: |\n    aGVsbG8g\n    d29ybGQ=\n"},
	{"binary data", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: binary}\nbinaryData: {a: AAECAw==}"},
	{"cron", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: cron}\nspec: {schedule: \"@hourly\", jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: c}]}}}}}"},
	{"a job", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: job}\nspec: {template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}}"},
	{"claims in a StatefulSet", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: sts}\nspec: {serviceName: s, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: c}]}}, volumeClaimTemplates: [{metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]}"},
	{"claims with kind and status", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: sts2}\nspec: {serviceName: s, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}, creationTimestamp: null}, spec: {containers: [{name: c, image: c}]}}, volumeClaimTemplates: [{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: v, creationTimestamp: null}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}, status: {}}]}"},
	{"a claim", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: pvc}\nspec: {accessModes: [ReadWriteOnce], storageClassName: \"\", resources: {requests: {storage: 0.5Gi}}}"},
	{"an autoscaler of the old version", "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: hpa1}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, maxReplicas: 3, targetCPUUtilizationPercentage: 50}"},
	{"an autoscaler's metrics", "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: hpa2}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, minReplicas: 1, maxReplicas: 3, metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 0.5Gi}}}, {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}], behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}"},
	{"an ingress", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: ing, annotations: {nginx.ingress.kubernetes.io/x: \"true\"}}\nspec: {tls: [{hosts: [a.example], secretName: t}], rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}, {path: /, pathType: Exact, backend: {service: {name: s, port: {name: x}}}}]}}]}"},
	{"a network policy", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: np}\nspec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}, {port: 53, protocol: UDP}]}], egress: [{}], policyTypes: [Ingress, Egress]}"},
	{"roles", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: role}\nrules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}, {apiGroups: [apps], resources: [deployments], resourceNames: [], verbs: [list]}]"},
	{"no rules", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: norules}\nrules: []"},
	{"subjects without a group", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: rb}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: role}\nsubjects: [{kind: ServiceAccount, name: sa, namespace: default}, {kind: User, name: u}]"},
	{"a budget in per cent", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: pdb}\nspec: {maxUnavailable: 50%, selector: {matchLabels: {a: b}}}"},
	{"a quota", "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: quota}\nspec: {hard: {requests.cpu: \"1000\", requests.memory: 1024Gi, pods: 100}}"},
	{"limits", "apiVersion: v1\nkind: LimitRange\nmetadata: {name: limits}\nspec: {limits: [{type: PersistentVolumeClaim, min: {storage: 0.001Gi}, max: {storage: 1024Gi}}]}"},
	{"an account", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: account}\nautomountServiceAccountToken: false\nimagePullSecrets: [{name: a}]"},
	{"endpoints by hand", "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: slice, labels: {kubernetes.io/service-name: external}}\naddressType: IPv4\nports: [{port: 80}]\nendpoints: [{addresses: [10.1.2.3]}]"},
	{"a strategy in per cent", podWith("strategy", "", "") + "  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}\n"},
	{"modes", podWith("modes", `, volumeMounts: [{name: a, mountPath: /a, readOnly: true, subPath: ""}, {name: b, mountPath: /b}]`, `volumes: [{name: a, configMap: {name: a, defaultMode: 0444, items: [{key: k, path: p, mode: 0400}]}}, {name: b, projected: {sources: [{serviceAccountToken: {path: token}}, {configMap: {name: x}}]}}]`)},
	{"an old name of the account", podWith("account-name", "", "serviceAccount: account\n      serviceAccountName: account")},
	{"capabilities", podWith("capabilities", `, securityContext: {capabilities: {drop: [ALL], add: []}, runAsUser: 1000, readOnlyRootFilesystem: false}, imagePullPolicy: "", lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}`, "")},
	{"tolerations", podWith("tolerations", "", `tolerations: [{operator: Exists}, {key: a, operator: Exists, effect: NoSchedule}, {key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}]
      affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: host, labelSelector: {matchLabels: {a: b}}}}]}}`)},
}

// TestWhatIsStoredInOtherWordsIsNoDifference brings each object into the cluster
// by three tools, and wants no difference, whoever did.
func TestWhatIsStoredInOtherWordsIsNoDifference(t *testing.T) {
	ways := []struct {
		name string
		do   func(b *bed, document string)
	}{
		{"slipway", func(b *bed, document string) { b.apply("slipway", document) }},
		{"kubectl apply --server-side", func(b *bed, document string) { b.apply("kubectl", document) }},
		{"kubectl apply", func(b *bed, document string) { b.clientSideApply(document) }},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := newBed(t)
			all := b.as(b.cluster.Config(), ClusterOptions{DryRunAll: true})
			for _, test := range otherwise {
				t.Run(test.name, func(t *testing.T) {
					b.t = t
					way.do(b, test.document)
					for name, asking := range map[string]*Cluster{"suspects": b.preview, "everything": all} {
						p := b.planAs(asking, test.document, test.document)
						if c := p.Changes[0]; c.Action != None || len(c.Fields) != 0 || c.Reason != "" || c.NotValidated {
							t.Errorf("asking about %s:\n%s", name, summary(p))
						}
					}
				})
			}
		})
	}
}

// clientSideApply creates as kubectl apply does.
func (b *bed) clientSideApply(document string) {
	b.t.Helper()
	for _, object := range rendered(b.t, document).Objects {
		content, resource := b.resolve(&object)
		u := &unstructured.Unstructured{Object: clone(object.Unmasked()).(map[string]any)}
		u.SetNamespace("")
		if namespace, ok := content["metadata"].(map[string]any)["namespace"].(string); ok {
			u.SetNamespace(namespace)
		}
		metadata := u.Object["metadata"].(map[string]any)
		for _, key := range []string{"uid", "resourceVersion", "creationTimestamp", "selfLink", "generation"} {
			delete(metadata, key)
		}
		metadata["annotations"] = map[string]any{lastApplied: "{}"}
		if own, ok := object.Unmasked()["metadata"].(map[string]any)["annotations"].(map[string]any); ok {
			for key, value := range own {
				metadata["annotations"].(map[string]any)[key] = value
			}
		}
		if _, err := resource.Create(b.t.Context(), u, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}); err != nil {
			b.t.Fatalf("create %s: %v", object.ID, err)
		}
	}
}

// TestEveryWordingIsOneObject keeps the table's own YAML honest.
func TestEveryWordingIsOneObject(t *testing.T) {
	seen := map[string]bool{}
	for _, test := range otherwise {
		objects := rendered(t, test.document).Objects
		if len(objects) != 1 || seen[objects[0].ID.String()] || strings.TrimSpace(objects[0].ID.Name) == "" {
			t.Errorf("%s: %v", test.name, objects)
		}
		seen[objects[0].ID.String()] = true
	}
}
