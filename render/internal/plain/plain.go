// Package plain turns a directory of YAML and JSON manifests, with no
// kustomization, into decoded objects with the file and line of each.
package plain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// An Object is decoded content and the place of its first line.
type Object struct {
	Content map[string]any
	File    string
	Line    int
}

// Manifest reports whether a file name is that of a manifest: YAML or JSON,
// neither hidden nor one of the tools' own files.
func Manifest(name string) bool {
	base := path.Base(name)
	switch base {
	case "Chart.yaml", "Chart.lock", "values.yaml", "values.yml", "values.schema.json",
		"kustomization.yaml", "kustomization.yml", "Kustomization", "kustomizeconfig.yaml",
		"helmfile.yaml", "skaffold.yaml", "Taskfile.yml", "Taskfile.yaml", "renovate.json", "package.json", "package-lock.json",
		"docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml":
		return false
	}
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "values-") || strings.HasSuffix(base, ".schema.json") {
		return false
	}
	switch path.Ext(base) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// Build reads every manifest in dir and below, in the order of their paths, to at
// most objects objects. Directories that are hidden are passed over; those that
// special takes (a kustomization, a chart) are its to build as a whole. The error
// is a *view.Problem for what a person can mend; any other is the tree's.
func Build(v *view.View, dir string, objects int, special Special) ([]Object, error) {
	b := builder{view: v, limit: objects, special: special, seen: map[string]Object{}}
	if err := b.walk(dir); err != nil {
		return nil, err
	}
	return b.objects, nil
}

// Special builds a directory that is more than its manifests; taken is false for
// one that is not.
type Special func(dir string) (objects []Object, taken bool, err error)

type builder struct {
	view    *view.View
	special Special
	limit   int
	objects []Object
	seen    map[string]Object // by identity
}

func (b *builder) walk(dir string) error {
	for _, entry := range b.view.List(dir) {
		if strings.HasPrefix(path.Base(entry.Path), ".") {
			continue
		}
		if entry.Mode == view.Symlink && (Manifest(entry.Path) || path.Ext(entry.Path) == "") {
			// A link to a file is read as if it lay here; a link to a directory
			// is not walked, so that links cannot make a walk endless.
			target, err := b.view.Resolve(entry.Path)
			if b.view.Problem() != nil || b.view.Failure() != nil {
				return err
			}
			if err != nil && Manifest(entry.Path) { // a manifest that nobody sees is missed by nobody
				return b.view.Report(&view.Problem{File: entry.Path, Message: "the symbolic link leads to no file of the repository", Hint: "mend the link, or put the file in its place"})
			}
			if err != nil || target.Mode != view.File {
				continue
			}
			entry.Mode = view.File
		}
		var err error
		switch {
		case entry.Mode == view.Directory:
			err = b.directory(entry.Path)
		case entry.Mode == view.File && Manifest(entry.Path):
			err = b.file(entry.Path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) directory(dir string) error {
	objects, taken, err := b.special(dir)
	if err != nil {
		return err
	}
	if !taken {
		return b.walk(dir)
	}
	for _, object := range objects {
		if err := b.keep(object); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) file(name string) error {
	content, err := b.view.Read(name)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			line, text := parserWords(err)
			return &view.Problem{File: name, Line: line, Message: "is not YAML: " + text}
		}
		if err := b.document(name, &document); err != nil {
			return err
		}
	}
}

// parserWords splits a YAML parser's message into its line and its words, without
// the values that it may quote.
func parserWords(err error) (int, string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, words, ok := strings.Cut(rest, ": "); ok {
			line, _ = strconv.Atoi(number) // 0 where it is none
			text = words
		}
	}
	if at := strings.IndexAny(text, "`'\""); at > 0 {
		text = strings.TrimSpace(text[:at])
	}
	return line, text
}

func (b *builder) document(name string, document *yaml.Node) error {
	node := document
	for node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		return nil // nothing but comments
	}
	if node.Kind != yaml.MappingNode {
		return &view.Problem{File: name, Line: node.Line, Message: "is no Kubernetes object: the document is no mapping", Hint: notManifest}
	}
	if problem := duplicateKey(name, node); problem != nil {
		return problem
	}
	content, err := decode(node)
	if err != nil {
		return &view.Problem{File: name, Line: node.Line, Message: "is no Kubernetes object: " + err.Error()}
	}
	return b.add(name, node, content)
}

