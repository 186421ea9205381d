package report_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/handlers/report/reporttest"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// TestConclusions names every check of every case with its conclusion: what is
// denied, refused, unknown, in conflict, not renderable or wrongly configured
// fails; what is not does not; and the gate always concludes.
func TestConclusions(t *testing.T) {
	const ok, bad = report.Success, report.Failure
	want := map[string]map[string]report.Conclusion{
		"update":         {"slipway": ok, "slipway / production": ok},
		"create":         {"slipway": ok, "slipway / production": ok},
		"not-validated":  {"slipway": ok, "slipway / production": ok},
		"delete":         {"slipway": ok, "slipway / production": ok},
		"replace":        {"slipway": ok, "slipway / production": ok},
		"rename":         {"slipway": ok, "slipway / staging": ok},
		"text":           {"slipway": ok, "slipway / staging": ok},
		"drift":          {"slipway": ok, "slipway / production": ok},
		"new-target":     {"slipway": ok, "slipway / production": ok},
		"retired-target": {"slipway": ok, "slipway / dev": ok},
		"no-change":      {"slipway": ok, "slipway / staging": ok},
		"nothing":        {"slipway": ok},
		"outsider":       {"slipway": report.ActionRequired, "slipway / staging": ok},
		"refused":        {"slipway": bad, "slipway / production": bad},
		"unknown":        {"slipway": bad, "slipway / production": bad},
		"unreachable":    {"slipway": bad, "slipway / production": bad, "slipway / staging": bad},
		"denied":         {"slipway": bad, "slipway / staging": ok, "slipway / production": bad},
		"admitted":       {"slipway": ok, "slipway / production": ok},
		"render-error":   {"slipway": bad, "slipway / dev": bad, "slipway / staging": ok, "slipway / production": ok},
		"conflict":       {"slipway": bad},
		"configuration":  {"slipway": bad},
		"12-targets":     {"slipway": bad, "slipway / dev": ok, "slipway / staging": bad, "slipway / production": ok},
		"300-targets":    {"slipway": bad, "slipway / dev": ok, "slipway / staging": bad, "slipway / production": ok},
	}
	all := cases()
	delete(all, "hostile") // its names are no names for a table
	for name, r := range all {
		got := map[string]report.Conclusion{}
		for _, c := range report.Checks(r) {
			got[c.Name] = c.Conclusion
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if gate := report.Gate(r); gate.Conclusion != r.Conclusion() || gate.Name != report.GateName || gate.Title == "" || gate.Summary == "" {
			t.Errorf("%s: the gate says %q, %s, %q", name, gate.Name, gate.Conclusion, gate.Title)
		}
	}
}

func TestWorst(t *testing.T) {
	order := []report.Conclusion{report.Failure, report.TimedOut, report.ActionRequired, report.Neutral, report.Success}
	for i, a := range order {
		for j, b := range order {
			if got, want := report.Worst(a, b), order[min(i, j)]; got != want {
				t.Errorf("worst of %s and %s is %s, want %s", a, b, got, want)
			}
		}
	}
	if got := report.Worst(); got != report.Success {
		t.Errorf("worst of none is %s", got)
	}
	if got := report.Worst(report.Success, "stale"); got != report.Failure {
		t.Errorf("worst with an unknown conclusion is %s", got)
	}
}

// TestAnnotations: one per finding and problem at a place in the tree, once however
// many targets read that place, at levels of GitHub's, within its limits.
func TestAnnotations(t *testing.T) {
	change := reporttest.Update("web", image)
	long := strings.Repeat("界", 20000)
	findings := []policy.Finding{
		{Rule: "main.deny", Level: policy.Deny, Object: change.ID, File: "a.yaml", Line: 3, Message: "no", Hint: "Say yes"},
		{Rule: "main.warn", Level: policy.Warn, Object: change.ID, File: "a.yaml", Message: "line unknown"},
		{Rule: "main.info", Level: policy.Info, Object: change.ID, File: "a.yaml", Line: 5, Message: long},
		{Rule: "main.nowhere", Level: policy.Deny, Object: change.ID, Message: "no place"},
		{Rule: "main.outside", Level: policy.Deny, Object: change.ID, File: "../../etc/passwd", Line: 1, Message: "outside"},
		{Rule: "main.outside", Level: policy.Deny, Object: change.ID, File: "/etc/passwd", Line: 1, Message: "outside"},
		{Rule: long, Level: policy.Deny, Object: change.ID, File: "b.yaml", Line: 1, Message: "first\nsecond\x1b[31m"},
	}
	r := reporttest.New(withFindings(reporttest.Part(production, 0, change), findings...),
		withFindings(reporttest.Part(reporttest.Target("production", "other"), 0, change), findings...))
	r.Problems = []render.Problem{{File: ".slipway.yaml", Line: 3, Message: "unknown key"}, {Message: "nowhere"}}
	type short struct {
		path, level string
		line        int
	}
	var got []short
	checks := report.Checks(r)
	for _, c := range checks {
		for _, a := range c.Annotations {
			got = append(got, short{a.Path, a.Level, a.Line})
		}
	}
	want := []short{{".slipway.yaml", "failure", 3}, {"a.yaml", "failure", 3}, {"a.yaml", "warning", 1}, {"a.yaml", "notice", 5}, {"b.yaml", "failure", 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(short{})); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	theirs := checks[1].Annotations
	if got := theirs[0]; got.Title != "main.deny: Deployment web/web" || got.Message != "no\nSay yes" {
		t.Errorf("got %+v", got)
	}
	if last := theirs[3]; len([]rune(last.Title)) != 255 || last.Message != "first\nsecond\\x1b[31m" {
		t.Errorf("got title of %d characters, message %q", len([]rune(last.Title)), last.Message)
	}
	if n := len(theirs[2].Message); n > 64<<10 {
		t.Errorf("a message of %d bytes", n)
	}
}

// TestGrouping: targets stand as one only where nothing but their own names differs.
func TestGrouping(t *testing.T) {
	part := func(environment, application, tag string) report.Part {
		return reporttest.Part(reporttest.Target(environment, application), 1,
			reporttest.Update(application, reporttest.Image(application, tag, "2.0")))
	}
	offline := reporttest.Part(staging, 3)
	offline.Plan.Live = preview.LiveOffline
	for name, test := range map[string]struct {
		parts []report.Part
		want  bool
	}{
		"own names":            {[]report.Part{part("dev", "cart", "1"), part("staging", "api", "1")}, true},
		"another value":        {[]report.Part{part("dev", "web", "1"), part("staging", "api", "1.1")}, false},
		"another's name":       {[]report.Part{part("dev", "web", "api"), part("dev", "api", "api")}, false},
		"part of a word":       {[]report.Part{part("dev", "web", "cobweb"), part("dev", "api", "cobapi")}, false},
		"a number is no name":  {[]report.Part{part("dev", "1", "1"), part("dev", "2", "2")}, false},
		"new and not new":      {[]report.Part{part("dev", "web", "1"), {Target: production, New: true, Plan: part("production", "web", "1").Plan}}, false},
		"a finding on one":     {[]report.Part{part("dev", "web", "1"), withFindings(part("staging", "web", "1"), policy.Finding{Level: policy.Info, Message: "m"})}, false},
		"broken the same way":  {[]report.Part{{Target: dev, Problem: &render.Problem{Message: "m"}}, {Target: staging, Problem: &render.Problem{Message: "m"}}}, true},
		"broken another way":   {[]report.Part{{Target: dev, Problem: &render.Problem{Message: "m"}}, {Target: staging, Problem: &render.Problem{Message: "n"}}}, false},
		"another live state":   {[]report.Part{reporttest.Part(dev, 3), offline}, false},
		"nothing and nothing":  {[]report.Part{reporttest.Part(dev, 3), reporttest.Part(staging, 5)}, true},
		"nothing and an error": {[]report.Part{reporttest.Part(dev, 3), {Target: staging, Problem: &render.Problem{Message: "m"}}}, false},
	} {
		comment := report.Comment(reporttest.New(test.parts...))
		if got := strings.Contains(comment, "<summary><b>the same "); got != test.want {
			t.Errorf("%s: as one: %t, want %t", name, got, test.want)
		}
	}
}

// TestColour: colour is only on demand, and taking it away leaves the same text.
func TestColour(t *testing.T) {
	for name, r := range cases() {
		plain, coloured := report.Text(r, false), report.Text(r, true)
		if strings.Contains(plain, "\x1b") || !strings.Contains(coloured, "\x1b[") {
			t.Errorf("%s: colour where none was asked for, or none where it was", name)
		}
		for _, code := range []string{"0", "1", "31", "32", "33", "36", "1;31", "1;32", "1;33"} {
			coloured = strings.ReplaceAll(coloured, "\x1b["+code+"m", "")
		}
		if diff := cmp.Diff(plain, coloured); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestJSONIsComplete: what a reader of JSON counts is what the comment counts.
func TestJSONIsComplete(t *testing.T) {
	for name, r := range cases() {
		text, err := report.JSON(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var document struct {
			Conclusion report.Conclusion
			Verdict    string
			Affected   []struct{ Name string }
			Unclaimed  []string
		}
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if document.Conclusion != r.Conclusion() || document.Verdict != report.Verdict(r) || len(document.Affected) != len(r.Parts) || len(document.Unclaimed) != len(r.Unclaimed) {
			t.Errorf("%s: %+v", name, document)
		}
		if strings.Contains(string(text), ": null") {
			t.Errorf("%s: a list is null in\n%s", name, text)
		}
	}
}
