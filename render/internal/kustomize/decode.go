package kustomize

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// decode turns an object into the shapes of encoding/json, with integers as int64,
// as a trip through kustomize's own YAML and JSON would, without the trip. Only
// what the trip is known to change makes it, so that the objects are those that
// kustomize prints and others apply.
func decode(r *yaml.RNode) (map[string]any, error) {
	node := r.YNode()
	if changedByTrip(node) {
		return trip(r)
	}
	value, err := decodeAny(node)
	if err != nil {
		return nil, err
	}
	content, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is no mapping")
	}
	return content, nil
}

// changedByTrip reports whether node has a folded text (>), into which printing
// puts further line breaks around lines that are indented more.
func changedByTrip(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.Style&yaml.FoldedStyle != 0 || slices.ContainsFunc(node.Content, changedByTrip)
}

// trip decodes what kustomize prints.
func trip(r *yaml.RNode) (map[string]any, error) {
	printed, err := r.String()
	if err != nil {
		return nil, fmt.Errorf("print: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(printed), &document); err != nil {
		return nil, fmt.Errorf("read what kustomize prints: %w", err)
	}
	value, err := decodeAny(&document)
	if err != nil {
		return nil, err
	}
	content, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is no mapping")
	}
	return content, nil
}

func decodeAny(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.DocumentNode:
		return decodeAny(node.Content[0])
	case yaml.AliasNode:
		return decodeAny(node.Alias)
	case yaml.MappingNode:
		mapping := make(map[string]any, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			value, err := decodeAny(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			mapping[node.Content[i].Value] = value
		}
		return mapping, nil
	case yaml.SequenceNode:
		sequence := make([]any, len(node.Content))
		for i, item := range node.Content {
			value, err := decodeAny(item)
			if err != nil {
				return nil, err
			}
			sequence[i] = value
		}
		return sequence, nil
	default:
		return decodeScalar(node)
	}
}

func decodeScalar(node *yaml.Node) (any, error) {
	switch node.ShortTag() {
	case yaml.NodeTagString:
		return node.Value, nil
	case yaml.NodeTagNull:
		return nil, nil
	case yaml.NodeTagInt:
		if n, err := strconv.ParseInt(node.Value, 10, 64); err == nil && (node.Value[0] != '0' || n == 0) && node.Value[0] != '+' {
			return n, nil
		}
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("line %d: not a value of its tag %s", node.Line, node.ShortTag())
	}
	switch value := value.(type) {
	case int:
		return int64(value), nil
	case uint64:
		return float64(value), nil
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, fmt.Errorf("line %d: %s is no number that Kubernetes knows", node.Line, node.Value)
		}
		if whole := math.Trunc(value); whole == value && math.Abs(value) < 1<<53 {
			return int64(value), nil // as JSON prints it
		}
		return value, nil
	case time.Time:
		return value.Format(time.RFC3339Nano), nil
	default:
		return value, nil
	}
}