const notManifest = "move files that are no manifests out of the target's directory"

// add takes one object, or each item of a list.
func (b *builder) add(name string, node *yaml.Node, content map[string]any) error {
	kind, _ := content["kind"].(string)
	items, isList := content["items"].([]any)
	if isList && strings.HasSuffix(kind, "List") {
		return b.addItems(name, node, items)
	}
	apiVersion, _ := content["apiVersion"].(string)
	metadata, _ := content["metadata"].(map[string]any)
	objectName, _ := metadata["name"].(string)
	missing := ""
	switch {
	case apiVersion == "":
		missing = "apiVersion"
	case kind == "":
		missing = "kind"
	case objectName == "":
		missing = "metadata.name"
	}
	if missing != "" {
		return &view.Problem{File: name, Line: node.Line, Message: "is no Kubernetes object: " + missing + " is missing", Hint: notManifest}
	}
	return b.keep(Object{Content: content, File: name, Line: node.Line})
}

// keep adds an object unless there is one of its identity already.
func (b *builder) keep(object Object) error {
	text := func(m map[string]any, key string) string { s, _ := m[key].(string); return s }
	metadata, _ := object.Content["metadata"].(map[string]any)
	group, _, grouped := strings.Cut(text(object.Content, "apiVersion"), "/")
	if !grouped {
		group = ""
	}
	kind, name := text(object.Content, "kind"), text(metadata, "name")
	identity := strings.Join([]string{group, kind, text(metadata, "namespace"), name}, "|")
	if first, ok := b.seen[identity]; ok {
		return &view.Problem{File: object.File, Line: object.Line, Message: fmt.Sprintf("%s %s is defined twice: also in %s", kind, name, place(first)), Hint: "delete one of them"}
	}
	b.seen[identity] = object
	b.objects = append(b.objects, object)
	if len(b.objects) > b.limit {
		return &view.Problem{File: object.File, Line: object.Line, Message: fmt.Sprintf("the target renders more than the %d objects that are allowed", b.limit), Hint: "split the target, or raise the limit"}
	}
	return nil
}

func place(object Object) string {
	if object.Line == 0 {
		return object.File
	}
	return fmt.Sprintf("%s:%d", object.File, object.Line)
}

func (b *builder) addItems(name string, node *yaml.Node, items []any) error {
	nodes := field(node, "items")
	for i, item := range items {
		content, ok := item.(map[string]any)
		if !ok {
			return &view.Problem{File: name, Line: node.Line, Message: fmt.Sprintf("item %d of the list is no Kubernetes object", i+1)}
		}
		itemNode := node
		if nodes != nil && nodes.Kind == yaml.SequenceNode && i < len(nodes.Content) {
			itemNode = nodes.Content[i]
		}
		if err := b.add(name, itemNode, content); err != nil {
			return err
		}
	}
	return nil
}

func field(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// duplicateKey finds a key that one mapping has twice: the API server would refuse
// it, and which of the two counts nobody knows.
func duplicateKey(name string, node *yaml.Node) *view.Problem {
	if node.Kind == yaml.MappingNode {
		keys := make(map[string]int, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if first, ok := keys[key.Value]; ok {
				return &view.Problem{File: name, Line: key.Line, Message: fmt.Sprintf("the key %s is there twice, first on line %d", key.Value, first), Hint: "delete one of them"}
			}
			keys[key.Value] = key.Line
		}
	}
	for _, child := range node.Content {
		if problem := duplicateKey(name, child); problem != nil {
			return problem
		}
	}
	return nil
}

// decode turns a mapping into the shapes of encoding/json, integers as int64.
func decode(node *yaml.Node) (map[string]any, error) {
	var loose any
	if err := node.Decode(&loose); err != nil {
		_, text := parserWords(err)
		return nil, errors.New(text)
	}
	value, err := normalise(loose)
	if err != nil {
		return nil, err
	}
	content, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("the document is no mapping")
	}
	return content, nil
}
