package edit

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// The keys of an entry of kustomize's images.
const (
	nameKey    = "name"
	newNameKey = "newName"
	newTagKey  = "newTag"
	digestKey  = "digest"
)

// set returns the splices that make a candidate set what is wanted where it sets
// now; ok is false where it is written in a way that cannot be edited.
func (c *candidate) set(now, want Reference) (splices []splice, ok bool) {
	switch {
	case c.tag && want.Tag == "":
		return nil, false
	case c.tag:
		s, ok := c.source.replace(c.scalar, want.Tag)
		return []splice{s}, ok
	case c.scalar != nil:
		s, ok := c.source.replace(c.scalar, want.String())
		return []splice{s}, ok
	}
	m := mapping{c.source, c.entry}
	if now.Name != want.Name {
		if splices, ok = m.put(newNameKey, want.Name); !ok {
			return nil, false
		}
	}
	version, ok := m.version(want)
	return append(splices, version...), ok
}

// version makes an entry's tag and digest those of a reference. Where one takes the
// place of the other it takes its line too, and what is said beside it.
func (m mapping) version(want Reference) ([]splice, bool) {
	tagged, digested := child(m.node, newTagKey) != nil, child(m.node, digestKey) != nil
	switch {
	case digested && !tagged && want.Digest == "" && want.Tag != "":
		return m.rename(digestKey, newTagKey, want.Tag)
	case tagged && !digested && want.Tag == "" && want.Digest != "":
		return m.rename(newTagKey, digestKey, want.Digest)
	}
	var all []splice
	for _, part := range []struct{ key, value string }{{newTagKey, want.Tag}, {digestKey, want.Digest}} {
		splices, ok := m.remove(part.key)
		if part.value != "" {
			splices, ok = m.put(part.key, part.value)
		}
		if !ok {
			return nil, false
		}
		all = append(all, splices...)
	}
	return all, true
}

// A mapping is one in a file, to be edited.
type mapping struct {
	*source
	node *yaml.Node
}

// put gives a key a value: in place, or behind the last of the keys that it
// belongs to.
func (m mapping) put(key, value string) ([]splice, bool) {
	if _, existing := pair(m.node, key); existing != nil {
		s, ok := m.replace(existing, value)
		return []splice{s}, ok
	}
	before := nameKey
	for _, other := range []string{newNameKey, newTagKey} {
		if other != key && child(m.node, other) != nil && (other != newTagKey || key == digestKey) {
			before = other
		}
	}
	keyNode, valueNode := pair(m.node, before)
	if keyNode == nil {
		return nil, false
	}
	at, ok := m.span(valueNode)
	if !ok {
		return nil, false
	}
	line := key + ": " + scalar(value, 0)
	if m.node.Style&yaml.FlowStyle != 0 {
		if keyNode.Style&yaml.DoubleQuotedStyle != 0 {
			line = `"` + key + `": "` + value + `"`
		}
		return []splice{{at.end, at.end, ", " + line}}, true
	}
	return []splice{m.insertBelow(at.end, strings.Repeat(" ", keyNode.Column-1)+line)}, true
}

// insertBelow puts lines below the line of a position.
func (s *source) insertBelow(at int, lines string) splice {
	end, next := s.endOfLine(at)
	if end == next { // the file ends without a line break
		return splice{end, end, s.newline() + lines}
	}
	return splice{next, next, lines + s.newline()}
}

// rename puts another key and value in the place of a pair.
func (m mapping) rename(from, to, value string) ([]splice, bool) {
	keyNode, valueNode := pair(m.node, from)
	key, ok := m.replace(keyNode, to)
	if !ok {
		return nil, false
	}
	s, ok := m.replace(valueNode, value)
	return []splice{key, s}, ok
}

// remove takes a pair away, with its line if it has one to itself; nothing where
// there is none.
func (m mapping) remove(key string) ([]splice, bool) {
	keyNode, valueNode := pair(m.node, key)
	if keyNode == nil {
		return nil, true
	}
	at, ok := m.span(valueNode)
	start := m.offset(keyNode)
	if !ok || start < 0 {
		return nil, false
	}
	i := slices.Index(m.node.Content, keyNode)
	switch flow := m.node.Style&yaml.FlowStyle != 0; {
	case flow && i > 0:
		before, ok := m.span(m.node.Content[i-1])
		return []splice{{before.end, at.end, ""}}, ok
	case i == 0 && len(m.node.Content) == 2:
		return nil, false
	case i == 0:
		return []splice{{start, m.offset(m.node.Content[2]), ""}}, true
	case flow:
		return nil, false
	}
	_, next := m.endOfLine(at.end)
	return []splice{{m.lines[keyNode.Line-1], next, ""}}, true
}

// replace puts a value in the place of a scalar, quoted as it was.
func (s *source) replace(node *yaml.Node, value string) (splice, bool) {
	at, ok := s.span(node)
	if !ok {
		return splice{}, false
	}
	return splice{s.inFile(at.start), s.inFile(at.start) + at.end - at.start, scalar(value, at.style)}, true
}

// scalar writes a value of harmless characters in a style, quoted where it would
// be read as something else than a text.
func scalar(value string, style yaml.Style) string {
	switch {
	case style&yaml.SingleQuotedStyle != 0:
		return "'" + value + "'"
	case style&yaml.DoubleQuotedStyle != 0 || !plain(value):
		return `"` + value + `"`
	}
	return value
}

