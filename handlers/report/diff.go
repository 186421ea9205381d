package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"
	"gopkg.in/yaml.v3"

	"github.com/slipwayhq/slipway/preview"
)

// A line is one line of a diff, without its mark.
type line struct {
	mark lineMark
	text string
}

type lineMark byte

// The marks of a diff's lines.
const (
	fieldLine   lineMark = '@' // says which field, and where in it, the next lines are
	sameLine    lineMark = ' '
	removedLine lineMark = '-'
	addedLine   lineMark = '+'
)

// context is how many unchanged lines of a long text stand around a change.
const context = 3

// difference returns what changes in an object, line by line. A single-line value
// longer than width is shortened to what differs in it.
func difference(c preview.Change, width int) []line {
	own, admitted := byAdmission(c.Fields)
	var lines []line
	if content := created(c.Action, own); content != nil {
		lines = allLines(yamlOf(content), addedLine, width)
		own = nil
	}
	for _, f := range slices.Concat(own, admitted) {
		lines = append(lines, fieldDifference(f, width)...)
	}
	return lines
}

// byAdmission parts what Git makes of an object from what admission makes of that.
func byAdmission(fields []preview.Field) (own, admitted []preview.Field) {
	for _, f := range fields {
		if f.Source == preview.FromAdmission {
			admitted = append(admitted, f)
		} else {
			own = append(own, f)
		}
	}
	return own, admitted
}

// A nest is a map that created makes, unlike those that are a plan's.
type nest map[string]any

// created returns the fields of a new object, admission's apart, as one value, which
// reads better than a path for each; nil where it is no creation or they differ in
// where they come from.
func created(action preview.Action, fields []preview.Field) nest {
	if action != preview.Create || len(fields) == 0 {
		return nil
	}
	content := nest{}
	for _, f := range fields {
		if f.Old != nil || f.New == nil || fieldNote(f) != fieldNote(fields[0]) {
			return nil
		}
		if whole, ok := f.New.(map[string]any); ok && f.Path == "" {
			maps.Copy(content, whole)
		} else {
			content.put(f.Path, f.New)
		}
	}
	return content
}

// put places a value at a path, or under the path as it is printed where it leads
// through anything but keys.
func (n nest) put(path string, value any) {
	keys := strings.Split(path, ".")
	if strings.ContainsAny(path, "[]") {
		keys = []string{path}
	}
	at := n
	for _, key := range keys[:len(keys)-1] {
		next, ok := at[key].(nest)
		if !ok && at[key] != nil {
			n[path] = value
			return
		}
		if !ok {
			next = nest{}
			at[key] = next
		}
		at = next
	}
	at[keys[len(keys)-1]] = value
}

func fieldDifference(f preview.Field, width int) []line {
	note := fieldNote(f)
	lines := wholeDifference(f, width)
	if f.Path == "" && note == "" { // a whole object needs no path
		return lines
	}
	head := strings.TrimSpace(fmt.Sprintf("@@ %s @@ %s", orDot(f.Path), note))
	if len(lines) > 0 && lines[0].mark == fieldLine { // where in the text the first lines are
		head += " " + strings.Trim(lines[0].text, "@ ")
		lines = lines[1:]
	}
	return append([]line{{fieldLine, head}}, lines...)
}

func orDot(path string) string {
	if path == "" {
		return "."
	}
	return path
}

// fieldNote says where a difference comes from and whose field it is, where that
// is anything but this pull request's own.
func fieldNote(f preview.Field) string {
	var notes []string
	switch {
	case f.Source == preview.FromDrift:
		notes = append(notes, "already drifted")
	case f.Source != preview.FromAdmission:
	case f.Old == nil:
		notes = append(notes, "set by admission")
	case f.New == nil:
		notes = append(notes, "removed by admission")
	default:
		notes = append(notes, "changed by admission")
	}
	if len(f.Managers) > 0 {
		notes = append(notes, "owned by "+some(f.Managers, 3))
	}
	return strings.Join(notes, ", ")
}

