package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Limits of what a file may be. A real one has a few hundred lines.
const (
	maxBytes   = 256 << 10
	maxValues  = 20_000 // with every alias written out
	maxWritten = 1 << 20
	maxDepth   = 100
	maxKey     = 256  // bytes
	maxPlace   = 4096 // bytes of the keys that lead to a value
)

// A pointer is the place of a value: the keys and indexes that lead to it, each
// preceded by a newline, which no key may hold.
type pointer string

func (p pointer) child(key string) pointer { return p + "\n" + pointer(key) }

func pointerTo(keys []string) pointer {
	p := pointer("")
	for _, key := range keys {
		p = p.child(key)
	}
	return p
}

// String prints the place the way people name it: promotions[0].from.
func (p pointer) String() string {
	var b strings.Builder
	parent := ""
	for key := range strings.SplitSeq(strings.TrimPrefix(string(p), "\n"), "\n") {
		switch _, err := strconv.Atoi(key); {
		case err == nil && parent != "environments": // whose keys may be numbers
			b.WriteString("[" + key + "]")
		case parent == "":
			b.WriteString(key)
		default:
			b.WriteString("." + key)
		}
		parent = key
	}
	return b.String()
}

// A document is a YAML file as JSON, its keys in the order of the file, with the
// line that each value and key stands on.
type document struct {
	root     *yaml.Node
	lines    map[pointer]int  // of the key, for what has one; else of the value
	unwanted map[pointer]bool // written as null
	refused  map[pointer]bool // JSON cannot hold it; reported

	out      bytes.Buffer
	values   int
	tooMuch  bool // what the aliases stand for is more than anybody means; reported
	problems *problems
	open     map[*yaml.Node]bool // aliases being written out
}

// read finds the one mapping that content must be. When it reports false, the
// problems say why and there is nothing more to check.
func read(content []byte, problems *problems) (*document, bool) {
	if len(content) > maxBytes {
		problems.add(0, fmt.Sprintf("the file has %d bytes, more than the %d allowed", len(content), maxBytes), "keep only settings here")
		return nil, false
	}
	if !utf8.Valid(content) {
		problems.add(invalidLine(content), "the file is not UTF-8", "save it as UTF-8")
		return nil, false
	}
	nodes, err := decode(content)
	if err != nil {
		line, message := explain(err, content)
		problems.add(line, message, hintFor(line, content))
		return nil, false
	}
	switch {
	case len(nodes) == 0:
		problems.add(1, "the file is empty", "write layout: and environments:, or remove the file")
		return nil, false
	case len(nodes) > 1:
		problems.add(nodes[1].Line, "the file has a second document", "keep one, without ---")
		return nil, false
	case nodes[0].Kind != yaml.MappingNode:
		problems.add(nodes[0].Line, "the file is "+nodeKind(nodes[0])+", but must be a mapping", "start with layout: and environments:")
		return nil, false
	}
	return &document{root: nodes[0], problems: problems}, true
}

