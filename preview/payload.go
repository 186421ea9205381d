package preview

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// markPrefix begins the labels and annotations that Slipway itself puts on what it
// applies; a plan carries them on.
const markPrefix = "slipway.dev/"

// lastApplied is kubectl's annotation with a copy of the whole object. It is
// nobody's wish and never compared.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// serverMetadata is metadata that the API server alone writes.
var serverMetadata = []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"}

// normalise returns an object as it is sent to the API server: in its namespace,
// without what the API server alone writes, and a Secret's stringData as data
// (whose fields would otherwise be owned twice). The content is not changed.
func normalise(content map[string]any, kind servedKind, namespace string) map[string]any {
	payload := clone(content).(map[string]any)
	metadata, _ := payload["metadata"].(map[string]any)
	if metadata == nil {
		metadata = make(map[string]any)
		payload["metadata"] = metadata
	}
	for _, key := range serverMetadata {
		delete(metadata, key)
	}
	if kind.namespaced {
		metadata["namespace"] = namespace
	} else {
		delete(metadata, "namespace")
	}
	if kind.hasStatus {
		delete(payload, "status")
	}
	encodeStringData(payload)
	return payload
}

// encodeStringData does what the API server does with a Secret's stringData.
func encodeStringData(object map[string]any) {
	plain, ok := object["stringData"].(map[string]any)
	if !ok || !isSecret(object) {
		return
	}
	data, _ := object["data"].(map[string]any)
	if data == nil {
		data = make(map[string]any, len(plain))
	}
	for key, value := range plain {
		text, isText := value.(string)
		if !isText {
			return // the API server shall say what is wrong with it
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	object["data"] = data
	delete(object, "stringData")
}

func isSecret(object map[string]any) bool {
	return object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

// desire is what a target wants of one object, fitted to the live one.
type desire struct {
	payload map[string]any
	// left says which wishes are left to somebody else, one sentence each.
	left []string
}

// fit returns what is applied over the item's live object: Slipway's own marks are
// carried on, what a controller of Kubernetes sets is left to it, and ignored
// fields stay as they are.
func (it *item) fit(manager string) desire {
	payload := clone(it.wanted).(map[string]any)
	d := desire{payload: payload}
	carryMarks(payload, it.live, it.entries, manager)
	if it.scaled {
		handOver(payload, it.live, it.entries, manager)
	}
	if entry, ok := autoscaler(it.entries, manager); ok {
		if spec, _ := payload["spec"].(map[string]any); spec["replicas"] != nil {
			liveSpec, _ := it.live["spec"].(map[string]any)
			if !equal(spec["replicas"], liveSpec["replicas"]) {
				d.left = append(d.left, fmt.Sprintf("spec.replicas is left to %s, which scales this object: Git wants %v, live are %v",
					entry.manager, spec["replicas"], liveSpec["replicas"]))
			}
			delete(spec, "replicas")
		}
	}
	if rules, _ := payload["rules"].([]any); isAggregated(payload) && len(rules) > 0 && !equal(rules, it.live["rules"]) {
		d.left = append(d.left, "rules are left to the API server, which makes them of the roles that aggregationRule selects: those in Git have no effect")
	}
	applied, _ := appliedBy(it.entries, manager)
	for _, p := range it.ignore {
		leaveAlone(payload, it.live, p, func(at path) bool {
			return applied.fields != nil && applied.owns(at) && len(ownersOf(it.entries, manager, at)) == 0
		})
	}
	return d
}

// isAggregated reports whether an object is a ClusterRole whose rules a controller
// makes of other roles'.
func isAggregated(content map[string]any) bool {
	return content["kind"] == "ClusterRole" && content["aggregationRule"] != nil
}

// carryMarks keeps the marks that an earlier apply put on the live object.
func carryMarks(payload, live map[string]any, entries []managedEntry, manager string) {
	applied, ok := appliedBy(entries, manager)
	if !ok {
		return
	}
	liveMetadata, _ := live["metadata"].(map[string]any)
	metadata := payload["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		marks, _ := liveMetadata[field].(map[string]any)
		for key, value := range marks {
			at := path{{key: "metadata"}, {key: field}, {key: key}}
			if !strings.HasPrefix(key, markPrefix) || !applied.owns(at) {
				continue
			}
			wanted, _ := metadata[field].(map[string]any)
			if wanted == nil {
				wanted = make(map[string]any)
				metadata[field] = wanted
			}
			if _, set := wanted[key]; !set {
				wanted[key] = value
			}
		}
	}
}

// handOver keeps the live replicas of an object that an autoscaler is to scale and
// whose replicas Git no longer has: letting go of a field that nobody else owns
// yet would reset it to 1.
func handOver(payload, live map[string]any, entries []managedEntry, manager string) {
	at := path{{key: "spec"}, {key: "replicas"}}
	spec, _ := payload["spec"].(map[string]any)
	applied, ok := appliedBy(entries, manager)
	value, isLive := at.in(live)
	if spec == nil || spec["replicas"] != nil || !isLive || !ok || !applied.owns(at) || len(ownersOf(entries, manager, at)) > 0 {
		return
	}
	spec["replicas"] = value
}

// autoscaler returns the entry of a controller that sets spec.replicas through the
// scale subresource. A person who scales is no autoscaler: that is drift.
func autoscaler(entries []managedEntry, manager string) (managedEntry, bool) {
	replicas := path{{key: "spec"}, {key: "replicas"}}
	for _, entry := range entries {
		if entry.subresource == "scale" && entry.manager != manager &&
			!IsPersonsTool(entry.manager) && entry.owns(replicas) {
			return entry, true
		}
	}
	return managedEntry{}, false
}

// clone copies decoded JSON, with every integer as an int64.
func clone(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		m := make(map[string]any, len(typed))
		for key, inner := range typed {
			m[key] = clone(inner)
		}
		return m
	case []any:
		list := make([]any, len(typed))
		for i, inner := range typed {
			list[i] = clone(inner)
		}
		return list
	case int:
		return int64(typed)
	case int32:
		return int64(typed)
	default:
		return value
	}
}

// comparable returns an object without what says nothing about its wanted state:
// what the API server alone writes, kubectl's copy of it, and its status, unless
// the target itself sets one.
func comparable(object map[string]any, withStatus bool) map[string]any {
	bare := make(map[string]any, len(object))
	for key, value := range object {
		bare[key] = value
	}
	if !withStatus {
		delete(bare, "status")
	}
	metadata, _ := bare["metadata"].(map[string]any)
	kept := make(map[string]any, len(metadata))
	for key, value := range metadata {
		kept[key] = value
	}
	for _, key := range serverMetadata {
		delete(kept, key)
	}
	if annotations, ok := kept["annotations"].(map[string]any); ok {
		if _, ok := annotations[lastApplied]; ok {
			rest := make(map[string]any, len(annotations))
			for key, value := range annotations {
				if key != lastApplied {
					rest[key] = value
				}
			}
			kept["annotations"] = rest
		}
	}
	// An empty map and none are the same to whoever reads them.
	for _, key := range []string{"annotations", "labels"} {
		if m, ok := kept[key].(map[string]any); ok && len(m) == 0 {
			delete(kept, key)
		}
	}
	bare["metadata"] = kept
	return bare
}