// words are what YAML 1.1 reads as true, false or null.
var words = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// plain reports whether a value that is not quoted is read as the text that it is,
// by YAML 1.1 and 1.2.
func plain(value string) bool {
	var read any
	if yaml.Unmarshal([]byte(value), &read) != nil || slices.Contains(words, strings.ToLower(value)) {
		return false
	}
	// What begins with a digit and has a colon may be a number to the base of 60.
	return read == value && (value[0] < '0' || value[0] > '9' || !strings.Contains(value, ":"))
}

// newEntry is what a new entry of images says, a part for each line.
func newEntry(now, want Reference) []string {
	parts := []string{nameKey + ": " + scalar(now.Name, 0)}
	for _, p := range [][2]string{{newNameKey, want.Name}, {newTagKey, want.Tag}, {digestKey, want.Digest}} {
		if p[1] != "" && (p[0] != newNameKey || want.Name != now.Name) {
			parts = append(parts, p[0]+": "+scalar(p[1], 0))
		}
	}
	return parts
}

// add returns the splice that adds entries to the images of a kustomization; ok is
// false where they are written in a way that cannot be edited.
func (f *file) add(entries [][]string) (splice, bool) {
	if f.root.Style&yaml.FlowStyle != 0 {
		return splice{}, false
	}
	_, images := pair(f.root, "images")
	switch {
	case images == nil:
		return f.appendImages(entries), true
	case images.Kind == yaml.SequenceNode && images.Style&yaml.FlowStyle != 0:
		return f.addFlow(images, entries)
	case images.Kind == yaml.SequenceNode && len(images.Content) > 0:
		return f.addBlock(images, entries)
	}
	return splice{}, false
}

// block writes entries as items of a block list.
func (f *file) block(entries [][]string, indent, gap int) string {
	newline, dash := f.source.newline(), strings.Repeat(" ", indent)
	var items []string
	for _, parts := range entries {
		items = append(items, dash+"-"+strings.Repeat(" ", gap)+strings.Join(parts, newline+dash+strings.Repeat(" ", gap+1)))
	}
	return strings.Join(items, newline)
}

// addBlock puts entries below the last one of a block list, indented like it.
func (f *file) addBlock(images *yaml.Node, entries [][]string) (splice, bool) {
	last := images.Content[len(images.Content)-1]
	end := -1
	for _, node := range last.Content {
		at, ok := f.source.span(node)
		if !ok {
			return splice{}, false
		}
		end = max(end, at.end)
	}
	gap := 1
	if last.Style&yaml.FlowStyle == 0 {
		gap = max(1, last.Column-images.Column-1)
	}
	if end < 0 {
		return splice{}, false
	}
	return f.source.insertBelow(f.source.pastComments(end, images.Column), f.block(entries, images.Column-1, gap)), true
}

// pastComments passes over the lines below a position that are comments and nothing
// else, and are indented by a number of characters: they are about what is above.
func (s *source) pastComments(at, indent int) int {
	for {
		_, next := s.endOfLine(at)
		stop, _ := s.endOfLine(next)
		line := string(s.content[next:stop])
		if !strings.HasPrefix(line, strings.Repeat(" ", indent)) || !strings.HasPrefix(strings.TrimLeft(line, " "), "#") {
			return at
		}
		at = next
	}
}

// addFlow puts entries into a list in brackets.
func (f *file) addFlow(images *yaml.Node, entries [][]string) (splice, bool) {
	start := f.source.offset(images)
	if start < 0 || f.source.content[start] != '[' {
		return splice{}, false
	}
	var items []string
	for _, parts := range entries {
		items = append(items, "{"+strings.Join(parts, ", ")+"}")
	}
	text := strings.Join(items, ", ")
	if len(images.Content) > 0 {
		text += ", "
	}
	return splice{start + 1, start + 1, text}, true
}

// appendImages puts a list of images at the end of a kustomization, before the mark
// that ends it if there is one, indented as its other lists are, after an empty line
// if it has any.
func (f *file) appendImages(entries [][]string) splice {
	indent := 2
	for i := 1; i < len(f.root.Content); i += 2 {
		if node := f.root.Content[i]; node.Kind == yaml.SequenceNode && node.Style&yaml.FlowStyle == 0 {
			indent = node.Column - f.root.Column
			break
		}
	}
	end := f.endOfDocument()
	content, newline := f.source.content[:end], f.source.newline()
	start := strings.Repeat(" ", f.root.Column-1) + "images:" + newline
	if len(content) > 0 && content[len(content)-1] != '\n' {
		start = newline + start
	}
	if strings.Contains(string(content), newline+newline) {
		start = newline + start
	}
	return splice{end, end, start + f.block(entries, f.root.Column-1+indent, 1) + newline}
}

// endOfDocument is where the kustomization ends: at the mark of its end or of another
// document's start, or with the file.
func (f *file) endOfDocument() int {
	for _, start := range f.source.lines[f.root.Line:] {
		if mark := string(f.source.content[start:min(start+3, len(f.source.content))]); mark == "---" || mark == "..." {
			return start
		}
	}
	return len(f.source.content)
}
