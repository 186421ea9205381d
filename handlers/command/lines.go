package command

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// A line is one that may be a command: of a paragraph of the comment's own text,
// starting with at most three spaces and then something like a slash.
type line struct {
	number int    // 1-based
	text   string // trimmed
	// within names the block that the line belongs to as Markdown has it, though
	// it does not look so: "quote" or "list"; else empty.
	within string
}

// blocks finds what is quote, code, list and HTML, as GitHub does. Inline Markup
// is read by a reader, whose time grows with the text alone.
var blocks = parser.NewParser(
	parser.WithBlockParsers(parser.DefaultBlockParsers()...),
	parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
)

// candidates are the lines of a comment that may be commands, in their order.
func candidates(body string) []line {
	body = strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\r", "\n")
	source := flatten([]byte(body))
	r := reader{source: source}
	document := blocks.Parse(text.NewReader(source))
	for node := document.FirstChild(); node != nil; node = node.NextSibling() {
		r.block(node, "")
	}
	return r.found
}

// maxDepth is how many quotes and lists in one another are told apart.
const maxDepth = 32

// flatten takes away the markers of quotes and lists that are nested deeper than
// anybody reads, on which a parser would spend its time. What was text stays text.
func flatten(source []byte) []byte {
	const signs, around = ">-+*.)", " \t0123456789"
	flat := make([]byte, 0, len(source))
	for content := range bytes.Lines(source) {
		markers, at := 0, 0
		for at < len(content) && markers <= maxDepth && strings.IndexByte(signs+around, content[at]) >= 0 {
			if strings.IndexByte(signs, content[at]) >= 0 {
				markers++
			}
			at++
		}
		flat = append(flat, content[:at]...)
		if markers > maxDepth {
			rest := bytes.TrimLeft(content[at:], signs+around)
			if last := string(content[at-1]); len(bytes.Trim(content[at:len(content)-len(rest)], last+" \t")) > 0 {
				flat = append(flat, 'x') // or a mixed line could become a rule, which ends a paragraph
			}
			flat = append(flat, rest...)
			continue
		}
		flat = append(flat, content[at:]...)
	}
	return flat
}

// A reader goes through a document from top to bottom.
type reader struct {
	source []byte
	found  []line

	number, counted int // the line number, 1-based less one, of the offset counted

	hidden    bool     // inside an HTML comment that no --> has ended yet
	unclosed  [2]bool  // which of enclosed nothing closes in what is read now
	quotation []string // HTML elements that are open and show what others said
}

func (r *reader) block(node ast.Node, within string) {
	switch node := node.(type) {
	case *ast.Paragraph, *ast.TextBlock, *ast.Heading:
		r.paragraph(node.Lines(), within)
	case *ast.HTMLBlock:
		lines := node.Lines()
		if lines.Len() > 0 {
			stop := lines.At(lines.Len() - 1).Stop
			if node.HasClosure() {
				stop = max(stop, node.ClosureLine.Stop)
			}
			r.inline(r.source[lines.At(0).Start:stop], true)
		}
	case *ast.Blockquote:
		r.children(node, "quote")
	case *ast.List:
		if within == "" {
			within = "list"
		}
		r.children(node, within)
	case *ast.ListItem:
		r.children(node, within)
	}
}

func (r *reader) children(node ast.Node, within string) {
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		r.block(child, within)
	}
}

// paragraph finds the candidates of a paragraph: lines whose start is neither in
// code nor in markup.
func (r *reader) paragraph(lines *text.Segments, within string) {
	if lines.Len() == 0 {
		return
	}
	from, to := lines.At(0).Start, lines.At(lines.Len()-1).Stop
	covered := r.inline(r.source[from:to], false)
	for i := range lines.Len() {
		segment := lines.At(i)
		start := bytes.LastIndexByte(r.source[:segment.Start], '\n') + 1
		indent := start
		for indent < segment.Stop && r.source[indent] == ' ' {
			indent++
		}
		if indent-start > 3 || covered(segment.Start-from) {
			continue
		}
		content := strings.TrimRight(string(r.source[indent:segment.Stop]), " \t\n")
		if !strings.HasPrefix(content, "/") && (content == "" || content[0] < 0x80) {
			continue
		}
		r.number += bytes.Count(r.source[r.counted:indent], []byte("\n"))
		r.counted = indent
		r.found = append(r.found, line{number: r.number + 1, text: content, within: within})
	}
}

// tag is what CommonMark takes for an HTML tag.
var tag = regexp.MustCompile(`^</?([A-Za-z][A-Za-z0-9-]*)(?:\s+[A-Za-z_:][A-Za-z0-9:._-]*(?:\s*=\s*(?:[^"'=<>` + "`" + `\x00-\x20]+|'[^']*'|"[^"]*"))?)*\s*/?>`)

// showing are the elements that show what is not said.
var showing = map[string]bool{
	"details": true, "summary": true, "blockquote": true, "q": true, "cite": true, "pre": true, "code": true, "samp": true, "kbd": true, "tt": true,
	"xmp": true, "listing": true, "plaintext": true, "del": true, "s": true, "strike": true, "textarea": true, "template": true,
	"script": true, "style": true, "noscript": true, "title": true, "iframe": true, "noembed": true, "noframes": true,
}

