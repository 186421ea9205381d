package report

import (
	"fmt"
	"path"
	"strings"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// The limits of annotations, in characters; the title's is GitHub's.
const (
	maxTitle       = 255
	maxMessage     = 2000 // whose escapes stay below GitHub's 64 KB
	maxAnnotations = 300
)

func problemAnnotations(problems []render.Problem) []Annotation {
	var all []Annotation
	for _, p := range problems {
		all = append(all, annotate(p.File, p.Line, "failure", "problem", p.Message, p.Hint)...)
	}
	return distinct(all)
}

func partAnnotations(parts []Part) []Annotation {
	var all []Annotation
	for _, p := range parts {
		if p.Problem != nil {
			all = append(all, annotate(p.Problem.File, p.Problem.Line, "failure", "cannot be rendered", p.Problem.Message, p.Problem.Hint)...)
		}
		if p.Plan != nil && p.Plan.Problem != nil {
			all = append(all, annotate(p.Plan.Problem.File, p.Plan.Problem.Line, "failure", "problem", p.Plan.Problem.Message, p.Plan.Problem.Hint)...)
		}
		for _, f := range p.Findings {
			title := fmt.Sprintf("%s: %s", f.Rule, f.Object)
			all = append(all, annotate(f.File, f.Line, annotationLevels[f.Level], title, f.Message, joined(f.Hint, waivedWords(f.Waived)))...)
		}
	}
	return distinct(all)
}

var annotationLevels = map[policy.Level]string{policy.Deny: "failure", policy.Warn: "warning", policy.Info: "notice"}

// joined puts two hints on lines of their own; either may be empty.
func joined(a, b string) string { return strings.Trim(a+"\n"+b, "\n") }

// annotate returns one annotation, or none where there is no place in the tree.
func annotate(file string, line int, level, title, message, hint string) []Annotation {
	if file == "" || path.IsAbs(file) || path.Clean(file) != file || file == ".." || strings.HasPrefix(file, "../") {
		return nil
	}
	if hint != "" {
		message += "\n" + hint
	}
	lines := strings.Split(brief(message, maxMessage), "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return []Annotation{{Path: file, Line: max(1, line), Level: level, Title: short(title, maxTitle), Message: strings.Join(lines, "\n")}}
}

// distinct drops what is said of the same place already, by another target that
// reads the same file, and what is more than anybody reads.
func distinct(all []Annotation) []Annotation {
	seen := map[Annotation]bool{}
	var kept []Annotation
	for _, a := range all {
		if !seen[a] && len(kept) < maxAnnotations {
			kept = append(kept, a)
		}
		seen[a] = true
	}
	return kept
}
