package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// FuzzParse holds to any text: it is parsed without a panic, within bounds; what
// is obeyed stands, by a whole Markdown parser's word, in no quote, code or HTML;
// and printed as we print it, it is the same command again.
func FuzzParse(f *testing.F) {
	for _, seed := range hostile {
		f.Add(strings.Repeat(seed, 3) + "\n/apply production\n" + seed)
	}
	for _, seed := range []string{
		"/promote staging -> production web", "```\n/apply\n```\n/apply", "> a\n\n/confirm production/web 0123456789ab",
		"`a\n/plan\n`", "a <b>\n/plan\n</b>", "/slipway\n/help plan", "<details>\n\n/plan", "[a](b `c\n/plan\n`)", "[a]: /plan\n/plan",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 60_000 {
			return
		}
		commands, mistakes := Parse(body)
		if len(commands) > MaxCommands || len(mistakes) > MaxCommands {
			t.Fatalf("%d commands, %d mistakes", len(commands), len(mistakes))
		}
		shown := shownLines(body)
		for _, c := range commands {
			if shown[c.Line] {
				t.Errorf("obeyed what is only shown, line %d: %q", c.Line, c.Text)
			}
			again, mistakes := Parse(c.String())
			c.Line, c.Text = 1, c.String()
			if diff := cmp.Diff([]Command{c}, again); diff != "" || len(mistakes) > 0 {
				t.Errorf("%q parsed again (-want +got):\n%s%v", c, diff, mistakes)
			}
		}
	})
}

// shownLines are the lines that start in a quote, in code or in HTML, by the word
// of goldmark as a whole.
func shownLines(body string) map[int]bool {
	body = strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\r", "\n")
	source := []byte(body)
	shown := map[int]bool{}
	mark := func(start, stop int) {
		for at := start; at < stop; at++ {
			if at == 0 || source[at-1] == '\n' {
				shown[1+strings.Count(body[:at], "\n")] = true
			}
		}
	}
	lines := func(node ast.Node) {
		for i := range node.Lines().Len() {
			segment := node.Lines().At(i)
			start := strings.LastIndexByte(body[:segment.Start], '\n') + 1
			mark(start, segment.Stop)
		}
	}
	_ = ast.Walk(goldmark.New().Parser().Parse(text.NewReader(source)), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.FencedCodeBlock, *ast.CodeBlock, *ast.HTMLBlock:
			lines(node)
		case *ast.CodeSpan:
			for child := node.FirstChild(); child != nil; child = child.NextSibling() {
				segment := child.(*ast.Text).Segment
				mark(segment.Start, segment.Stop)
			}
		case *ast.RawHTML:
			for i := range node.Segments.Len() {
				mark(node.Segments.At(i).Start, node.Segments.At(i).Stop)
			}
		case *ast.Paragraph, *ast.TextBlock:
			for parent := node.Parent(); parent != nil; parent = parent.Parent() {
				if parent.Kind() == ast.KindBlockquote {
					lines(node)
				}
			}
		}
		return ast.WalkContinue, nil
	})
	return shown
}
