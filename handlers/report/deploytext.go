package report

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
)

// A tinted is one line of a table for a terminal, in one colour.
type tinted struct {
	colour string
	cells  []string
}

// columns prints a table in columns of equal width. What is in cells is shown as it
// is, so it must be visible already.
func (p paint) columns(header []string, rows []tinted) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r.cells, "\t"))
	}
	w.Flush()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
		if i > 0 && rows[i-1].colour != "" {
			lines[i] = p.with(rows[i-1].colour, lines[i])
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// stateColours are those of a receipt's state.
var stateColours = map[deploy.State]string{
	deploy.Applied: green, deploy.Applying: cyan, deploy.Waiting: yellow, deploy.Superseded: yellow,
	deploy.Failed: red, deploy.Held: red, deploy.Refused: red,
}

// ReceiptText returns receipts for a terminal: what each did, object by object, then
// the table and the verdict, where the prompt is.
func ReceiptText(receipts []deploy.Receipt, colour bool) string {
	p := paint(colour)
	var b strings.Builder
	targets := make([]TargetDeployment, len(receipts))
	var rows []tinted
	for i, r := range receipts {
		targets[i] = TargetDeployment{Target: r.Target, Receipt: &receipts[i]}
		p.receipt(&b, r)
		progress := progressOf(r)
		at := r.Ended
		if at.IsZero() {
			at = r.Started
		}
		rows = append(rows, tinted{stateColours[r.State], []string{visible(r.Target.String()), visible(r.Commit.Short()), visible(string(r.State)), dash(progress.objects()), dash(progress.health()), dash(moment(at))}})
	}
	if len(rows) > 0 {
		b.WriteString(p.columns([]string{"TARGET", "COMMIT", "STATE", "OBJECTS", "HEALTH", "SINCE"}, rows) + "\n")
	}
	icon, verdict := DeploymentReport{Environments: []EnvironmentDeployment{{Targets: targets}}}.verdict()
	tint := map[string]string{"✅": green, "❌": red}[icon]
	if tint == "" {
		tint = yellow
	}
	fmt.Fprintln(&b, p.with(bold+";"+tint, verdict))
	return b.String()
}

// receipt prints what one apply did.
func (p paint) receipt(b *strings.Builder, r deploy.Receipt) {
	fmt.Fprintf(b, "%s  %s\n", p.with(bold, visible(r.Target.String())), p.with(stateColours[r.State], visible(summaryOf(r))))
	if r.Reason != "" {
		fmt.Fprintf(b, "  %s\n", p.with(stateColours[r.State], visible(withHint(r.Reason, r.Hint))))
	}
	unchanged := 0
	for _, o := range r.Objects {
		if o.Action == preview.None && (o.State == deploy.ObjectHealthy || o.State == deploy.ObjectPending) {
			unchanged++
			continue
		}
		colour := map[deploy.ObjectState]string{deploy.ObjectHealthy: green, deploy.ObjectFailed: red, deploy.ObjectUnhealthy: red}[o.State]
		if colour == "" {
			colour = yellow
		}
		fmt.Fprintf(b, "  %s %s  %s\n", visible(string(o.Action)), visible(o.ID.String()), p.with(colour, withMessage(objectWords(o), visible(o.Message))))
	}
	if unchanged > 0 {
		fmt.Fprintf(b, "  %s unchanged\n", plural(unchanged, "object"))
	}
	b.WriteString("\n")
}

func withMessage(words, message string) string {
	if message == "" {
		return words
	}
	return words + ": " + message
}

// ProgressText returns one line about an apply that is under way, without a line
// end: "staging/web  12 of 30 healthy: Deployment web/web 1 of 3 updated".
func ProgressText(r deploy.Receipt, colour bool) string {
	p := paint(colour)
	words := summaryOf(r)
	if r.State == deploy.Applying {
		words = progressOf(r).objects()
		if health := progressOf(r).health(); health != "" {
			words += " · " + health
		}
	}
	if objects := awaited(r); r.State == deploy.Applying && len(objects) > 0 {
		o := objects[0]
		message := o.Message
		if message == "" {
			message = objectStates[o.State]
		}
		words += ": " + o.ID.String() + " " + message
	}
	return p.with(bold, visible(r.Target.String())) + "  " + p.with(stateColours[r.State], visible(words))
}

// StatusText returns what runs where for a terminal, remarks and verdict last.
func StatusText(s StatusReport, colour bool) string {
	p := paint(colour)
	var b strings.Builder
	var rows []tinted
	var notes []string
	tints := [...]string{red, yellow, "", ""}
	for _, t := range s.Targets {
		deployed := t.deployed(visible)
		if t.Behind && t.Problem == nil {
			deployed += ", behind"
		}
		rows = append(rows, tinted{tints[t.rank()], []string{visible(t.Target.String()), deployed, dash(t.since()), visible(t.health()), t.drift()}})
		name := p.with(tints[t.rank()], visible(t.Target.String())+":") + " "
		switch {
		case t.Problem != nil:
			notes = append(notes, name+problemText(*t.Problem))
		case t.Current != nil && t.Current.State == inventory.Failed:
			notes = append(notes, name+withMessage(visible(t.Current.Commit.Short())+" failed", visible(t.Current.Reason)))
		case t.Message != "" && t.Health != Healthy:
			notes = append(notes, name+visible(t.Message))
		}
	}
	if len(rows) > 0 {
		b.WriteString(p.columns([]string{"TARGET", "DEPLOYED", "SINCE", "HEALTH", "DRIFT"}, rows) + "\n")
	}
	for _, note := range notes {
		b.WriteString(note + "\n")
	}
	if len(notes) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintln(&b, p.with(bold, s.verdict()))
	return b.String()
}

// HistoryText returns what a target has run for a terminal, the newest first.
func HistoryText(h HistoryReport, colour bool) string {
	p := paint(colour)
	name := p.with(bold, visible(h.Target.String()))
	if len(h.Deployments) == 0 {
		return name + "  nothing has been deployed yet\n"
	}
	tints := map[inventory.State]string{inventory.Failed: red, inventory.Applying: cyan, inventory.Superseded: yellow}
	var rows []tinted
	current := false
	for _, d := range h.Deployments {
		now := ""
		if !current && d.State == inventory.Healthy && d.Commit == h.Deployed {
			now, current = " (runs now)", true
		}
		by := d.By
		if by == "" {
			by = "the merge"
		}
		rows = append(rows, tinted{tints[d.State], []string{visible(d.Commit.Short()), visible(string(d.State)) + now, dash(moment(d.Started)), dash(moment(d.Ended)), visible(by), visible(d.Reason)}})
	}
	return name + "  " + plural(len(rows), "deployment") + "\n\n" + p.columns([]string{"COMMIT", "STATE", "STARTED", "ENDED", "BY", "REASON"}, rows)
}
