package view

import (
	"bytes"

	"gopkg.in/yaml.v3"
)

// maxExpanded is how large a file may become when its YAML aliases are written
// out: bytes, with a hundred more for each node.
const maxExpanded = 64 << 20

// maxDepth is how deep YAML may nest. The engines recurse, and a goroutine that
// runs out of stack ends the process.
const maxDepth = 500

// Bomb reports whether content is YAML whose aliases expand past all measure or
// refer to themselves, or that nests too deep. The engines write aliases out
// before anything else could stop them. Content with neither aliases nor a
// suspicious shape, which is nearly all, is not parsed.
func Bomb(content []byte) bool {
	if !hasAlias(content) && !mayBeDeep(content) {
		return false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	total := 0
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			// What does not parse is the engine's to complain about.
			return false
		}
		size, ok := expanded(&document, map[*yaml.Node]int{}, 0)
		if total += size; !ok || total > maxExpanded {
			return true
		}
	}
}

// hasAlias reports whether there is an asterisk followed by a letter or digit
// where an alias could stand.
func hasAlias(content []byte) bool {
	for rest := content; ; {
		at := bytes.IndexByte(rest, '*')
		if at < 0 || at == len(rest)-1 {
			return false
		}
		next := rest[at+1]
		// Beyond ASCII are three more ways to end a line.
		opens := at == 0 || rest[at-1] >= 0x80 || bytes.IndexByte([]byte(" \t\r\n[{,:-?"), rest[at-1]) >= 0
		if opens && next > ' ' && bytes.IndexByte([]byte("*,[]{}/."), next) < 0 {
			return true
		}
		rest = rest[at+1:]
	}
}

// mayBeDeep reports whether brackets, dashes or indentation could make more than
// maxDepth levels. Brackets in texts count too, so it errs on the side of yes.
func mayBeDeep(content []byte) bool {
	if len(content) < 2*maxDepth {
		return false
	}
	open, lead, leading := 0, 0, true
	for _, c := range content {
		switch {
		case c == '\n' || c == '\r' || c >= 0x80: // perhaps the end of a line
			lead, leading = 0, true
		case leading && (c == ' ' || c == '-' || c == '?'):
			lead++
		default:
			leading = false
		}
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open--
		}
		if open > maxDepth || lead > maxDepth {
			return true
		}
	}
	return false
}

// expanded is the size of node with its aliases written out; false where a node
// contains itself, nests too deep, or the size is past the bound. sizes has -1
// for what is open.
func expanded(node *yaml.Node, sizes map[*yaml.Node]int, depth int) (int, bool) {
	if depth > maxDepth {
		return 0, false
	}
	if node.Kind == yaml.AliasNode {
		return expanded(node.Alias, sizes, depth+1)
	}
	if size, seen := sizes[node]; seen {
		return size, size >= 0
	}
	sizes[node] = -1
	size := 100 + len(node.Value)
	for _, child := range node.Content {
		n, ok := expanded(child, sizes, depth+1)
		if size += n; !ok || size > maxExpanded {
			return size, false
		}
	}
	sizes[node] = size
	return size, true
}
