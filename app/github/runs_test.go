package github

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers/report"
)

func contentFor(annotations int) content {
	check := report.Check{Name: "slipway", Conclusion: report.Failure, Title: "t", Summary: "s"}
	for range annotations {
		check.Annotations = append(check.Annotations, report.Annotation{Path: "a.yaml", Line: 1, Level: "warning", Message: "m"})
	}
	return contentOf(check, "")
}

func TestStepFor(t *testing.T) {
	want, noted := contentFor(0), contentFor(60)
	for _, tc := range []struct {
		name     string
		existing *run
		want     content
		again    bool
		step     step
	}{
		{"no run yet", nil, want, false, step{}},
		{"says so already", &run{id: 5, key: want.key(), done: true}, want, false, step{none: true}},
		{"says so already, asked again", &run{id: 5, key: want.key(), done: true}, want, true, step{}},
		{"in progress", &run{id: 5}, want, false, step{update: 5}},
		{"in progress, asked again", &run{id: 5}, want, true, step{update: 5}},
		{"says something else", &run{id: 5, key: "x", done: true}, want, false, step{update: 5}},
		{"says something else, with annotations, which stay", &run{id: 5, key: "x", done: true, annotations: 1}, want, false, step{}},
		{"interrupted while appending", &run{id: 5, key: noted.key() + partial, annotations: 50}, noted, false, step{update: 5, skip: 50}},
		{"interrupted while appending something else", &run{id: 5, key: "x" + partial, annotations: 50}, noted, false, step{abandon: 5}},
		{"the key of an interrupted run is not that of a whole one", &run{id: 5, key: noted.key(), annotations: 50}, noted, false, step{abandon: 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.step, stepFor(tc.existing, tc.want, tc.again), cmp.AllowUnexported(step{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Equal contents have equal keys, and whatever a reader would see changes the key.
func TestKey(t *testing.T) {
	base := func() content { return contentFor(2) }
	if once, twice := base().key(), base().key(); once != twice {
		t.Error("equal contents have different keys")
	}
	seen := map[string]string{base().key(): "the same"}
	for name, edit := range map[string]func(*content){
		"name":        func(c *content) { c.Name = "x" },
		"conclusion":  func(c *content) { c.Conclusion = "x" },
		"title":       func(c *content) { c.Title = "x" },
		"summary":     func(c *content) { c.Summary = "x" },
		"text":        func(c *content) { c.Text = "x" },
		"details":     func(c *content) { c.DetailsURL = "x" },
		"annotations": func(c *content) { c.Annotations = c.Annotations[:1] },
		"message":     func(c *content) { c.Annotations[1].Message = gogithub.String("x") },
	} {
		c := base()
		edit(&c)
		if other := seen[c.key()]; other != "" {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[c.key()] = name
	}
	if n := len(base().key() + partial); n > 255 {
		t.Errorf("a key of %d characters", n)
	}
}

// E6: each limit, at it and one past it, with characters of several bytes.
func TestContentKeepsToLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("ä", n) }
	for _, extra := range []int{0, 1} {
		c := contentOf(report.Check{
			Name: "slipway", Conclusion: report.Success,
			Title: long(titleRunes + extra), Summary: long(outputRunes + extra), Text: long(outputRunes + extra),
			Annotations: []report.Annotation{{
				Path: "a", Line: 3, Level: "failure",
				Title: long(titleRunes + extra), Message: "x" + long(annotationBytes/2-1+extra),
			}},
		}, "")
		for name, got := range map[string][2]int{
			"title":            {utf8.RuneCountInString(c.Title), titleRunes},
			"summary":          {utf8.RuneCountInString(c.Summary), outputRunes},
			"text":             {utf8.RuneCountInString(c.Text), outputRunes},
			"annotation title": {utf8.RuneCountInString(*c.Annotations[0].Title), titleRunes},
			"message":          {len(*c.Annotations[0].Message), annotationBytes - 1}, // one x, then two bytes each
		} {
			if got[0] != got[1] {
				t.Errorf("%s, %d over: %d, want %d", name, extra, got[0], got[1])
			}
		}
		if !utf8.ValidString(*c.Annotations[0].Message) {
			t.Error("the message is cut within a character")
		}
	}
}

// E7: an annotation outside the tree would have the whole request refused.
func TestAnnotations(t *testing.T) {
	c := contentOf(report.Check{Name: "slipway", Annotations: []report.Annotation{
		{Path: "../x", Line: 1, Level: "failure", Message: "m"},
		{Path: "/etc/passwd", Line: 1, Level: "failure", Message: "m"},
		{Path: "", Line: 1, Level: "failure", Message: "m"},
		{Path: "a.yaml", Line: 0, Level: "severe", Title: "t"},
	}}, "")
	one := 1
	want := []*gogithub.CheckRunAnnotation{{
		Path: gogithub.String("a.yaml"), StartLine: &one, EndLine: &one,
		AnnotationLevel: gogithub.String("notice"), Title: gogithub.String("t"), Message: gogithub.String("t"),
	}}
	if diff := cmp.Diff(want, c.Annotations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.Title == "" || c.Summary == "" {
		t.Error("GitHub requires a title and a summary")
	}
}

func TestSameText(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"a\nb", "a\r\nb\r\n", true},
		{"a", "a ", true},
		{"a\nb", "a b", false},
		{" a", "a", false},
	} {
		if got := sameText(tc.a, tc.b); got != tc.want {
			t.Errorf("sameText(%q, %q) = %v", tc.a, tc.b, got)
		}
	}
}
