package report

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names, values and messages come from a stranger's repository and from clusters.
// The functions of this file are the only way in which they reach Markdown.

// blank are runes that unicode counts as printable and that print nothing.
const blank = "\u115f\u1160\u2800\u3164\uffa0"

// visible returns s with every rune that prints nothing, or that changes how its
// neighbours print (line ends, directions, zero widths), as the escape that Go
// writes for it. Its result is one line.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !hidden(r):
			b.WriteRune(r)
		case strings.ContainsRune(blank, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			quoted := fmt.Sprintf("%+q", string(r))
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(blank, r) }

// magic is what GitHub makes links, references and emoji of in prose, beside @ and #.
var magic = regexp.MustCompile(`://|:[a-zA-Z0-9_+-]+:|(?i:www\.)|(?i:gh-[0-9])`)

// prose returns s for a place inside a line of Markdown, printing as itself: no
// markup, tag, link, image, mention, reference or emoji comes of it. It must not
// stand at the start of a line.
func prose(s string) string {
	const cut = "\u200b" // visible leaves none in s, so each is ours
	s = visible(s)
	for at := magic.FindStringIndex(s); at != nil; at = magic.FindStringIndex(s) { // again, since two may overlap
		middle := at[0] + 1
		if s[at[0]] != ':' {
			middle = at[1] - 1
		}
		s = s[:middle] + cut + s[middle:]
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\u200b':
			b.WriteString("&#8203;")
		case r == '@' || r == '#':
			b.WriteString(string(r) + "&#8203;")
		case r == '<' || r == '>' || r == '&' || r == '$':
			fmt.Fprintf(&b, "&#%d;", r)
		case strings.ContainsRune("\\`*_[]|~", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code returns s as a code span, in which GitHub looks for nothing.
func code(s string) string {
	s = visible(s)
	if strings.TrimSpace(s) == "" {
		return "(empty)"
	}
	ticks := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.ContainsRune("` ", rune(s[0])) || strings.ContainsRune("` ", rune(s[len(s)-1])) {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// cell returns s as a code span for a table, whose cells a pipe would end.
func cell(s string) string { return code(strings.ReplaceAll(s, "|", `\x7c`)) }

// tag returns s as code for a place inside a tag, where Markdown means nothing.
func tag(s string) string { return "<code>" + html.EscapeString(visible(s)) + "</code>" }

// fence returns a fenced block of lines; nothing in them can end it, and no marker
// of ours stands in it.
func fence(language string, lines []string) string {
	marks := fenceFor(lines)
	text := forged.ReplaceAllString(strings.Join(lines, "\n"), `<\!--$1`)
	return marks + language + "\n" + text + "\n" + marks + "\n"
}

var forged = regexp.MustCompile(`<!--(\s*slipway:)`)

// fenceFor returns a fence longer than any run of backticks in lines.
func fenceFor(lines []string) string {
	n := 2
	for _, l := range lines {
		n = max(n, longestRun(l, '`'))
	}
	return strings.Repeat("`", n+1)
}

// visibleText is visible for one line of a text, in which tabs are as they are.
func visibleText(s string) string {
	parts := strings.Split(s, "\t")
	for i := range parts {
		parts[i] = visible(parts[i])
	}
	return strings.Join(parts, "\t")
}

func longestRun(s string, of byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] == of {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}

// short returns s with at most n characters, its middle left out if it must be:
// the ends of a name tell most.
func short(s string, n int) string {
	if len(s) > 8*n { // the middle of so long a one is left out in any case
		s = s[:4*n] + s[len(s)-4*n:]
	}
	s = visible(s)
	if size(s) <= n {
		return s
	}
	runes := []rune(s)
	head := n * 2 / 3
	return string(runes[:head]) + "…" + string(runes[len(runes)-(n-head-1):])
}

// brief returns s with at most about n characters and says how many there were.
func brief(s string, n int) string {
	if size(s) <= n {
		return s
	}
	return fmt.Sprintf("%s… (%s characters)", string([]rune(s)[:n]), number(size(s)))
}

// size counts characters as GitHub does.
func size(s string) int { return utf8.RuneCountInString(s) }

// sentence is prose in which what stands between backticks becomes a code span.
func sentence(s string) string {
	pieces := strings.Split(s, "`")
	if len(pieces)%2 == 0 { // one is left open
		return prose(s)
	}
	for i, piece := range pieces {
		switch {
		case i%2 == 0:
			pieces[i] = prose(piece)
		case strings.TrimSpace(piece) == "":
			pieces[i] = prose("`" + piece + "`")
		default:
			pieces[i] = code(piece)
		}
	}
	return strings.Join(pieces, "")
}

// title returns s for the title of an issue or a pull request: a line of text without
// Markdown that may end up in a commit message, where mentions and references count.
func title(s string) string {
	s = short(s, 60)
	var b strings.Builder
	for _, r := range s {
		if r == '@' || r == '#' || r == '`' {
			b.WriteRune('\'')
			continue
		}
		b.WriteRune(r)
	}
	return magic.ReplaceAllStringFunc(b.String(), func(m string) string { return strings.Map(dull, m) })
}

// dull returns what makes magic of letters as something that does not.
func dull(r rune) rune {
	switch r {
	case ':', '/', '.', '-':
		return '\''
	default:
		return r
	}
}
