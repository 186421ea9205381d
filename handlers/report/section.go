package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// body returns what is said of a group of targets, as blocks of whole Markdown: first
// what concerns the target, then its objects.
func (g group) body(d detail) []string {
	p := g.first()
	blocks := g.preamble(d)
	if p.Plan == nil {
		return blocks
	}
	for _, c := range p.Plan.Changes {
		if noteworthy(p, c) {
			blocks = append(blocks, objectBlocks(p, c, d)...)
		}
	}
	return blocks
}

// outline returns the same with the paths of what changes instead of the diffs.
func (g group) outline(d detail) []string {
	p := g.first()
	blocks := g.preamble(d)
	if p.Plan == nil {
		return blocks
	}
	var lines []string
	for _, c := range p.Plan.Changes {
		if noteworthy(p, c) {
			lines = append(lines, paths(p, c, d))
		}
	}
	return append(blocks, lines...)
}

// preamble returns what is said of the target itself: which targets it stands for,
// problems, warnings, findings on nothing that changes, and how much was compared.
func (g group) preamble(d detail) []string {
	p := g.first()
	var blocks []string
	if len(g.parts) > 1 {
		blocks = append(blocks, g.members())
	}
	var notes []string
	if p.Problem != nil {
		notes = append(notes, "❌ cannot be rendered: "+problemNote(*p.Problem))
	}
	if p.Plan != nil {
		notes = append(notes, liveNotes(p)...)
	}
	for _, f := range strays(p) {
		notes = append(notes, findingNote(f)+" · "+code(short(f.Object.String(), 300)))
	}
	for _, w := range p.Warnings {
		notes = append(notes, "⚠️ while rendering: "+sentence(brief(w, 500)))
	}
	if left := len(notes) - d.notes; left > 0 {
		notes = append(notes[:d.notes], plural(left, "more remark")+" left out here")
	}
	if len(notes) > 0 {
		blocks = append(blocks, "- "+strings.Join(notes, "\n- ")+"\n")
	}
	return append(blocks, unchanged(p)...)
}

// members names targets of which the same is said. The first is the one shown.
func (g group) members() string {
	names := make([]string, len(g.parts))
	for i, p := range g.parts {
		if i < 100 {
			names[i] = code(short(p.Target.String(), 80))
		}
	}
	return fmt.Sprintf("Shown for %s; in the others only the names of the application and the environment differ: %s.\n",
		names[0], some(names[1:], 99))
}

// liveNotes says what a plan was compared with, where it was not a live cluster.
func liveNotes(p Part) []string {
	var notes []string
	switch p.Plan.Live {
	case preview.LiveUnreachable:
		notes = append(notes, "❌ the cluster did not answer, so that nothing is known of its objects")
	case preview.LiveRefused:
		notes = append(notes, "❌ no access to the cluster is granted: this is the base branch compared with the result of the merge")
	case preview.LiveOffline:
		notes = append(notes, "no cluster was asked: this is the base branch compared with the result of the merge")
	}
	if p.Plan.Problem != nil {
		notes = append(notes, problemNote(*p.Plan.Problem))
	}
	if p.Retired {
		notes = append(notes, "the target is gone from Git: its objects are planned as deletes")
	}
	return notes
}

// unchanged says how many objects were compared and found equal, so that silence
// is never mistaken for it.
func unchanged(p Part) []string {
	if p.Plan == nil {
		return nil
	}
	n := p.Plan.Counts()[preview.None]
	switch {
	case len(p.Plan.Changes) == 0 && p.Plan.Live == preview.LiveCompared:
		return []string{"It has no objects.\n"}
	case n == len(p.Plan.Changes) && n > 0:
		return []string{fmt.Sprintf("No change: %s compared.\n", plural(n, "object"))}
	case n > 0:
		return []string{fmt.Sprintf("%s compared and unchanged.\n", plural(n, "further object"))}
	default:
		return nil
	}
}

func problemNote(p render.Problem) string {
	note := sentence(brief(p.Message, 1000)) + hint(p.Hint)
	if p.File != "" {
		note = code(short(place(p.File, p.Line), 300)) + ": " + note
	}
	return note
}

// fold returns a group's blocks as one folded block.
func (g group) fold(blocks []string, open bool) string {
	attribute := ""
	if open {
		attribute = " open"
	}
	return fmt.Sprintf("<details%s><summary>%s</summary>\n\n%s\n</details>\n", attribute, g.summary(), strings.Join(blocks, "\n"))
}

// summary is the line that stays when a group is folded.
func (g group) summary() string {
	p := g.first()
	name := tag(short(p.Target.String(), 120))
	if len(g.parts) > 1 {
		name = fmt.Sprintf("the same change in %s targets: %s and %s", number(len(g.parts)), name, plural(len(g.parts)-1, "other"))
	}
	return "<b>" + name + "</b> " + g.counts()
}

// counts says what happens in each target of the group, in a few words.
func (g group) counts() string {
	p := g.first()
	t := count(p)
	var words []string
	switch {
	case p.New:
		words = append(words, "new target")
	case p.Retired:
		words = append(words, "retired target")
	}
	if t.changes() != "" {
		words = append(words, t.changes())
	}
	trouble := t.trouble()
	if t.failed > 0 {
		trouble[0] = "cannot be rendered"
	}
	if words = append(words, trouble...); len(words) == 0 {
		words = []string{"no change"}
	}
	return strings.Join(words, " · ")
}
