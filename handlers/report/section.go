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
	return g.blocks(d, func(c preview.Change) []string { return objectBlocks(g.first(), c, d) })
}

// outline returns the same with the paths of what changes instead of the diffs.
func (g group) outline(d detail) []string {
	return g.blocks(d, func(c preview.Change) []string { return []string{paths(g.first(), c, d)} })
}

func (g group) blocks(d detail, object func(preview.Change) []string) []string {
	p := g.first()
	blocks := g.preamble(d)
	if p.Plan == nil {
		return blocks
	}
	for _, c := range p.Plan.Changes {
		if noteworthy(p, c) {
			blocks = append(blocks, object(c)...)
		}
	}
	return append(blocks, g.unchanged()...)
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
		notes = append(notes[:d.notes], plural(left, "more remark")+" in the check "+checkOf(p))
	}
	if len(notes) > 0 {
		blocks = append(blocks, "- "+strings.Join(notes, "\n- ")+"\n")
	}
	return blocks
}

// members names, by environment, the targets of which the same is said. The first is
// the one shown.
func (g group) members() string {
	var environments []render.Environment
	names := map[render.Environment][]string{}
	for _, p := range g.parts {
		e := p.Target.Environment
		if names[e] == nil {
			environments = append(environments, e)
		}
		names[e] = append(names[e], code(short(orPath(p.Target), 60)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Shown for %s. In the others nothing differs but the names of application and environment:\n\n", code(short(g.first().Target.String(), 120)))
	for i, e := range environments {
		if i == 10 {
			fmt.Fprintf(&b, "- %s\n", plural(len(environments)-i, "more environment"))
			break
		}
		fmt.Fprintf(&b, "- %s: %s\n", code(short(string(e), 60)), some(names[e], 20))
	}
	return b.String()
}

// liveNotes says what a plan was compared with, where that was to be a live cluster
// and was not.
func liveNotes(p Part) []string {
	var notes []string
	switch p.Plan.Live {
	case preview.LiveUnreachable:
		notes = append(notes, "❌ the cluster did not answer, so that nothing is known of its objects")
	case preview.LiveRefused:
		notes = append(notes, "❌ no access to the cluster is granted: this is the base branch compared with the result of the merge")
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
func (g group) unchanged() []string {
	t := count(g.parts...)
	n := t.actions[preview.None]
	where := ""
	if len(g.parts) > 1 {
		where = " in all of them"
	}
	if sealed := t.actions[preview.Encrypted]; sealed > 0 {
		note := fmt.Sprintf("%s encrypted by SOPS: neither compared nor applied by Slipway%s.\n", plural(sealed, "object"), where)
		return append(g.counted(t, n, where), note)
	}
	return g.counted(t, n, where)
}

func (g group) counted(t tally, n int, where string) []string {
	p := g.first()
	switch {
	case t.objects == 0 && p.Plan.Live == preview.LiveCompared:
		return []string{"It has no objects.\n"}
	case n == t.compared() && n > 0:
		return []string{fmt.Sprintf("No change: %s compared%s.\n", plural(n, "object"), where)}
	case n > 0:
		return []string{fmt.Sprintf("%s compared and unchanged%s.\n", plural(n, "further object"), where)}
	default:
		return nil
	}
}

// checkOf names, as code, the check that has all that is said of a target.
func checkOf(p Part) string { return code(short(checkName(p.Target.Environment), 100)) }

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

// same says how many targets the group stands for.
func (g group) same() string {
	if count(g.first()).changing == 0 {
		return fmt.Sprintf("the same of %s targets: ", number(len(g.parts)))
	}
	return fmt.Sprintf("the same change in %s targets: ", number(len(g.parts)))
}

// names names the group's targets, or the first of many.
func (g group) names(print func(string) string) string {
	const few = 3
	names := make([]string, min(few, len(g.parts)))
	for i := range names {
		names[i] = print(short(g.parts[i].Target.String(), 120))
	}
	if len(g.parts) > few {
		return names[0] + " and " + plural(len(g.parts)-1, "other")
	}
	return strings.Join(names, ", ")
}

// summary is the line that stays when a group is folded.
func (g group) summary() string {
	p := g.first()
	name := tag(short(p.Target.String(), 120))
	if len(g.parts) > 1 {
		name = g.same() + g.names(tag)
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
	switch {
	case t.live[preview.LiveUnreachable] > 0:
		words = append(words, "cluster unreachable")
	case t.live[preview.LiveRefused] > 0:
		words = append(words, "no access to a cluster")
	}
	t.live = nil
	trouble := t.trouble()
	if t.failed > 0 {
		trouble[0] = "cannot be rendered"
	}
	if words = append(words, trouble...); len(words) == 0 {
		words = []string{"no change"}
	}
	return strings.Join(words, " · ")
}
