package report_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// TestAnnotationsShowWhatTheySay is about texts that pretend to be others: turned
// around, hidden, coloured, on lines of their own.
func TestAnnotationsShowWhatTheySay(t *testing.T) {
	for name, s := range map[string]string{
		"right to left": "a\u202egpj.exe", "escape": "a\x1b[31mred", "invisible": "a\u200bb\u2060c", "carriage return": "a\rb", "zero": "a\x00b",
		"line of its own": "a\n::error::b", "no UTF-8": "a\xffb", "long": strings.Repeat("ä", 300), "longer": strings.Repeat("ä", 70000),
	} {
		finding := policy.Finding{Rule: s, Level: policy.Deny, File: "a.yaml", Line: 1, Object: render.ObjectID{Kind: s, Name: s}, Message: s, Hint: s, Waived: &policy.Waived{Reason: s, By: s, Until: s}}
		part := report.Part{Target: production, Plan: &preview.Plan{}, Findings: []policy.Finding{finding}}
		found := 0
		for _, check := range report.Checks(report.Report{Repository: "acme/shop", Parts: []report.Part{part}}) {
			for _, a := range check.Annotations {
				found++
				if strings.ContainsRune(a.Title, '\n') || utf8.RuneCountInString(a.Title) > 255 {
					t.Errorf("%s: the title is %q", name, a.Title)
				}
				if len(a.Message) >= 64<<10 {
					t.Errorf("%s: the message has %d bytes", name, len(a.Message))
				}
				for _, r := range a.Title + a.Message {
					if r != '\n' && !unicode.IsPrint(r) || r == utf8.RuneError && !utf8.ValidString(a.Title+a.Message) {
						t.Errorf("%s: %q is said as it is in %q", name, r, a.Title)
						break
					}
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: nothing is annotated", name)
		}
	}
}
