package report

import (
	"fmt"
	"strings"
)

// A driftDetail says how much of a target's drift is shown.
type driftDetail struct {
	objects int // objects of a target
	fields  int // fields of an object; 0 names their paths alone
	lines   int // lines of a long value
	width   int // characters of a value in the table
}

// block is what is said of one target, folded.
func (p DriftPart) block(open bool, d driftDetail) string {
	attribute := ""
	if open {
		attribute = " open"
	}
	var s strings.Builder
	fmt.Fprintf(&s, "<details%s><summary><b>%s</b> %s</summary>\n\n", attribute, tag(short(p.Target.String(), 120)), countDrift(p).kinds())
	for _, o := range p.Objects[:min(d.objects, len(p.Objects))] {
		s.WriteString(o.markdown(d) + "\n")
	}
	if left := len(p.Objects) - d.objects; left > 0 {
		fmt.Fprintf(&s, "%s not shown here; `slipway drift` prints all of them.\n", plural(left, "more object"))
	}
	return strings.TrimRight(s.String(), "\n") + "\n\n</details>\n\n"
}

// kinds counts the objects by how they differ.
func (t driftTally) kinds() string {
	var words []string
	if t.changed > 0 {
		words = append(words, number(t.changed)+" changed")
	}
	if t.missing > 0 {
		words = append(words, number(t.missing)+" missing")
	}
	if t.more > 0 {
		words = append(words, number(t.more)+" with extra fields")
	}
	return strings.Join(words, " · ")
}

// kind is the word for how the object differs.
func (o DriftedObject) kind() DriftKind {
	if o.Missing {
		return DriftMissing
	}
	for _, f := range o.Fields {
		if f.Kind != DriftExtra {
			return DriftChanged
		}
	}
	return DriftExtra
}

// markdown is the object's name, a table of its fields, and the long values below.
func (o DriftedObject) markdown(d driftDetail) string {
	var s strings.Builder
	fmt.Fprintf(&s, "**%s** %s", o.kind(), code(short(o.ID.String(), 300)))
	if o.Origin.File != "" {
		s.WriteString(" · " + code(short(place(o.Origin.File, o.Origin.Line), 300)))
	}
	if d.fields == 0 {
		var paths []string
		for _, f := range o.Fields {
			paths = append(paths, code(short(orDot(f.Path), 120)))
		}
		if len(paths) > 0 {
			s.WriteString(": " + some(paths, 3))
		}
		return s.String() + "\n"
	}
	s.WriteString("\n")
	if len(o.Fields) == 0 {
		return s.String()
	}
	s.WriteString("\n| field | Git | live | set by |\n|:--|:--|:--|:--|\n")
	var below strings.Builder
	for i, f := range o.Fields {
		if i == d.fields {
			fmt.Fprintf(&s, "| %s not shown | | | |\n", plural(len(o.Fields)-i, "more field"))
			break
		}
		git, live := f.valueCell(f.Git, d.width), f.valueCell(f.Live, d.width)
		if f.Kind == DriftExtra {
			git = "none: an extra field"
		}
		if f.long() {
			git, live = "below", "below"
			below.WriteString(f.lines(d))
		}
		fmt.Fprintf(&s, "| %s | %s | %s | %s |\n", cell(short(orDot(f.Path), 200)), git, live, f.setBy())
	}
	return s.String() + below.String()
}

// long says whether a value has lines, which no table can show.
func (f DriftedField) long() bool {
	for _, value := range []any{f.Git, f.Live} {
		if value != nil && strings.Contains(strings.TrimSuffix(yamlOf(value), "\n"), "\n") {
			return true
		}
	}
	return false
}

// valueCell prints a value of one line; none is said so.
func (f DriftedField) valueCell(value any, width int) string {
	if value == nil {
		return "none"
	}
	text := strings.TrimSuffix(yamlOf(value), "\n")
	return cell(short(text, max(8, width)))
}

// lines shows what differs in long values.
func (f DriftedField) lines(d driftDetail) string {
	before, after, _ := sides(f.Git, f.Live)
	var printed []string
	all := longDifference(before, after, max(40, d.width))
	for _, l := range all[:min(d.lines, len(all))] {
		printed = append(printed, l.print())
	}
	text := fmt.Sprintf("\nIn %s, `-` is Git and `+` is live:\n\n%s", code(short(orDot(f.Path), 200)), fence("diff", printed))
	if left := len(all) - len(printed); left > 0 {
		text += fmt.Sprintf("\n%s not shown; `slipway drift` prints all of it.\n", plural(left, "more line"))
	}
	return text
}

// setBy says who set the live value, and when, as far as the API server tells.
func (f DriftedField) setBy() string {
	who := "unknown"
	if f.Manager != "" {
		who = cell(short(f.Manager, 80))
	}
	if f.At.IsZero() {
		return who
	}
	return who + ", " + moment(f.At)
}
