package preview

import (
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// A defaulting knows what the API server fills in by itself where an object does
// not say: whether it knows the field at all, and if so, whether the value is what
// would be there.
type defaulting func(p path, value any) (known, same bool)

// constants are the values that the API server gives to fields of Kubernetes' own
// kinds, by the end of a field's path, list items left out. A stable version of an
// API never changes them. What is missing here is found out by asking; see admitted.
var constants = map[string][]any{
	"metadata": {map[string]any{}},
	// pods, and the templates of them
	"dnsPolicy":                             {"ClusterFirst"},
	"restartPolicy":                         {"Always"},
	"schedulerName":                         {"default-scheduler"},
	"securityContext":                       {map[string]any{}},
	"terminationGracePeriodSeconds":         {int64(30)},
	"enableServiceLinks":                    {true},
	"resources":                             {map[string]any{}},
	"terminationMessagePath":                {"/dev/termination-log"},
	"terminationMessagePolicy":              {"File"},
	"protocol":                              {"TCP"},
	"failureThreshold":                      {int64(3)},
	"periodSeconds":                         {int64(10)},
	"successThreshold":                      {int64(1)},
	"timeoutSeconds":                        {int64(1), int64(10)}, // of probes; of webhooks
	"httpGet.scheme":                        {"HTTP"},
	"grpc.service":                          {""},
	"fieldRef.apiVersion":                   {"v1"},
	"defaultMode":                           {int64(0o644)},
	"serviceAccountToken.expirationSeconds": {int64(3600)},
	"hostPath.type":                         {""},
	// workloads
	"replicas":                          {int64(1)},
	"revisionHistoryLimit":              {int64(10)},
	"progressDeadlineSeconds":           {int64(600)},
	"strategy.type":                     {"RollingUpdate"},
	"updateStrategy.type":               {"RollingUpdate"},
	"rollingUpdate.maxSurge":            {"25%", int64(0)},
	"rollingUpdate.maxUnavailable":      {"25%", int64(1)},
	"rollingUpdate.partition":           {int64(0)},
	"podManagementPolicy":               {"OrderedReady"},
	"whenDeleted":                       {"Retain"},
	"whenScaled":                        {"Retain"},
	"volumeClaimTemplates.apiVersion":   {"v1"},
	"volumeClaimTemplates.kind":         {"PersistentVolumeClaim"},
	"volumeClaimTemplates.status.phase": {"Pending"},
	"volumeMode":                        {"Filesystem"},
	"backoffLimit":                      {int64(6)},
	"completions":                       {int64(1)},
	"parallelism":                       {int64(1)},
	"completionMode":                    {"NonIndexed"},
	"suspend":                           {false},
	"podReplacementPolicy":              {"TerminatingOrFailed"},
	"concurrencyPolicy":                 {"Allow"},
	"failedJobsHistoryLimit":            {int64(1)},
	"successfulJobsHistoryLimit":        {int64(3)},
	"minReplicas":                       {int64(1)},
	// services
	"sessionAffinity":               {"None"},
	"clientIP.timeoutSeconds":       {int64(10800)},
	"internalTrafficPolicy":         {"Cluster"},
	"externalTrafficPolicy":         {"Cluster"},
	"allocateLoadBalancerNodePorts": {true},
	// access and admission
	"roleRef.apiGroup":       {"rbac.authorization.k8s.io"},
	"subjects.apiGroup":      {"rbac.authorization.k8s.io"},
	"webhooks.failurePolicy": {"Fail"},
	"matchPolicy":            {"Equivalent"},
	"namespaceSelector":      {map[string]any{}},
	"objectSelector":         {map[string]any{}},
	"reinvocationPolicy":     {"Never"},
	"rules.scope":            {"*"},
	"service.port":           {int64(443)},
	// storage
	"reclaimPolicy":                 {"Delete"},
	"persistentVolumeReclaimPolicy": {"Retain"},
	"volumeBindingMode":             {"Immediate"},
}

// kindConstants are those that go by the kind and the whole path.
var kindConstants = map[string]map[string][]any{
	"Secret":                {"type": {"Opaque"}},
	"Service":               {"spec.type": {"ClusterIP"}},
	"PriorityClass":         {"preemptionPolicy": {"PreemptLowerPriority"}},
	"PersistentVolumeClaim": {"metadata.finalizers": {[]any{"kubernetes.io/pvc-protection"}}},
	"PersistentVolume":      {"metadata.finalizers": {[]any{"kubernetes.io/pv-protection"}}},
	"Namespace":             {"spec.finalizers": {[]any{"kubernetes"}}},
	// What admission of Kubernetes itself puts into each pod.
	"Pod": {
		"spec.priority":           {int64(0)},
		"spec.preemptionPolicy":   {"PreemptLowerPriority"},
		"spec.serviceAccountName": {"default"},
		"spec.tolerations": {[]any{
			map[string]any{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": int64(300)},
			map[string]any{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": int64(300)},
		}},
	},
}

// allocated are the fields whose values the API server hands out, by kind: another
// one each time, or not the one that a dry run shows.
var allocated = map[string][]string{
	"Service": {"spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.ports.nodePort", "spec.healthCheckNodePort"},
	"Job": {
		"metadata.labels.controller-uid", "metadata.labels.job-name",
		"metadata.labels.batch.kubernetes.io/controller-uid", "metadata.labels.batch.kubernetes.io/job-name",
		"spec.selector", "spec.template.metadata.labels.controller-uid", "spec.template.metadata.labels.job-name",
		"spec.template.metadata.labels.batch.kubernetes.io/controller-uid", "spec.template.metadata.labels.batch.kubernetes.io/job-name",
	},
	"Pod":                       {"spec.nodeName"},
	"CertificateSigningRequest": {"spec.username", "spec.uid", "spec.groups", "spec.extra"},
}

// tokenVolume begins the name of the volume with a service account's token that the
// API server adds to each pod; a random suffix follows.
const tokenVolume = "kube-api-access-"

// keys are a path's keys, list items left out.
func (p path) keys() []string {
	var keys []string
	for _, s := range p {
		if s.key != "" {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// ownDefaults returns what is known of the defaults of an object of Kubernetes' own
// kinds. after is the object with them.
func ownDefaults(kind string, after map[string]any) defaulting {
	return func(p path, value any) (known, same bool) {
		keys := p.keys()
		whole := strings.Join(keys, ".")
		if slices.Contains(allocated[kind], whole) {
			return true, true
		}
		values, known := kindConstants[kind][whole]
		for n := min(3, len(keys)); n > 0 && !known; n-- {
			values, known = constants[strings.Join(keys[len(keys)-n:], ".")]
		}
		if known {
			return true, slices.ContainsFunc(values, func(v any) bool { return equal(v, value) })
		}
		return derived(p, keys, value, after)
	}
}

// derived are the defaults that follow from other fields.
func derived(p path, keys []string, value any, after map[string]any) (known, same bool) {
	around, _ := p[:max(0, len(p)-1)].in(after)
	beside, _ := around.(map[string]any)
	switch last := keys[len(keys)-1]; last {
	case "imagePullPolicy":
		return true, value == pullPolicy(beside["image"])
	case "serviceAccount":
		return true, value == beside["serviceAccountName"]
	case "targetPort":
		return true, equal(value, beside["port"])
	case "hostPort":
		return true, equal(value, beside["containerPort"])
	case "volumes", "volumeMounts":
		return false, false
	default:
		if len(keys) < 2 || keys[len(keys)-2] != "requests" { // which follow from limits
			return isTokenVolume(p, value)
		}
		resources, _ := p[:len(p)-2].in(after)
		m, _ := resources.(map[string]any)
		limits, _ := m["limits"].(map[string]any)
		return limits[last] != nil, equal(limits[last], value)
	}
}

// isTokenVolume reports whether an item of a pod's volumes, or of a container's
// mounts, is the API server's own.
func isTokenVolume(p path, value any) (known, same bool) {
	item, _ := value.(map[string]any)
	name, _ := item["name"].(string)
	if len(p) < 2 || p[len(p)-1].key != "" || !strings.HasPrefix(name, tokenVolume) {
		return false, false
	}
	return true, true
}

// pullPolicy is when an image is pulled where nobody says: always, where its tag is
// latest or left out.
func pullPolicy(image any) string {
	text, _ := image.(string)
	name, _, hasDigest := strings.Cut(text[strings.LastIndex(text, "/")+1:], "@")
	_, tag, tagged := strings.Cut(name, ":")
	if tag == "latest" || !tagged && !hasDigest {
		return "Always"
	}
	return "IfNotPresent"
}

// schemaDefaults returns the defaults that the schema of a custom resource has;
// none where there is no schema.
func schemaDefaults(model *spec.Schema, wanted map[string]any) defaulting {
	if model == nil {
		return func(path, any) (bool, bool) { return false, false }
	}
	filled := clone(wanted).(map[string]any)
	fillDefaults(model, filled)
	return func(p path, value any) (known, same bool) {
		there, known := p.in(filled)
		return known, known && equal(there, value)
	}
}