// inline goes through markup, keeps what is open at its end, and returns which of
// its positions, asked for in ascending order, command nothing.
func (r *reader) inline(content []byte, html bool) (covered func(at int) bool) {
	type region struct{ from, to int }
	var regions []region
	cover := func(from, to int) {
		if n := len(regions); n > 0 && regions[n-1].to >= from {
			regions[n-1].to = max(regions[n-1].to, to)
			return
		}
		regions = append(regions, region{from, to})
	}
	ticks, ends := backticks(content), address{}
	r.unclosed = [2]bool{}
	for at := 0; at < len(content); {
		from := at
		if r.hidden {
			end := bytes.Index(content[at:], []byte("-->"))
			r.hidden = end < 0
			at += end + len("-->")
			if r.hidden {
				at = len(content)
			}
			cover(from, at)
			continue
		}
		switch c := content[at]; {
		case c == '\\' && !html:
			at += 2
		case c == '`' && !html:
			var code bool
			if at, code = ticks.skip(at); code {
				cover(from, at)
			}
		case bytes.HasPrefix(content[at:], []byte("<!--")):
			r.hidden = true
			at += len("<!") // <!--> is a comment
		case c == '<':
			at = r.markup(content, at)
			if at > from+1 {
				cover(from, at)
			}
		case c == ']' && !html && ends.backtick(content, at):
			at = len(content) // whether what follows is code only a parser of links could say
			cover(from, at)
		default:
			at++
		}
		if len(r.quotation) > 0 {
			cover(from, min(at, len(content)))
		}
	}
	next := 0
	return func(at int) bool {
		for next < len(regions) && regions[next].to <= at {
			next++
		}
		return next < len(regions) && regions[next].from <= at
	}
}

// other is what CommonMark takes for an address in angle brackets or a declaration.
var other = regexp.MustCompile(`^<(?:[^\s<>]*[:@][^\s<>]*>|![A-Z][^>]*>)`)

// enclosed are what else starts with < and ends at a mark of its own.
var enclosed = []struct{ opening, closing []byte }{
	{[]byte("<?"), []byte("?>")},
	{[]byte("<![CDATA["), []byte("]]>")},
}

// An address finds where that of a link ends; it remembers the last, so that the
// whole text is looked at once.
type address struct{ end int }

// backtick reports whether the link's address that may start at a closing bracket
// has a backtick in it.
func (a *address) backtick(content []byte, at int) bool {
	if !bytes.HasPrefix(content[at:], []byte("](")) {
		return false
	}
	at += len("](")
	for at < len(content) && (content[at] == ' ' || content[at] == '\n') {
		at++
	}
	if a.end < at {
		a.end = len(content)
		if length := bytes.IndexAny(content[at:], "`)\n"); length >= 0 {
			a.end = at + length
		}
	}
	return a.end < len(content) && content[a.end] == '`'
}

// markup passes over the tag at content[at], or over the < if it is none.
func (r *reader) markup(content []byte, at int) int {
	match := tag.FindSubmatchIndex(content[at:])
	if match == nil {
		return at + r.untagged(content, at)
	}
	name := strings.ToLower(string(content[at+match[2] : at+match[3]]))
	switch {
	case !showing[name]:
	case content[at+1] != '/':
		r.quotation = append(r.quotation, name)
	default:
		for i := len(r.quotation) - 1; i >= max(0, len(r.quotation)-maxDepth); i-- {
			if r.quotation[i] == name {
				r.quotation = r.quotation[:i]
				break
			}
		}
	}
	return at + match[1]
}

// untagged is the length of what starts with the < at content[at] and is no tag: 1
// where it is nothing but that.
func (r *reader) untagged(content []byte, at int) int {
	if match := other.FindIndex(content[at:]); match != nil {
		return match[1]
	}
	for i, e := range enclosed {
		if !bytes.HasPrefix(content[at:], e.opening) || r.unclosed[i] {
			continue
		}
		if end := bytes.Index(content[at:], e.closing); end >= 0 {
			return end + len(e.closing)
		}
		r.unclosed[i] = true // do not look again
	}
	return 1
}

// runs are the backticks of a text: where those of each length start.
type runs struct {
	length map[int]int   // by start
	starts map[int][]int // by length, ascending
}

func backticks(content []byte) runs {
	all := runs{map[int]int{}, map[int][]int{}}
	for at := 0; at < len(content); {
		if content[at] != '`' {
			at++
			continue
		}
		end := at
		for end < len(content) && content[end] == '`' {
			end++
		}
		all.length[at] = end - at
		all.starts[end-at] = append(all.starts[end-at], at)
		at = end
	}
	return all
}

// skip passes over the code that the backticks at a position open, or over the
// backticks if nothing closes them.
func (r runs) skip(at int) (end int, code bool) {
	length, whole := r.length[at]
	if !whole { // the one before it is escaped
		length = r.length[at-1] - 1
	}
	starts := r.starts[length]
	for len(starts) > 0 && starts[0] <= at {
		starts = starts[1:]
	}
	r.starts[length] = starts
	if len(starts) == 0 {
		return at + length, false
	}
	return starts[0] + length, true
}
