package report_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers/report"
)

var update = flag.Bool("update", false, "write the goldens anew")

// TestGoldens compares what people read with the files that were reviewed: for each
// case the comment, and what a terminal shows.
func TestGoldens(t *testing.T) {
	for name, r := range cases() {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".md", report.Comment(r))
			golden(t, name+".txt", report.Text(r, false))
		})
	}
}

// TestCheckGoldens compares the checks of cases that differ in them.
func TestCheckGoldens(t *testing.T) {
	for _, name := range []string{"denied", "render-error", "nothing", "outsider", "12-targets"} {
		t.Run(name, func(t *testing.T) { golden(t, name+".checks.md", printChecks(report.Checks(cases()[name]))) })
	}
}

func TestJSONGolden(t *testing.T) {
	for _, name := range []string{"denied", "nothing", "drift"} {
		t.Run(name, func(t *testing.T) {
			text, err := report.JSON(cases()[name])
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", string(text))
		})
	}
}

func printChecks(checks []report.Check) string {
	var b strings.Builder
	for _, c := range checks {
		b.WriteString("# " + c.Name + ": " + string(c.Conclusion) + "\n\n" + c.Title + "\n\n" + c.Summary)
		if c.Text != "" {
			b.WriteString("\n---\n\n" + c.Text)
		}
		for _, a := range c.Annotations {
			fmt.Fprintf(&b, "\n%s:%d %s [%s] %s\n", a.Path, a.Line, a.Level, a.Title, a.Message)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run with -update and read what it writes", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestEqualReportsGiveEqualBytes would see the order of a map in anything said.
func TestEqualReportsGiveEqualBytes(t *testing.T) {
	say := func(r report.Report) string {
		text, err := report.JSON(r)
		if err != nil {
			t.Fatal(err)
		}
		return report.Comment(r) + printChecks(report.Checks(r)) + report.Text(r, true) + string(text)
	}
	for name := range cases() {
		first := say(cases()[name])
		for range 5 {
			if again := say(cases()[name]); again != first {
				t.Fatalf("%s (-first +again):\n%s", name, cmp.Diff(first, again))
			}
		}
	}
}
