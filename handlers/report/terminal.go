package report

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A paint colours text for a terminal, or leaves it as it is.
type paint bool

func (p paint) with(colour, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// The colours that a terminal shows, as SGR parameters.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// inTerminal is how much of an object a terminal shows: all of it.
var inTerminal = detail{width: 1 << 20}

// Text returns a report for a terminal: the diffs first, table and verdict last, where the
// prompt is. It has control sequences only with colour, and none from data.
func Text(r Report, colour bool) string {
	p := paint(colour)
	var b strings.Builder
	for _, g := range grouped(r.Parts) {
		p.group(&b, g)
	}
	if remarks := p.remarks(r); remarks != "" {
		b.WriteString(remarks + "\n")
	}
	b.WriteString(textTable(r.Parts))
	verdict := map[Conclusion]string{Success: green, Failure: red, ActionRequired: yellow}[r.Conclusion()]
	fmt.Fprintf(&b, "%s\n", p.with(bold+";"+verdict, Verdict(r)))
	b.WriteString("Nothing was applied.\n")
	return b.String()
}

// remarks are what concerns no single target, a line for each.
func (p paint) remarks(r Report) string {
	var b strings.Builder
	for _, path := range r.Conflicts {
		fmt.Fprintf(&b, "%s %s\n", p.with(red, "conflict"), visible(path))
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(&b, "%s %s\n", p.with(red, "problem"), problemText(problem))
	}
	for _, notice := range r.Notices {
		fmt.Fprintf(&b, "%s %s\n", p.with(cyan, "notice"), visible(notice))
	}
	for _, path := range r.Unclaimed {
		fmt.Fprintf(&b, "%s %s\n", p.with(yellow, "no target reads"), visible(path))
	}
	if r.Configuration == "" && r.Layout != "" {
		fmt.Fprintf(&b, "no configuration: the layout %s was recognised\n", visible(r.Layout))
	}
	return b.String()
}

func problemText(p render.Problem) string { return visible(p.Error()) }

// group prints what is said of a group of targets.
func (p paint) group(b *strings.Builder, g group) {
	part := g.first()
	fmt.Fprintf(b, "%s  %s\n", p.with(bold, visible(g.title())), g.counts())
	if len(g.parts) > 1 {
		names := make([]string, len(g.parts))
		for i, member := range g.parts {
			names[i] = visible(member.Target.String())
		}
		fmt.Fprintf(b, "  shown for %s; in the others only the names of the application and the environment differ: %s\n", names[0], strings.Join(names[1:], ", "))
	}
	if part.Problem != nil {
		fmt.Fprintf(b, "  %s %s\n", p.with(red, "cannot be rendered:"), problemText(*part.Problem))
	}
	for _, f := range strays(part) {
		p.finding(b, f)
	}
	for _, w := range part.Warnings {
		fmt.Fprintf(b, "  %s %s\n", p.with(yellow, "while rendering:"), visible(w))
	}
	if part.Plan != nil {
		p.plan(b, part)
	}
	b.WriteString("\n")
}

func (p paint) plan(b *strings.Builder, part Part) {
	if part.Plan.Problem != nil {
		fmt.Fprintf(b, "  %s\n", p.with(yellow, problemText(*part.Plan.Problem)))
	}
	for _, c := range part.Plan.Changes {
		if noteworthy(part, c) {
			p.change(b, part, c)
		}
	}
	if n := part.Plan.Counts()[preview.None]; n > 0 {
		fmt.Fprintf(b, "  %s compared and unchanged\n", plural(n, "object"))
	}
	if n := part.Plan.Counts()[preview.Encrypted]; n > 0 {
		fmt.Fprintf(b, "  %s encrypted by SOPS: neither compared nor applied by Slipway\n", plural(n, "object"))
	}
}

// change prints one object with its diff.
func (p paint) change(b *strings.Builder, part Part, c preview.Change) {
	colours := map[preview.Action]string{preview.Create: green, preview.Update: yellow, preview.None: cyan}
	colour, mild := colours[c.Action]
	if !mild {
		colour = red
	}
	fmt.Fprintf(b, "  %s %s", p.with(colour, actionWord(c)), p.with(bold, visible(c.ID.String())))
	if c.RenamedFrom != "" {
		fmt.Fprintf(b, ", renamed from %s", visible(c.RenamedFrom))
	}
	if c.Origin.File != "" {
		fmt.Fprintf(b, "  %s", visible(place(c.Origin.File, c.Origin.Line)))
	}
	b.WriteString("\n")
	if c.Reason != "" {
		fmt.Fprintf(b, "    %s\n", p.with(red, visible(withHint(c.Reason, c.Hint))))
	}
	for _, f := range findingsOn(part, c.ID) {
		p.finding(b, f)
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(b, "    %s %s\n", p.with(yellow, "the API server warns:"), visible(w))
	}
	if c.NotValidated && part.Plan.Live == preview.LiveCompared {
		fmt.Fprintf(b, "    %s\n", p.with(yellow, "not validated by the API server: its Namespace or its kind arrives in the same change"))
	}
	if c.Action == preview.Delete {
		return
	}
	for _, l := range difference(c, inTerminal.width) {
		colour := map[lineMark]string{removedLine: red, addedLine: green, fieldLine: cyan}[l.mark]
		text := l.print()
		if colour != "" {
			text = p.with(colour, text)
		}
		fmt.Fprintf(b, "    %s\n", text)
	}
}

func (p paint) finding(b *strings.Builder, f policy.Finding) {
	colour := map[policy.Level]string{policy.Deny: red, policy.Warn: yellow, policy.Info: cyan}[f.Level]
	word, hint := levels[f.Level].word, f.Hint
	if f.Waived != nil {
		word, hint = "waived", strings.TrimPrefix(hint+"; "+waivedWords(f.Waived), "; ")
	}
	fmt.Fprintf(b, "    %s %s: %s", p.with(colour, word), visible(f.Rule), visible(withHint(f.Message, hint)))
	if f.File != "" {
		fmt.Fprintf(b, "  %s", visible(place(f.File, f.Line)))
	}
	b.WriteString("\n")
}

// textTable returns the table of targets in columns of equal width.
func textTable(parts []Part) string {
	if len(parts) == 0 {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	header := []string{"TARGET"}
	actions := []preview.Action{preview.Create, preview.Update, preview.Replace, preview.Delete, preview.Refused, preview.Unknown}
	for _, action := range actions {
		header = append(header, strings.ToUpper(string(action)))
	}
	fmt.Fprintln(w, strings.Join(append(header, "POLICY", "LIVE STATE"), "\t"))
	for _, p := range parts {
		fmt.Fprintln(w, strings.Join(textRow(p, actions), "\t"))
	}
	w.Flush()
	b.WriteString("\n")
	return b.String()
}

func textRow(p Part, actions []preview.Action) []string {
	t := count(p)
	cells := []string{visible(p.Target.String())}
	for _, action := range actions {
		n := "-"
		if t.actions[action] > 0 {
			n = number(t.actions[action])
		}
		cells = append(cells, n)
	}
	live := "cannot be rendered"
	if p.Problem == nil && p.Plan != nil {
		live = strings.TrimSpace(visible(p.Plan.Cluster) + " " + liveWords(p))
	}
	return append(cells, policyCell(p, t), live)
}
