package report_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/handlers/report/reporttest"
	"github.com/slipwayhq/slipway/preview"
)

// TestEverySizeFits makes reports of all sizes and asks of each: is it within
// GitHub's limits, is it whole Markdown, and is every target named or counted?
func TestEverySizeFits(t *testing.T) {
	for i, size := range []struct{ targets, objects, length int }{
		{1, 1, 10}, {1, 5, 70000}, {1, 400, 200}, {2, 60, 2000}, {12, 3, 50}, {25, 4, 100}, {26, 4, 100}, {60, 10, 300}, {100, 3, 5000}, {300, 1, 10}, {300, 6, 400}, {900, 2, 100},
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			checkSizes(t, reporttest.Generate(uint64(i), size.targets, size.objects, size.length))
		})
	}
	t.Run("shared 900", func(t *testing.T) { checkSizes(t, reporttest.Shared(900)) })
	t.Run("hostile and long", func(t *testing.T) { checkSizes(t, hostile(strings.Repeat("@`|<界\u202e\n", 5000))) })
	t.Run("long list", func(t *testing.T) {
		r := reporttest.New()
		for i := range 2000 {
			r.Unclaimed = append(r.Unclaimed, strings.Repeat("`", 300)+strconv.Itoa(i))
			r.Conflicts = append(r.Conflicts, strings.Repeat("\u202e", 300)+strconv.Itoa(i))
		}
		checkSizes(t, r)
	})
}

func checkSizes(t *testing.T, r report.Report) {
	t.Helper()
	comment := report.Comment(r)
	if n := utf8.RuneCountInString(comment); n > report.MaxComment {
		t.Errorf("the comment has %d characters", n)
	}
	checkBalance(t, comment)
	if got := targetsInTable(t, comment); got != len(r.Parts) {
		t.Errorf("the table stands for %d targets, want %d", got, len(r.Parts))
	}
	if comment != report.Comment(r) {
		t.Error("equal reports give different comments")
	}
	for _, c := range report.Checks(r) {
		for _, text := range []string{c.Summary, c.Text} {
			if n := utf8.RuneCountInString(text); n > report.MaxOutput {
				t.Errorf("%s: %d characters", c.Name, n)
			}
			checkBalance(t, text)
		}
		for _, a := range c.Annotations {
			if utf8.RuneCountInString(a.Title) > 255 || len(a.Message) > 64<<10 || a.Line < 1 || a.Path == "" {
				t.Errorf("%s: annotation out of limits: %.200v", c.Name, a)
			}
		}
	}
}

var counted = regexp.MustCompile(`\*\*([0-9,]+) (?:more )?targets?\*\*`)

// targetsInTable adds up the targets that a comment's table names or counts.
func targetsInTable(t *testing.T, comment string) int {
	t.Helper()
	sum := 0
	for line := range strings.Lines(comment) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| target |") {
			continue
		}
		n := 1
		if m := counted.FindStringSubmatch(line); m != nil {
			var err error
			if n, err = strconv.Atoi(strings.ReplaceAll(m[1], ",", "")); err != nil {
				t.Fatal(err)
			}
		}
		sum += n
	}
	return sum
}

// TestLeftOutIsSaid holds the degradation to its order: full diffs of the riskiest,
// beginnings, paths, and a line that says what is missing and where it is.
func TestLeftOutIsSaid(t *testing.T) {
	r := reporttest.New()
	for i := range 40 {
		change := reporttest.Update(fmt.Sprintf("object-%d", i), reporttest.Field("data[text]", "old\n", strings.Repeat(fmt.Sprintf("line of object %d\n", i), 140)))
		r.Parts = append(r.Parts, reporttest.Part(reporttest.Target("production", fmt.Sprintf("app-%d", i)), 0, change))
	}
	r.Parts[39].Plan.Changes[0].Action = preview.Replace
	comment := report.Comment(r)
	if got := strings.Count(comment, "+ line of object 39\n"); got != 140 {
		t.Errorf("of the riskiest target %d lines are shown, want all 140", got)
	}
	if !strings.Contains(comment, "+ line of object 38\n") {
		t.Error("the last target has no beginning of its diff")
	}
	for _, want := range []string{"**Left out for its size:**", "only the beginning of each diff", "in the check `slipway / production`", "--target production/app-"} {
		if !strings.Contains(comment, want) {
			t.Errorf("%q is not said", want)
		}
	}
	text := ""
	for _, c := range report.Checks(r) {
		text += c.Text
	}
	for i := range 40 {
		if got := strings.Count(text, fmt.Sprintf("+ line of object %d\n", i)); got != 140 {
			t.Errorf("the checks show %d lines of object %d, want all 140", got, i)
		}
	}
}

// TestPagesEnd holds an endless plan to its bounded number of continuations, the
// last of which says what prints the rest.
func TestPagesEnd(t *testing.T) {
	r := reporttest.New()
	for i := range 30 {
		change := reporttest.Update(fmt.Sprintf("object-%d", i), reporttest.Field("data[text]", "old\n", strings.Repeat(fmt.Sprintf("line of object %d\n", i), 3000)))
		r.Parts = append(r.Parts, reporttest.Part(reporttest.Target("production", fmt.Sprintf("app-%d", i)), 0, change))
	}
	checks := report.Checks(r)
	if len(checks) != 12 {
		t.Fatalf("%d checks, want the gate, the environment's and ten continuations", len(checks))
	}
	last := checks[11]
	if last.Name != "slipway / production (11/11)" || last.Conclusion != report.Neutral {
		t.Errorf("the last is %s: %s", last.Name, last.Conclusion)
	}
	if !strings.Contains(last.Text, "**Left out for its size:**") || !strings.Contains(last.Text, "slipway plan --repo . --base "+string(reporttest.Base)) {
		t.Errorf("the last page does not say what is missing: %s", last.Text[len(last.Text)-500:])
	}
}
