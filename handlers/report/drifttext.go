package report

import (
	"fmt"
	"strings"
)

// DriftText returns what has drifted for a terminal, in the order of the reports,
// with all values, and the verdict last.
func DriftText(reports []DriftReport, colour bool) string {
	p := paint(colour)
	var b strings.Builder
	var parts []DriftPart
	targets := 0
	for _, d := range reports {
		parts = append(parts, d.Parts...)
		targets += d.Targets
	}
	for _, part := range parts {
		p.driftPart(&b, part)
	}
	t := countDrift(parts...)
	verdict, tint := t.words(), yellow
	if verdict == "" && t.notChecked() == "" {
		verdict, tint = "No drift: "+plural(targets, "target")+" checked", green
	}
	if not := t.notChecked(); not != "" {
		verdict = strings.TrimPrefix(verdict+" · "+not, " · ")
		tint = red
	}
	fmt.Fprintln(&b, p.with(bold+";"+tint, verdict))
	return b.String()
}

func (p paint) driftPart(b *strings.Builder, part DriftPart) {
	b.WriteString(p.with(bold, visible(part.Target.String())))
	if kinds := countDrift(part).kinds(); kinds != "" {
		b.WriteString("  " + kinds)
	}
	if part.Commit != "" {
		fmt.Fprintf(b, "  compared with %s", visible(part.Commit.Short()))
	}
	if since := moment(part.Since); since != "" && part.Problem == nil {
		b.WriteString("  seen since " + since)
	}
	b.WriteString("\n")
	if part.Problem != nil {
		words := countDrift(part).notChecked()
		if !part.partly() {
			words = "not checked"
		}
		if since := moment(part.FailingSince); since != "" {
			words += " since " + since
		}
		fmt.Fprintf(b, "  %s\n", p.with(red, words+": "+problemText(*part.Problem)))
		if last := moment(part.LastChecked); last != "" && len(part.Objects) > 0 {
			fmt.Fprintf(b, "  what follows is of the last check, %s\n", last)
		}
	}
	for _, o := range part.Objects {
		p.driftedObject(b, o)
	}
	b.WriteString("\n")
}

func (p paint) driftedObject(b *strings.Builder, o DriftedObject) {
	colour := yellow
	if o.Missing {
		colour = red
	}
	fmt.Fprintf(b, "  %s %s", p.with(colour, string(o.kind())), p.with(bold, visible(o.ID.String())))
	if o.Origin.File != "" {
		fmt.Fprintf(b, "  %s", visible(place(o.Origin.File, o.Origin.Line)))
	}
	b.WriteString("\n")
	for _, f := range o.Fields {
		head := "@@ " + visible(orDot(f.Path)) + " @@ " + visible(string(f.Kind))
		if f.Manager != "" {
			head += " by " + visible(f.Manager)
		}
		if at := moment(f.At); at != "" {
			head += ", " + at
		}
		fmt.Fprintf(b, "    %s\n", p.with(cyan, head))
		for _, l := range f.difference() {
			text := l.print()
			if tint := map[lineMark]string{removedLine: red, addedLine: green, fieldLine: cyan}[l.mark]; tint != "" {
				text = p.with(tint, text)
			}
			fmt.Fprintf(b, "    %s\n", text)
		}
	}
}

// difference is what differs, where - is Git and + is live.
func (f DriftedField) difference() []line {
	before, after, _ := sides(f.Git, f.Live)
	return longDifference(before, after, inTerminal.width)
}
