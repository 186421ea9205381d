package report_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/slipwayhq/slipway/handlers/report"
)

// attacks are what a stranger's name, path, value or message may try.
var attacks = []string{
	"@acme/platform please", "fixes #1", "closes acme/shop#12", "GH-1 gh-2", "https://evil.example/x", "www.evil.example", "a@evil.example",
	"![beacon](https://evil.example/p.png)", "[text](javascript:alert(1))", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "&lt;b&gt;",
	"```\n</details>\n# Plan: 0 changes\n```", "~~~\n<h1>x</h1>", "</details></td></table><b>free", "<!-- slipway:report -->", "--> <b>x</b>",
	"a | b | c", "a \\| b", "a\\", "`", "``", "` `", "x` <b>y</b> `z", "*bold* _it_ ~~gone~~", "line\n\n# heading\n\n- item", "\r\n> quote", "\u202egnp.exe", "zero\u200bwidth\ufeff",
	"\x00\x1b[31mred", "\xff\xfe", ":shipit: :+1:", "$x^2$ $$y$$", "[^1]: note", "[x]: https://evil.example", "- [x] done", "", " ", "   indented", "\t", "|", "\n",
	"http\n://evil.example", "<https://evil.example>", "\\@team", "`@team", "``` @team", "xmpp:a@b.example mailto:a@b.example ftp://evil.example", "acme/shop@0123456",
}

func TestNothingOfStrangersBecomesMarkup(t *testing.T) {
	for _, attack := range attacks {
		t.Run(fmt.Sprintf("%q", attack), func(t *testing.T) { checkInert(t, attack) })
	}
	for _, a := range attacks {
		for _, b := range []string{"`", "\n\n", "|"} { // what ends the place that it stands in
			checkInert(t, a+b+a)
		}
	}
}

func FuzzNothingOfStrangersBecomesMarkup(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, s string) { checkInert(t, s) })
}

// checkInert renders what Slipway says when s stands wherever a stranger has a
// say, and compares it, tag by tag, with the same of a harmless word.
func checkInert(t *testing.T, s string) {
	t.Helper()
	r := hostile(s)
	texts := []string{report.Comment(r)}
	for _, c := range report.Checks(r) {
		texts = append(texts, c.Summary, c.Text)
	}
	for _, text := range texts {
		page := toHTML(t, text)
		if links := regexp.MustCompile(`<(a|img|script|iframe|input|del|em|blockquote)\b[^>]*>`).FindAllString(page, -1); len(links) > 0 {
			t.Fatalf("%q became %q in\n%s", s, links, text)
		}
		checkBalance(t, text)
		if rest := outsideCode(page); meaningful.MatchString(rest) {
			t.Fatalf("%q: GitHub would find %q in\n%s", s, meaningful.FindString(rest), rest)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unprinted(r) }); i >= 0 {
			t.Fatalf("%q: a rune that nobody sees at %q", s, text[i:])
		}
	}
	if n := strings.Count(texts[0], "\n"+report.Marker); n > 0 || !strings.HasPrefix(texts[0], report.Marker+"\n") {
		t.Fatalf("%q: a forged marker begins a line in\n%s", s, texts[0])
	}
	terminal := report.Text(r, false)
	if strings.ContainsFunc(terminal, func(r rune) bool { return r != '\n' && r != '\t' && unprinted(r) }) {
		t.Fatalf("%q: control characters for a terminal in %q", s, terminal)
	}
}

// meaningful is what GitHub makes a mention, a reference or an emoji of, in text
// that is not code.
var meaningful = regexp.MustCompile(`@[a-zA-Z0-9]|#[0-9]|(?i:gh-[0-9])|https?://|(?i:www\.)\S|:[a-z+][a-z0-9_+-]*:`)

func unprinted(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}

var codeElement = regexp.MustCompile(`(?s)<code[^>]*>.*?</code>`)

// outsideCode returns a page's text without what stands in code.
func outsideCode(page string) string {
	return regexp.MustCompile(`<[^>]*>`).ReplaceAllString(codeElement.ReplaceAllString(page, "¤"), "")
}

func toHTML(t *testing.T, text string) string {
	t.Helper()
	var page bytes.Buffer
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := markdown.Convert([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// checkBalance fails unless every fence and every tag of a text is closed, in order.
func checkBalance(t *testing.T, text string) {
	t.Helper()
	fence := ""
	for line := range strings.Lines(text) {
		marks := regexp.MustCompile("^`{3,}").FindString(line)
		switch {
		case fence == "" && marks != "":
			fence = marks
		case fence != "" && strings.TrimRight(line, "\n") == fence:
			fence = ""
		case fence != "" && len(marks) >= len(fence):
			t.Fatalf("a fence is closed by its content: %q", line)
		}
	}
	if fence != "" {
		t.Fatalf("a fence stays open in\n%s", text)
	}
	var open []string
	page := codeElement.ReplaceAllString(toHTML(t, text), "")
	for _, tag := range regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*>`).FindAllStringSubmatch(page, -1) {
		switch {
		case tag[2] == "br" || tag[2] == "hr":
		case tag[1] == "":
			open = append(open, tag[2])
		case len(open) == 0 || open[len(open)-1] != tag[2]:
			t.Fatalf("</%s> closes %v in\n%s", tag[2], open, text)
		default:
			open = open[:len(open)-1]
		}
	}
	if open = slices.Compact(open); len(open) > 0 {
		t.Fatalf("%v stay open in\n%s", open, text)
	}
}
