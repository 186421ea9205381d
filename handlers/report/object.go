package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
)

// A detail says how much of an object is shown.
type detail struct {
	width int // characters of a line
	lines int // lines of a diff of one object
	size  int // characters of one block
	notes int // findings, warnings of one object
}

// objectBlocks returns what is said of one change, as blocks of whole Markdown of at most
// d.size characters each: a line that names it, what is to be known, its diff.
func objectBlocks(p Part, c preview.Change, d detail) []string {
	head := objectHead(p, c, d)
	if c.Action == preview.Delete {
		return []string{head}
	}
	lines := difference(c, d.width)
	left := max(0, len(lines)-d.lines)
	lines = lines[:len(lines)-left]
	var printed []string
	for _, l := range lines {
		printed = append(printed, l.print())
	}
	blocks := fences(head, objectName(c)+" (continued)", printed, d.size)
	if left > 0 {
		blocks[len(blocks)-1] += fmt.Sprintf("\n%s of this object %s in the check %s.\n", plural(left, "more line"), agree(left, "is", "are"), checkOf(p))
	}
	return blocks
}

// fences spreads lines over as many fenced blocks as they need. The first stands
// under head, the others under again.
func fences(head, again string, lines []string, limit int) []string {
	if len(lines) == 0 {
		return []string{head}
	}
	marks := size(fenceFor(lines))*2 + len("diff\n\n\n\n\n")
	var blocks []string
	for len(lines) > 0 {
		room := max(1, limit-size(head)-marks)
		n := 0
		for n < len(lines) && (n == 0 || room >= size(lines[n])+1) {
			room -= size(lines[n]) + 1
			n++
		}
		blocks = append(blocks, head+"\n"+fence("diff", lines[:n]))
		lines, head = lines[n:], "**"+again+"**\n"
	}
	return blocks
}

// objectName prints an object as code, a rename as both names.
func objectName(c preview.Change) string {
	name := code(short(c.ID.String(), 300))
	if c.RenamedFrom != "" {
		name += ", renamed from " + code(short(c.RenamedFrom, 200))
	}
	return name
}

// objectHead is the line that names an object, with a list of what is to be known.
func objectHead(p Part, c preview.Change, d detail) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** %s", actionWord(c), objectName(c))
	if c.Origin.File != "" {
		fmt.Fprintf(&b, " · %s", code(short(place(c.Origin.File, c.Origin.Line), 300)))
	}
	if onlyDrift(c) {
		b.WriteString(" · already drifted, not by this pull request")
	}
	b.WriteString("\n")
	notes := objectNotes(p, c)
	for i, note := range notes {
		if i == d.notes {
			fmt.Fprintf(&b, "- %s in the check %s\n", plural(len(notes)-i, "more remark"), checkOf(p))
			break
		}
		b.WriteString("- " + note + "\n")
	}
	return b.String()
}

func actionWord(c preview.Change) string {
	switch {
	case c.Action == preview.None && len(c.Fields) == 0:
		return "no change"
	case c.Action == preview.None:
		return "left alone"
	default:
		return string(c.Action)
	}
}

func onlyDrift(c preview.Change) bool {
	own, _ := byAdmission(c.Fields)
	for _, f := range own {
		if f.Source != preview.FromDrift {
			return false
		}
	}
	return len(own) > 0
}

// objectNotes are the remarks on an object, worst first.
func objectNotes(p Part, c preview.Change) []string {
	var notes []string
	if c.Reason != "" {
		note := fmt.Sprintf("❌ %s: %s", c.Action, sentence(brief(c.Reason, 1000)))
		if c.Action != preview.Refused && c.Action != preview.Unknown {
			note = sentence(brief(c.Reason, 1000))
		}
		notes = append(notes, note+hint(c.Hint))
	}
	for _, f := range findingsOn(p, c.ID) {
		notes = append(notes, findingNote(f))
	}
	for _, w := range c.Warnings {
		notes = append(notes, "⚠️ the API server warns: "+sentence(brief(w, 500)))
	}
	if c.NotValidated && p.Plan != nil && p.Plan.Live == preview.LiveCompared {
		notes = append(notes, "not validated by the API server: its Namespace or its kind arrives in the same change")
	}
	return notes
}

// levels are the icon and the word of each level.
var levels = map[policy.Level]struct{ icon, word string }{
	policy.Deny: {"❌", "denied"},
	policy.Warn: {"⚠️", "warning"},
	policy.Info: {"ℹ️", "info"},
}

func findingNote(f policy.Finding) string {
	level := levels[f.Level]
	note := fmt.Sprintf("%s **%s** by %s: %s", level.icon, level.word, code(short(f.Rule, 120)), sentence(brief(f.Message, 1000)))
	if f.Level != policy.Deny {
		note = fmt.Sprintf("%s **%s** of %s: %s", level.icon, level.word, code(short(f.Rule, 120)), sentence(brief(f.Message, 1000)))
	}
	if f.Waived != nil {
		note = fmt.Sprintf("🎫 **waived** of %s: %s", code(short(f.Rule, 120)), sentence(brief(f.Message, 1000)))
	}
	note += hint(f.Hint) + hint(waivedWords(f.Waived))
	if f.File != "" {
		note += " · " + code(short(place(f.File, f.Line), 300))
	}
	return note
}

// waivedWords says who excused a finding, until when, and why; empty where nobody did.
func waivedWords(w *policy.Waived) string {
	if w == nil {
		return ""
	}
	words := "waived"
	if w.By != "" {
		words += " by " + short(w.By, 100)
	}
	if w.Until != "" {
		words += " until " + short(w.Until, 20)
	}
	return words + ": " + w.Reason
}

func hint(text string) string {
	if text == "" {
		return ""
	}
	return "; " + sentence(brief(text, 500))
}

// paths is the short form of an object: its name and the fields that change.
func paths(p Part, c preview.Change, d detail) string {
	head := objectHead(p, c, d)
	var names []string
	for _, f := range c.Fields {
		if f.Path != "" {
			names = append(names, code(short(f.Path, 120)))
		}
	}
	if len(names) > 0 && c.Action != preview.Delete {
		first, rest, _ := strings.Cut(head, "\n")
		head = first + ": " + some(names, 5) + "\n" + rest
	}
	return head
}
