package edit

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// A source is a text in YAML with the places of its lines: a file, or a text
// within a file whose lines are those of the file but for their indentation.
type source struct {
	content []byte
	lines   []int // where each line starts
	outer   []int // where each line starts in the file; nil where the text is the file
}

func newSource(content []byte) *source {
	s := &source{content: content, lines: []int{0}}
	if bytes.HasPrefix(content, []byte("\ufeff")) {
		s.lines[0] = len("\ufeff") // the parser does not count it
	}
	for at := 0; at < len(content); {
		if size := breakAt(content, at); size > 0 {
			at += size
			s.lines = append(s.lines, at)
			continue
		}
		at++
	}
	return s
}

// breakAt is the length of the line break at a position, as YAML 1.1 has them; 0
// where there is none.
func breakAt(content []byte, at int) int {
	for _, ending := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if bytes.HasPrefix(content[at:], []byte(ending)) {
			return len(ending)
		}
	}
	return 0
}

// offset is where a node starts, or -1. Columns count characters.
func (s *source) offset(node *yaml.Node) int {
	if node.Line < 1 || node.Line > len(s.lines) {
		return -1
	}
	at := s.lines[node.Line-1]
	for range node.Column - 1 {
		if at >= len(s.content) {
			return -1
		}
		_, size := utf8.DecodeRune(s.content[at:])
		at += size
	}
	return at
}

// inFile is a position as one of the file.
func (s *source) inFile(at int) int {
	if s.outer == nil {
		return at
	}
	line, found := slices.BinarySearch(s.lines, at)
	if !found {
		line--
	}
	return s.outer[line] + at - s.lines[line]
}

// endOfLine is where the line of a position ends, before its break, and where the
// next one starts.
func (s *source) endOfLine(at int) (end, next int) {
	for end = at; end < len(s.content); end++ {
		if size := breakAt(s.content, end); size > 0 {
			return end, end + size
		}
	}
	return end, end
}

// newline is the line break that the text uses.
func (s *source) newline() string {
	if at := bytes.IndexByte(s.content, '\n'); at > 0 && s.content[at-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// A span is where a scalar stands in its source, with what is around its value.
type span struct {
	start, end int
	style      yaml.Style
}

// span finds a scalar that is written on one line, or an alias that stands for
// one; ok is false for anything else.
func (s *source) span(node *yaml.Node) (span, bool) {
	start := s.offset(node)
	if start < 0 {
		return span{}, false
	}
	if node.Kind == yaml.AliasNode {
		text := "*" + node.Value
		return span{start, start + len(text), 0}, bytes.HasPrefix(s.content[start:], []byte(text))
	}
	if node.Kind != yaml.ScalarNode {
		return span{}, false
	}
	start = s.pastProperties(start)
	rest := s.content[start:]
	if end, _ := s.endOfLine(start); end-start < len(rest) {
		rest = rest[:end-start]
	}
	length := -1
	switch {
	case len(rest) == 0:
	case rest[0] == '"' && node.Style&yaml.DoubleQuotedStyle != 0:
		length = doubleQuoted(rest)
	case rest[0] == '\'' && node.Style&yaml.SingleQuotedStyle != 0:
		length = singleQuoted(rest)
	case node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 && node.Value != "" && bytes.HasPrefix(rest, []byte(node.Value)):
		length = len(node.Value)
	}
	return span{start, start + length, node.Style}, length > 0
}

// pastProperties passes over an anchor and a tag in front of a value.
func (s *source) pastProperties(at int) int {
	for at < len(s.content) && (s.content[at] == '&' || s.content[at] == '!') {
		for at < len(s.content) && s.content[at] != ' ' && breakAt(s.content, at) == 0 {
			at++
		}
		for at < len(s.content) && s.content[at] == ' ' {
			at++
		}
	}
	return at
}

// doubleQuoted is the length of the quoted text at the start of a line, or -1.
func doubleQuoted(line []byte) int {
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// singleQuoted is the length of the quoted text at the start of a line, or -1.
func singleQuoted(line []byte) int {
	for i := 1; i < len(line); i++ {
		if line[i] != '\'' {
			continue
		}
		if i+1 == len(line) || line[i+1] != '\'' {
			return i + 1
		}
		i++
	}
	return -1
}

// literal is the text of a literal block scalar as a source of its own; nil where
// the node is none, or its lines are not those of the file.
func (s *source) literal(node *yaml.Node) *source {
	if node.Kind != yaml.ScalarNode || node.Style&yaml.LiteralStyle == 0 || s.outer != nil {
		return nil
	}
	inner := newSource([]byte(node.Value))
	indent := -1
	for i, start := range inner.lines {
		if node.Line+i >= len(s.lines) {
			if start == len(inner.content) { // after the last break there is no line
				inner.outer = append(inner.outer, len(s.content))
				continue
			}
			return nil
		}
		end, _ := inner.endOfLine(start)
		line := inner.content[start:end]
		from := s.lines[node.Line+i]
		if len(line) == 0 {
			inner.outer = append(inner.outer, from)
			continue
		}
		stop, _ := s.endOfLine(from)
		whole := s.content[from:stop]
		if indent < 0 {
			indent = bytes.Index(whole, line)
		}
		if indent < 0 || len(whole) < indent || strings.Trim(string(whole[:indent]), " ") != "" || !bytes.Equal(whole[indent:], line) {
			return nil
		}
		inner.outer = append(inner.outer, from+indent)
	}
	return inner
}

// A splice puts text in the place of some bytes of a file.
type splice struct {
	start, end int
	text       string
}

// spliced applies splices that do not overlap; those at one place in their order.
func spliced(content []byte, splices []splice) []byte {
	ordered := slices.Clone(splices)
	slices.SortStableFunc(ordered, func(a, b splice) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	at := 0
	for _, s := range ordered {
		if s.start < at {
			continue // two splices of one place; the proof refuses what comes of it
		}
		out = append(append(out, content[at:s.start]...), s.text...)
		at = s.end
	}
	return append(out, content[at:]...)
}