func wholeDifference(f preview.Field, width int) []line {
	before, after, text := sides(f.Old, f.New)
	if !text && strings.Count(before, "\n") <= 1 && strings.Count(after, "\n") <= 1 {
		return shortDifference(strings.TrimSuffix(before, "\n"), strings.TrimSuffix(after, "\n"), width, f)
	}
	return longDifference(before, after, width)
}

// sides returns both values as text: texts of lines as they are, everything else as
// YAML. What is absent is empty.
func sides(old, new any) (before, after string, text bool) {
	before, textBefore := old.(string)
	after, textAfter := new.(string)
	if (textBefore || old == nil) && (textAfter || new == nil) && (strings.Contains(before, "\n") || strings.Contains(after, "\n")) {
		return before, after, true
	}
	return yamlOf(old), yamlOf(new), false
}

func yamlOf(value any) string {
	if value == nil {
		return ""
	}
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprintf("%v\n", value) // no value of JSON comes here
	}
	return b.String()
}

func shortDifference(before, after string, width int, f preview.Field) []line {
	var lines []line
	before, after = shorten(before, after, width)
	if f.Old != nil {
		lines = append(lines, line{removedLine, before})
	}
	if f.New != nil {
		lines = append(lines, line{addedLine, after})
	}
	return lines
}

// shorten cuts two long lines down to the surroundings of their first difference.
func shorten(before, after string, width int) (string, string) {
	if size(before) <= width && size(after) <= width {
		return before, after
	}
	start := 0
	if before != "" && after != "" {
		for start < len(before) && start < len(after) && before[start] == after[start] {
			start++
		}
		start = max(0, start-width/4)
		for start > 0 && !utf8.RuneStart(before[start]) {
			start--
		}
	}
	cut := func(s string) string {
		rest := brief(s[start:], width)
		if start > 0 {
			rest = fmt.Sprintf("(after %s equal characters) …%s", number(size(s[:start])), rest)
		}
		return rest
	}
	return cut(before), cut(after)
}

// longDifference compares two texts of several lines and keeps the surroundings of
// what differs.
func longDifference(before, after string, width int) []line {
	edits := udiff.Lines(before, after)
	diff, err := udiff.ToUnifiedDiff("", "", before, edits, context)
	if err != nil { // only for edits that do not fit their text
		return append(allLines(before, removedLine, width), allLines(after, addedLine, width)...)
	}
	marks := map[udiff.OpKind]lineMark{udiff.Delete: removedLine, udiff.Insert: addedLine, udiff.Equal: sameLine}
	var lines []line
	for i, hunk := range diff.Hunks {
		if i > 0 || hunk.FromLine > 1 {
			lines = append(lines, line{fieldLine, fmt.Sprintf("@@ line %d @@", hunk.ToLine)})
		}
		for _, l := range hunk.Lines {
			lines = append(lines, textLine(marks[l.Kind], l.Content, width))
		}
	}
	if strings.HasSuffix(before, "\n") != strings.HasSuffix(after, "\n") && before != "" && after != "" {
		side := "new"
		if strings.HasSuffix(after, "\n") {
			side = "old"
		}
		lines = append(lines, line{fieldLine, "@@ the " + side + " text has no line end at its end @@"})
	}
	return lines
}

func allLines(text string, mark lineMark, width int) []line {
	var lines []line
	for l := range strings.Lines(text) {
		lines = append(lines, textLine(mark, l, width))
	}
	return lines
}

// textLine shows blanks at the end of a changed line, which nobody would see.
func textLine(mark lineMark, content string, width int) line {
	content = strings.TrimSuffix(content, "\n")
	text := strings.TrimRight(content, " ")
	if blanks := len(content) - len(text); blanks > 0 && mark != sameLine {
		text += strings.Repeat("·", blanks)
	}
	return line{mark, brief(text, width)}
}

// print returns the line with its mark.
func (l line) print() string {
	if l.mark == fieldLine {
		return visible(l.text)
	}
	return strings.TrimRight(string(l.mark)+" "+visibleText(l.text), " ")
}
