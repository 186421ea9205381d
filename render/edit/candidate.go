package edit

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A file is one of the target's own that is YAML, with what in it may set an image.
type file struct {
	path       string
	source     *source
	root       *yaml.Node // of a kustomization; nil for any other file
	documents  []*yaml.Node
	candidates []*candidate
	splices    []splice
	added      [][]string // new entries of images, a part for each line
}

// A candidate is a place in a file that may set images.
type candidate struct {
	file   *file
	source *source
	line   int // in the file
	// scalar is a whole reference, or its tag alone; nil where entry is set.
	scalar *yaml.Node
	tag    bool
	// entry is a mapping of name, newName, newTag and digest, as kustomize's images
	// have it.
	entry *yaml.Node
}

// kustomizations are the names under which kustomize looks for one.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// maxFile bounds the file that is looked into, in bytes.
const maxFile = 16 << 20

// newFile finds the candidates of a file; a file that is no YAML has none.
func newFile(name string, content []byte) *file {
	f := &file{path: name, source: newSource(content)}
	if len(content) > maxFile {
		return f
	}
	for _, document := range documents(content) {
		root := document.Content[0]
		if slices.Contains(kustomizations, path.Base(name)) && root.Kind == yaml.MappingNode {
			f.root = root
			f.entries(child(root, "images"))
			f.entries(child(root, "imageTags"))
			f.inline(root)
		}
		if strings.HasPrefix(text(child(root, "apiVersion")), "builtin") {
			f.entry(child(root, "imageTag"))
			f.inline(root)
		}
		f.walk(f.source, root)
		f.documents = append(f.documents, root)
	}
	return f
}

// documents parses a stream as far as it is YAML.
func documents(content []byte) []*yaml.Node {
	var all []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return all
		}
		if len(document.Content) > 0 {
			all = append(all, &document)
		}
	}
}

// inline looks into the texts of a kustomization that are YAML themselves: its
// patches.
func (f *file) inline(node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		return
	}
	for _, below := range node.Content {
		f.inline(below)
	}
	if inner := f.source.literal(node); inner != nil {
		for _, document := range documents(inner.content) {
			f.walk(inner, document.Content[0])
		}
	}
}

// walk finds the images of container lists, and of JSON patches.
func (f *file) walk(s *source, node *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		f.operation(s, node)
		for i := 0; i+1 < len(node.Content); i += 2 {
			if slices.Contains(containerLists, node.Content[i].Value) {
				f.containers(s, node.Content[i+1])
			}
			f.walk(s, node.Content[i+1])
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			f.walk(s, item)
		}
	}
}

func (f *file) containers(s *source, list *yaml.Node) {
	if list.Kind != yaml.SequenceNode {
		return
	}
	for _, container := range list.Content {
		f.scalar(s, child(container, "image"))
	}
}

var (
	imagePath     = regexp.MustCompile(`/(initContainers|containers|ephemeralContainers)/[^/]+/image$`)
	containerPath = regexp.MustCompile(`/(initContainers|containers|ephemeralContainers)/[^/]+$`)
	listPath      = regexp.MustCompile(`/(initContainers|containers|ephemeralContainers)$`)
)

// operation finds the image that an operation of a JSON patch writes.
func (f *file) operation(s *source, node *yaml.Node) {
	where, value := text(child(node, "path")), child(node, "value")
	if op := text(child(node, "op")); value == nil || op != "add" && op != "replace" {
		return
	}
	switch {
	case imagePath.MatchString(where):
		f.scalar(s, value)
	case containerPath.MatchString(where):
		f.scalar(s, child(value, "image"))
	case listPath.MatchString(where):
		f.containers(s, value)
	}
}

var markable = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)

// scalar adds a candidate, if it is one that can be edited.
func (f *file) scalar(s *source, node *yaml.Node) {
	if node == nil || !markable.MatchString(value(node)) {
		return
	}
	if _, ok := s.span(node); !ok {
		return
	}
	c := &candidate{file: f, source: s, scalar: node, line: node.Line}
	if s.outer != nil {
		c.line = 1 + bytes.Count(f.source.content[:s.inFile(s.lines[node.Line-1])], []byte("\n"))
	}
	f.candidates = append(f.candidates, c)
}

func (f *file) entries(list *yaml.Node) {
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, item := range list.Content {
		f.entry(item)
	}
}

// entry adds a candidate, if it is one that can be edited.
func (f *file) entry(node *yaml.Node) {
	if node == nil || node.Kind != yaml.MappingNode || text(child(node, "name")) == "" {
		return
	}
	for _, part := range node.Content {
		if _, ok := f.source.span(part); !ok {
			return
		}
	}
	c := &candidate{file: f, source: f.source, entry: node, line: node.Line}
	if _, ok := c.mark(0); ok {
		f.candidates = append(f.candidates, c)
	}
}

func child(node *yaml.Node, key string) *yaml.Node {
	_, found := pair(node, key)
	return found
}

// pair finds a key of a mapping and its value.
func pair(node *yaml.Node, key string) (keyNode, valueNode *yaml.Node) {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i], node.Content[i+1]
		}
	}
	return nil, nil
}

func text(node *yaml.Node) string {
	if node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

// value is a scalar's, or that of the scalar that an alias stands for.
func value(node *yaml.Node) string {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return text(node.Alias)
	}
	return text(node)
}
