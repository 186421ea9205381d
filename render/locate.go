package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipwayhq/slipway/render/internal/kustomize"
	"github.com/slipwayhq/slipway/render/internal/view"
)

// maxLocated bounds the file in which a line is looked for, in bytes.
const maxLocated = 16 << 20

// Locate finds the line of an object in the file that it came from, and, as deep
// as the file has it, of a field: spec.template.spec.containers[web].image (a
// list item by its name, key or position) or a JSON pointer; empty for the object
// as a whole. A name may have got a prefix, suffix or hash since. The line is 0
// where the object cannot be found; the error is the tree's. It parses the file
// on each call, so it is for what is shown, not for every object.
func Locate(ctx context.Context, tree Tree, object Object, field string) (Origin, error) {
	origin := object.Origin
	if origin.File == "" {
		return origin, nil
	}
	v := view.New(ctx, seen{tree}, maxLocated)
	content, err := v.Read(origin.File)
	if v.Problem() != nil || errors.Is(err, fs.ErrNotExist) {
		return origin, nil
	}
	if err != nil {
		return origin, fmt.Errorf("locate %s in %s: %w", object.ID, origin.File, err)
	}
	steps := fieldSteps(field)
	var node *yaml.Node
	if slices.Contains(kustomize.FileNames, path.Base(origin.File)) {
		node, steps = generatorNode(content, object.ID, steps)
	} else {
		node = documentNode(content, object.ID)
	}
	if node != nil {
		origin.Line = deepest(node, steps)
	}
	return origin, nil
}

// fieldSteps splits a field into keys and item labels.
func fieldSteps(field string) []string {
	if rest, ok := strings.CutPrefix(field, "/"); ok {
		steps := strings.Split(rest, "/")
		for i, step := range steps {
			steps[i] = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		}
		return steps
	}
	var steps []string
	for field != "" {
		if rest, ok := strings.CutPrefix(field, "["); ok {
			label, after, _ := strings.Cut(rest, "]")
			steps, field = append(steps, label), after
			continue
		}
		field = strings.TrimPrefix(field, ".")
		end := strings.IndexAny(field, ".[")
		if end < 0 {
			end = len(field)
		}
		if end > 0 {
			steps = append(steps, field[:end])
		}
		field = field[end:]
	}
	return steps
}

// documentNode finds the object's document: that of its kind whose name is the
// object's, or else the longest part of it.
func documentNode(content []byte, id ObjectID) *yaml.Node {
	var best *yaml.Node
	bestScore := 0
	consider := func(node *yaml.Node) {
		if score := likeness(node, id); score > bestScore {
			best, bestScore = node, score
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil || len(document.Content) == 0 {
			return best
		}
		node := document.Content[0]
		consider(node)
		if items := child(node, "items"); items != nil && items.Kind == yaml.SequenceNode {
			for _, item := range items.Content {
				consider(item)
			}
		}
	}
}

// likeness is 0 for a document that cannot be the object's.
func likeness(node *yaml.Node, id ObjectID) int {
	if text(child(node, "kind")) != id.Kind {
		return 0
	}
	metadata := child(node, "metadata")
	name := text(child(metadata, "name"))
	score := 0
	switch {
	case name == "":
		return 0
	case name == id.Name:
		score = 1000
	case strings.Contains(id.Name, name):
		score = 2 * len(name)
	default:
		score = 1 // a transformer may have given it another name
	}
	if namespace := text(child(metadata, "namespace")); namespace != "" && namespace == id.Namespace {
		score++
	}
	return score
}

// generatorNode finds the generator of an object in a kustomization, and of the
// literal, file or env that a step under data names.
func generatorNode(content []byte, id ObjectID, steps []string) (*yaml.Node, []string) {
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil || len(document.Content) == 0 {
		return nil, nil
	}
	generators := child(document.Content[0], strings.ToLower(id.Kind[:min(1, len(id.Kind))])+id.Kind[min(1, len(id.Kind)):]+"Generator")
	if generators == nil {
		return nil, nil
	}
	var best *yaml.Node
	for _, generator := range generators.Content {
		name := text(child(generator, "name"))
		if name != "" && strings.Contains(id.Name, name) && (best == nil || len(name) > len(text(child(best, "name")))) {
			best = generator
		}
	}
	if best == nil || len(steps) < 2 {
		return best, nil
	}
	for _, list := range []string{"literals", "files"} {
		sources := child(best, list)
		if sources == nil {
			continue
		}
		for _, source := range sources.Content {
			key, _, keyed := strings.Cut(source.Value, "=")
			if key == steps[1] || !keyed && path.Base(source.Value) == steps[1] {
				return source, nil
			}
		}
	}
	return best, nil
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func text(node *yaml.Node) string {
	if node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

// deepest follows steps from node as far as they lead, and returns the line of
// the last key or item on the way.
func deepest(node *yaml.Node, steps []string) int {
	line := node.Line
	for _, step := range steps {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		key, next := follow(node, step)
		if next == nil {
			return line
		}
		line, node = key.Line, next
	}
	return line
}

// follow returns where step is written below node, and what it holds.
func follow(node *yaml.Node, step string) (key, value *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i], node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if labelled(item, step) {
				return item, item
			}
		}
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	}
	return nil, nil
}

// mergeKeys are the fields by which list items are told apart, in Kubernetes.
var mergeKeys = []string{"name", "key", "containerPort", "port", "mountPath", "devicePath", "ip", "topologyKey", "type", "uid"}

// labelled reports whether a list item is called label: by its value, by the
// value of a merge key, or as key=value; several are joined by a slash or comma.
func labelled(item *yaml.Node, label string) bool {
	if item.Kind == yaml.ScalarNode {
		return item.Value == label
	}
	parts := strings.FieldsFunc(label, func(r rune) bool { return r == '/' || r == ',' })
	for _, part := range parts {
		key, value, keyed := strings.Cut(part, "=")
		found := keyed && text(child(item, key)) == value
		for _, key := range mergeKeys {
			found = found || text(child(item, key)) == part
		}
		if !found && part != "TCP" { // a port's default, which files leave out
			return false
		}
	}
	return len(parts) > 0
}
