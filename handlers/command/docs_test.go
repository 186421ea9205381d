package command

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func page(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Every example of the page is a command, every verb has its row as help has it,
// and every verb has an example.
func TestDocumentedCommands(t *testing.T) {
	page, promotions := page(t, "commands.md"), page(t, "promotion.md")
	seen := map[Verb]bool{}
	for _, block := range regexp.MustCompile("(?s)```text\n(.*?)```").FindAllStringSubmatch(page+"\n"+promotions, -1) {
		for line := range strings.Lines(block[1]) {
			commands, mistakes := Parse(line)
			if len(commands) != 1 || len(mistakes) > 0 {
				t.Errorf("%q: %v, %v", line, commands, mistakes)
				continue
			}
			seen[commands[0].Verb] = true
		}
	}
	for _, verb := range Verbs() {
		form, about := Usage(verb)
		if !seen[verb] {
			t.Errorf("no example of /%s", verb)
		}
		if row := "| `" + strings.ReplaceAll(form, "|", `\|`) + "` | " + about; !strings.Contains(page, row) {
			t.Errorf("no row that starts with %s", row)
		}
		if commands, mistakes := Parse(Example(verb)); len(commands) != 1 || commands[0].String() != Example(verb) || len(mistakes) > 0 {
			t.Errorf("the example of /%s gives %v, %v", verb, commands, mistakes)
		}
	}
}

// What the page says of mistakes is what people are told.
func TestDocumentedMistakes(t *testing.T) {
	page := page(t, "commands.md")
	_, table, _ := strings.Cut(page, "| line | answer |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) < 5 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		parts := regexp.MustCompile("^\\| `(.*)` \\| (.*) \\|$").FindStringSubmatch(row)
		if parts == nil {
			t.Errorf("what is %q?", row)
			continue
		}
		commands, mistakes := Parse(parts[1])
		if len(commands) > 0 || len(mistakes) != 1 {
			t.Errorf("%q: %v, %v", parts[1], commands, mistakes)
		} else if got := mistakes[0].Message + "; " + mistakes[0].Hint; got != parts[2] {
			t.Errorf("%q is told %q, the page says %q", parts[1], got, parts[2])
		}
	}
}

// The page's comment gives the one command that the page says, the page itself none
// of those in its code, and the line below a quote is told.
func TestDocumentedComments(t *testing.T) {
	page := page(t, "commands.md")
	comment := regexp.MustCompile("(?s)````markdown\n(.*?)````").FindStringSubmatch(page)
	if comment == nil {
		t.Fatal("no comment in the page")
	}
	if got := said(comment[1]); len(got) != 1 || got[0] != "/apply staging" {
		t.Errorf("the comment gives %q", got)
	}
	if got := said(page); len(got) > 0 {
		t.Errorf("the page itself gives %q", got)
	}
	quoted := regexp.MustCompile("(?s)\n```markdown\n(.*?)```").FindStringSubmatch(page)
	if got := said(quoted[1]); len(got) != 1 || !strings.Contains(got[0], "inside the quote") {
		t.Errorf("below a quote: %q", got)
	}
}