// decode returns the root of each document that says anything.
func decode(content []byte) (nodes []*yaml.Node, err error) {
	defer func() { // a fault of the library on odd input must not end the service
		if fault := recover(); fault != nil {
			nodes, err = nil, errors.New("yaml: not readable as YAML")
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var node yaml.Node
		switch err := decoder.Decode(&node); {
		case errors.Is(err, io.EOF):
			return nodes, nil
		case err != nil:
			return nil, err
		}
		if node.Kind != yaml.DocumentNode || len(node.Content) != 1 {
			continue
		}
		root := node.Content[0]
		if root.Kind == yaml.ScalarNode && root.Tag == "!!null" && len(nodes) == 0 && root.Value == "" {
			continue // only comments
		}
		nodes = append(nodes, root)
	}
}

// json writes the document as JSON, with null in the unwanted places. The first
// call reports what JSON cannot hold, and duplicate keys.
func (d *document) json(unwanted map[pointer]bool) []byte {
	d.out.Reset()
	d.values, d.tooMuch = 0, false
	d.open = make(map[*yaml.Node]bool)
	d.lines = make(map[pointer]int)
	d.refused = make(map[pointer]bool)
	d.unwanted = unwanted
	d.write("", d.root, 0)
	return bytes.Clone(d.out.Bytes())
}

// over reports whether the document is larger than anything sensible.
func (d *document) over() bool { return d.tooMuch }

// count counts values that a node stands for, and reports whether there is no more
// room. Whatever writes out an alias asks before it does.
func (d *document) count(node *yaml.Node, values int) bool {
	if d.tooMuch {
		return true
	}
	most, of := 0, ""
	if d.values += values; d.values > maxValues {
		most, of = maxValues, "values"
	} else if d.out.Len() > maxWritten {
		most, of = maxWritten, "bytes"
	}
	if most > 0 {
		d.tooMuch = true
		d.problems.add(node.Line, fmt.Sprintf("the file has more than %d %s with its aliases written out", most, of), "use fewer aliases")
	}
	return d.tooMuch
}

func (d *document) write(at pointer, node *yaml.Node, depth int) {
	full := d.count(node, 1)
	if _, known := d.lines[at]; !known && !full {
		d.lines[at] = node.Line
	}
	switch {
	case full:
		d.out.WriteString("null")
	case depth > maxDepth || len(at) > maxPlace:
		d.problems.add(node.Line, "the file is nested too deeply", "")
		d.out.WriteString("null")
	case d.unwanted[at]:
		d.out.WriteString("null")
	case node.Kind == yaml.AliasNode:
		d.writeAlias(at, node, depth)
	case node.Kind == yaml.MappingNode:
		d.writeMapping(at, node, depth)
	case node.Kind == yaml.SequenceNode:
		d.out.WriteByte('[')
		for i, item := range node.Content {
			if i > 0 {
				d.out.WriteByte(',')
			}
			d.write(at.child(strconv.Itoa(i)), item, depth+1)
		}
		d.out.WriteByte(']')
	default:
		d.writeScalar(at, node)
	}
}

func (d *document) writeAlias(at pointer, node *yaml.Node, depth int) {
	if d.open[node.Alias] {
		d.problems.add(node.Line, fmt.Sprintf("the alias *%s stands inside what it names", node.Value), "write the value out")
		d.out.WriteString("null")
		return
	}
	d.open[node.Alias] = true
	d.write(at, node.Alias, depth+1)
	delete(d.open, node.Alias)
}

func (d *document) writeMapping(at pointer, node *yaml.Node, depth int) {
	d.out.WriteByte('{')
	for i, pair := range d.pairs(node) {
		if i > 0 {
			d.out.WriteByte(',')
		}
		name, err := json.Marshal(pair.key.Value)
		if err != nil {
			name = []byte(`""`)
		}
		d.out.Write(name)
		d.out.WriteByte(':')
		child := at.child(pair.key.Value)
		d.lines[child] = pair.key.Line
		d.write(child, pair.value, depth+1)
	}
	d.out.WriteByte('}')
}

type pair struct{ key, value *yaml.Node }

// pairs are a mapping's keys and values, those that << merges in last, without
// duplicates.
func (d *document) pairs(node *yaml.Node) []pair {
	var pairs []pair
	seen := make(map[string]int)
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		first, twice := seen[key.Value]
		switch {
		case key.Kind == yaml.ScalarNode && key.Tag == "!!merge":
			merged = append(merged, value)
		case key.Kind != yaml.ScalarNode || strings.Contains(key.Value, "\n"):
			d.problems.add(key.Line, "a key is "+nodeKind(key)+", but must be one line of text", "write a name before the colon")
		case len(key.Value) > maxKey:
			d.problems.add(key.Line, fmt.Sprintf("a key has %d bytes, more than the %d allowed", len(key.Value), maxKey), "write a name before the colon")
		case twice:
			d.problems.add(key.Line, fmt.Sprintf("the key %q is written twice, first on line %d", key.Value, first), "keep one of them")
		default:
			seen[key.Value] = key.Line
			pairs = append(pairs, pair{key, value})
		}
	}
	for _, value := range merged {
		for _, more := range d.merge(value, 0) {
			if _, there := seen[more.key.Value]; !there {
				seen[more.key.Value] = more.key.Line
				pairs = append(pairs, more)
			}
		}
	}
	return pairs
}

// merge returns what the value of a << key stands for: one mapping, or a list of
// them of which the first wins.
func (d *document) merge(node *yaml.Node, depth int) []pair {
	if depth > 10 {
		d.problems.add(node.Line, "<< is nested too deeply", "write the keys out")
		return nil
	}
	if d.count(node, 1+len(node.Content)) {
		return nil
	}
	switch node.Kind {
	case yaml.AliasNode:
		return d.merge(node.Alias, depth+1)
	case yaml.SequenceNode:
		var all []pair
		for _, item := range node.Content {
			all = append(all, d.merge(item, depth+1)...)
		}
		return all
	case yaml.MappingNode:
		var all []pair
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			switch {
			case key.Tag == "!!merge":
				all = append(all, d.merge(value, depth+1)...)
			case key.Kind == yaml.ScalarNode && len(key.Value) <= maxKey: // a longer one is told where it stands
				all = append(all, pair{key, value})
			}
		}
		return all
	}
	d.problems.add(node.Line, "<< must merge a mapping", "name one with an alias, e.g. <<: *defaults")
	return nil
}

func (d *document) writeScalar(at pointer, node *yaml.Node) {
	switch tag := node.ShortTag(); tag {
	case "!!null":
		d.out.WriteString("null")
		return
	case "!!bool":
		var value bool
		if node.Decode(&value) == nil {
			d.out.WriteString(strconv.FormatBool(value))
			return
		}
	case "!!int":
		var value int64
		if node.Decode(&value) == nil {
			d.out.WriteString(strconv.FormatInt(value, 10))
			return
		}
	case "!!float":
		var value float64
		if node.Decode(&value) == nil && !math.IsInf(value, 0) && !math.IsNaN(value) {
			d.out.WriteString(strconv.FormatFloat(value, 'f', -1, 64))
			return
		}
	case "!!str", "!!timestamp": // a date is text to us
		text, err := json.Marshal(node.Value)
		if err == nil {
			d.out.Write(text)
			return
		}
	default:
		d.problems.add(node.Line, fmt.Sprintf("%s has the tag %s, which means nothing here", at, tag), "remove the tag")
		d.refused[at] = true
		d.out.WriteString("null")
		return
	}
	d.refused[at] = true
	d.problems.add(node.Line, fmt.Sprintf("%s is %q, which is not a value that can be used", at, node.Value), "put text in quotes; write numbers in decimal digits")
	d.out.WriteString("null")
}

func nodeKind(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	return "a single value"
}

func invalidLine(content []byte) int {
	valid := 0
	for valid < len(content) {
		r, size := utf8.DecodeRune(content[valid:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		valid += size
	}
	return 1 + bytes.Count(content[:valid], []byte("\n"))
}
