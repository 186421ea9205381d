package report_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// sequence matches what colours a terminal's text.
var sequence = regexp.MustCompile("\x1b\\[[0-9;]*m")

// said is everything that is said of the stories, by the golden's name.
func said() map[string]string {
	all := map[string]string{
		"status.txt":         report.StatusText(statusReport(), false),
		"history.txt":        report.HistoryText(history(), false),
		"drift-closed.md":    report.DriftClosed("production", 4, 31),
		"drift-unwatched.md": report.DriftUnwatched("qa", "`.slipway.yaml` has no such environment any more"),
		"no-history.txt":     report.HistoryText(report.HistoryReport{Target: production}, false),
		"drift-report.txt":   report.DriftText([]report.DriftReport{drifts()["drift-issue"], drifts()["drift-unreachable"], drifts()["drift-partly"]}, false),
		"drift-none.txt":     report.DriftText([]report.DriftReport{drifts()["drift-none"]}, false),
	}
	for name, d := range deployments() {
		all["deployment-"+name+".md"] = report.Deployment(d)
		if receipts := receiptsOf(d); len(receipts) > 0 && name != "300-targets" {
			all["deployment-"+name+".txt"] = report.ReceiptText(receipts, false) + "\n" + report.ProgressText(receipts[0], false) + "\n"
		}
	}
	for name, r := range replies() {
		all[name+".md"] = report.Reply(r)
	}
	for name, p := range promotions() {
		title, body := report.Promotion(p)
		all[name+".md"] = title + "\n\n" + body
	}
	for name, d := range drifts() {
		if len(d.Parts) > 0 {
			title, body := report.DriftIssue(d)
			all[name+".md"] = title + "\n\n" + body
		}
	}
	return all
}

func receiptsOf(d report.DeploymentReport) []deploy.Receipt {
	var receipts []deploy.Receipt
	for _, e := range d.Environments {
		for _, t := range e.Targets {
			if t.Receipt != nil {
				receipts = append(receipts, *t.Receipt)
			}
		}
	}
	return receipts
}

// TestStories compares what people read of deployments, commands, promotions and
// drift with the files that were reviewed.
func TestStories(t *testing.T) {
	for name, text := range said() {
		t.Run(name, func(t *testing.T) { golden(t, name, text) })
	}
}

func TestEqualStoriesGiveEqualBytes(t *testing.T) {
	first := said()
	for range 5 {
		if diff := cmp.Diff(first, said()); diff != "" {
			t.Fatalf("(-first +again):\n%s", diff)
		}
	}
}

// TestColourAddsOnlyColour holds the coloured texts to the plain ones.
func TestColourAddsOnlyColour(t *testing.T) {
	plain := []string{report.StatusText(statusReport(), false), report.HistoryText(history(), false), report.DriftText([]report.DriftReport{drifts()["drift-issue"]}, false),
		report.ReceiptText(receiptsOf(deployments()["failed"]), false), report.ProgressText(receiptsOf(deployments()["applying"])[0], false)}
	coloured := []string{report.StatusText(statusReport(), true), report.HistoryText(history(), true), report.DriftText([]report.DriftReport{drifts()["drift-issue"]}, true),
		report.ReceiptText(receiptsOf(deployments()["failed"]), true), report.ProgressText(receiptsOf(deployments()["applying"])[0], true)}
	for i := range plain {
		if !strings.Contains(coloured[i], "\x1b[") {
			t.Errorf("no colour in\n%s", coloured[i])
		}
		if got := sequence.ReplaceAllString(coloured[i], ""); got != plain[i] {
			t.Errorf("colour changes the text (-plain +coloured):\n%s", cmp.Diff(plain[i], got))
		}
	}
}

// TestDriftDigest asks that an issue is edited when, and only when, its drift changes.
func TestDriftDigest(t *testing.T) {
	changes := map[string]struct {
		change func(*report.DriftReport)
		edited bool
	}{
		"nothing":            {func(*report.DriftReport) {}, false},
		"the check's time":   {func(d *report.DriftReport) { d.Parts[0].LastChecked, d.Parts[0].FailingSince = at(58), at(59) }, false},
		"the problem's port": {func(d *report.DriftReport) { d.Parts[1].Problem.Message = "dial tcp 10.0.0.1:53299: refused" }, false},
		"the problem":        {func(d *report.DriftReport) { d.Parts[0].Problem.Message = "forbidden" }, true},
		"the drift":          {func(d *report.DriftReport) { d.Parts[0].Digest = "three" }, true},
		"a check runs again": {func(d *report.DriftReport) { d.Parts[0].Problem = nil }, true},
		"a target less":      {func(d *report.DriftReport) { d.Parts = d.Parts[:1] }, true},
		"the environment":    {func(d *report.DriftReport) { d.Environment = "staging" }, true},
	}
	port := func(d *report.DriftReport) { d.Parts[1].Problem.Message = "dial tcp 10.0.0.1:53211: refused" }
	before := drifts()["drift-unreachable"]
	port(&before)
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			after := drifts()["drift-unreachable"]
			port(&after)
			c.change(&after)
			_, was := report.DriftIssue(before)
			_, is := report.DriftIssue(after)
			one, ok := report.DriftDigest(was)
			two, okToo := report.DriftDigest(is)
			if !ok || !okToo {
				t.Fatalf("no digest in %.100q", was)
			}
			if edited := one != two; edited != c.edited {
				t.Errorf("edited is %t", edited)
			}
			if !strings.HasPrefix(is, report.DriftMarker(after.Environment)) {
				t.Errorf("the marker %q is not at the start of %.100q", report.DriftMarker(after.Environment), is)
			}
		})
	}
	if _, ok := report.DriftDigest("I looked at <!-- slipway:drift production 0123456789abcdef -->"); ok {
		t.Error("a digest from a marker that is not at the start")
	}
}

// TestMarkers asks of each marker that it is one whole line of ASCII, whatever the
// names are, and that different names have different ones.
func TestMarkers(t *testing.T) {
	names := slices.Concat(attacks, []string{"web", "web-", "web--", "-", "->", "-->", "*", "a b", "a", "b", "ü"})
	seen := map[string]string{}
	for _, name := range names {
		if name == "" {
			continue
		}
		for _, marker := range []string{
			report.PromotionMarker(render.Environment(name), "x", "y"), report.PromotionMarker("x", render.Environment(name), "y"),
			report.PromotionMarker("x", "y", render.Application(name)), report.DriftMarker(render.Environment(name)) + "0123456789abcdef -->",
		} {
			if strings.Count(marker, "-->") != 1 || !strings.HasSuffix(marker, " -->") || strings.ContainsFunc(marker, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q gives the marker %q", name, marker)
			}
			if other, known := seen[marker]; known {
				t.Errorf("%q and %q give the same marker %q", name, other, marker)
			}
			seen[marker] = name
		}
	}
	if report.PromotionMarker("x", "y", "*") == report.PromotionMarker("x", "y", "") {
		t.Error("an application can be named as all of them are")
	}
}
