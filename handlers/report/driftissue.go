package report

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// DriftIssue returns title and body of the one drift issue of an environment; the
// body has at most MaxComment characters. Its first line is d.Marker().
func DriftIssue(d DriftReport) (title, body string) { return d.title(), d.body() }

// DriftClosed returns the comment with which a drift issue is closed: all targets
// were checked, and none has drifted.
func DriftClosed(e render.Environment, targets, objects int) string {
	return fmt.Sprintf("✅ No drift in %s: %s of %s compared with the deployed commits. Should something drift within a week, this issue is opened again.\n",
		environment(e), plural(objects, "object"), plural(targets, "target"))
}

// DriftUnwatched returns the comment with which a drift issue is closed whose
// environment is not looked at any more. why completes "because", e.g. "`.slipway.yaml`
// has no environment `qa` any more".
func DriftUnwatched(e render.Environment, why string) string {
	return fmt.Sprintf("Drift in %s is no longer looked for, because %s. What this issue says was not taken back: nobody knows how things are there now.\n", environment(e), why)
}

// DriftEnvironment returns the environment whose drift issue has the marker, the first
// line of its body, and whether it is one.
func DriftEnvironment(marker string) (render.Environment, bool) {
	word, ok := strings.CutPrefix(marker, DriftIssues)
	word, _, _ = strings.Cut(word, " ")
	name, err := url.PathUnescape(word)
	return render.Environment(name), ok && err == nil && name != "" && strings.TrimSpace(DriftMarker(render.Environment(name))) == DriftIssues+word
}

// DriftIssues is how the body of every drift issue starts.
const DriftIssues = "<!-- slipway:drift "

func (d DriftReport) title() string {
	t := countDrift(d.Parts...)
	var words []string
	if t.objects > 0 {
		words = append(words, fmt.Sprintf("%s of %s", plural(t.objects, "object"), plural(t.targets, "target")))
	}
	if not := t.notChecked(); not != "" {
		words = append(words, not)
	}
	if len(words) == 0 {
		words = []string{"none"}
	}
	return fmt.Sprintf("Drift in %s: %s", title(string(d.Environment)), strings.Join(words, ", "))
}

func (d DriftReport) body() string {
	var top, bottom string
	for _, b := range brevities {
		top, bottom = d.top(b), d.bottom(b)
		if size(top)+size(bottom) <= MaxComment/2 {
			break
		}
	}
	var blocks [][]string
	for i, p := range d.Parts {
		if len(p.Objects) > 0 {
			open := i < 3 && len(p.Objects) <= 10
			blocks = append(blocks, []string{
				p.block(open, driftDetail{objects: 200, fields: 100, lines: 60, width: 160}),
				p.block(open, driftDetail{objects: 30, fields: 10, lines: 8, width: 80}),
				p.block(false, driftDetail{objects: 10, fields: 0}),
				p.block(false, driftDetail{objects: 1, fields: 0}),
			})
		}
	}
	const reserve = 300 // for the line about what is left out
	text, left := fit(blocks, MaxComment-d.Reserve-size(d.Marker())-1-size(top)-size(bottom)-reserve)
	if left > 0 {
		text += fmt.Sprintf("\n**Left out for its size:** the objects of %s. `slipway drift` prints all of them.\n", plural(left, "target"))
	}
	return d.Marker() + "\n" + apart(top+text, bottom)
}

// top returns the verdict, the table and what could not be checked.
func (d DriftReport) top(b brevity) string {
	t := countDrift(d.Parts...)
	var s strings.Builder
	verdict := t.words()
	if verdict == "" {
		verdict = "Nothing is known to have drifted"
	}
	if not := t.notChecked(); not != "" {
		verdict += " · " + not
	}
	fmt.Fprintf(&s, "### ⚠️ %s\n\n", verdict)
	if t.objects > 0 {
		fmt.Fprintf(&s, "What is live in %s is not what the deployed commits have. Slipway changed nothing.\n\n", environment(d.Environment))
	}
	s.WriteString(d.table(b))
	if unchecked := d.unchecked(b); unchecked != "" {
		s.WriteString("\n" + unchecked)
	}
	return s.String() + "\n"
}

// table has a row for each target, those with drift first where there are too many.
func (d DriftReport) table(b brevity) string {
	parts := slices.Clone(d.Parts)
	if len(parts) > b.rows {
		slices.SortStableFunc(parts, func(a, b DriftPart) int { return len(b.Objects) - len(a.Objects) })
	}
	var s strings.Builder
	s.WriteString("| target | changed | missing | extra fields | deployed | seen since |\n|:--|--:|--:|--:|:--|:--|\n")
	for i, p := range parts {
		if i == b.rows {
			rest := countDrift(parts[i:]...)
			fmt.Fprintf(&s, "| **%s** | %s | %s | %s | | |\n", plural(len(parts)-i, "more target"), orBlank(rest.changed), orBlank(rest.missing), orBlank(rest.more))
			break
		}
		t := countDrift(p)
		name, since := cell(short(p.Target.String(), 120)), moment(p.Since)
		switch {
		case p.partly():
			name, since = "⚠️ "+name, t.notChecked()
		case p.Problem != nil:
			name, since = "⚠️ "+name, "not checked"
		}
		fmt.Fprintf(&s, "| %s | %s | %s | %s | %s | %s |\n", name, orBlank(t.changed), orBlank(t.missing), orBlank(t.more), commitCell(p.Commit), since)
	}
	return s.String()
}

func commitCell(c render.Commit) string {
	if c == "" {
		return ""
	}
	return cell(c.Short())
}

// orBlank prints a number; nothing for none.
func orBlank(n int) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// someObjects names objects, the first few of many.
func someObjects(ids []render.ObjectID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = code(short(id.String(), 120))
	}
	return some(names, 5)
}

// unchecked says which checks could not run. It never reads as "no drift".
func (d DriftReport) unchecked(b brevity) string {
	var parts []DriftPart
	for _, p := range d.Parts {
		if p.Problem != nil {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return list(parts, b.items, "target not checked", func(p DriftPart) string {
		words := "⚠️ "
		if p.partly() {
			words += someObjects(p.Unknown) + " of "
		}
		words += code(short(p.Target.String(), 120))
		if p.Cluster != "" {
			words += " in cluster " + code(short(p.Cluster, 60))
		}
		if p.FailingSince.IsZero() {
			words += " could not be checked"
		} else {
			words += " " + agree(max(1, len(p.Unknown)), "has", "have") + " not been checked since " + moment(p.FailingSince)
		}
		problem := *p.Problem
		problem.Message, problem.Hint = brief(problem.Message, b.notes), brief(problem.Hint, b.notes)
		words += ": " + problemNote(problem) + ". "
		switch {
		case p.partly():
			return words + "The other objects were. What stands below of those that were not is as of the last check that saw them."
		case p.LastChecked.IsZero():
			return words + "How it was before is not known."
		case len(p.Objects) == 0:
			return words + "As of " + moment(p.LastChecked) + ", nothing had drifted."
		default:
			return words + "What stands below of it is as of " + moment(p.LastChecked) + ", and may have changed since."
		}
	})
}
