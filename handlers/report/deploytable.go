package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/render"
)

// A deployRow is one line of the table of a deployment: one target, or several of
// the same environment of which it says the same.
type deployRow struct {
	environment render.Environment
	targets     []TargetDeployment
	state       string
	cells       [3]string // state, objects, health
	since       time.Time // the latest of the targets'
}

// table returns the table of targets with at most most rows, and one that counts
// what those have no room for.
func (d DeploymentReport) table(most int) string {
	many := len(d.targets()) > min(manyTargets, most)
	rows := d.rows(many)
	var b strings.Builder
	b.WriteString("| target | state | objects | health | since |\n|:--|:--|:--|:--|:--|\n")
	for i, r := range rows {
		if i == most-1 && len(rows) > most {
			b.WriteString(restDeployed(rows[i:]))
			break
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.name(), strings.Join(r.print(), " | "), moment(r.since))
	}
	return b.String()
}

// rows returns a row for each target; one for those of an environment that have not
// begun; and where there are many, one for all of which the same is to be said,
// what needs a look first.
func (d DeploymentReport) rows(many bool) []deployRow {
	var rows []deployRow
	at := map[string]int{}
	for _, e := range d.Environments {
		for _, t := range e.Targets {
			r := d.row(e, t)
			key := fmt.Sprintf("%q %q", e.Name, r.cells)
			if i, known := at[key]; known && (many || r.state == notBegun) {
				rows[i].targets = append(rows[i].targets, t)
				if r.since.After(rows[i].since) {
					rows[i].since = r.since
				}
				continue
			}
			at[key] = len(rows)
			rows = append(rows, r)
		}
	}
	if many {
		slices.SortStableFunc(rows, func(a, b deployRow) int { return urgency(a.state) - urgency(b.state) })
	}
	return rows
}

// urgency orders states by how much harm not seeing them does.
func urgency(state string) int {
	switch {
	case failing(state):
		return 0
	case state == string(deploy.Waiting):
		return 1
	case settled(state):
		return 3
	default:
		return 2
	}
}

func (d DeploymentReport) row(e EnvironmentDeployment, t TargetDeployment) deployRow {
	r := deployRow{environment: e.Name, targets: []TargetDeployment{t}, state: t.state()}
	r.cells[0] = r.state
	switch {
	case r.state == notBegun && e.StoppedBy != "":
		r.cells[0] += ", because " + cell(short(string(e.StoppedBy), 60)) + " " + d.stopped(e.StoppedBy)
	case r.state == noPlan:
		r.cells[0] = "**not applied**"
	case failing(r.state):
		r.cells[0] = "**" + r.state + "**"
	case r.state == string(deploy.Waiting):
		r.cells[0] = "waiting for a person's word"
	case r.state == string(deploy.Superseded):
		r.cells[0] = "superseded by a newer commit"
	case r.state == string(deploy.Unchanged) && t.Receipt.Commit != "" && t.Receipt.Commit != d.Commit:
		r.cells[0] += " since " + cell(t.Receipt.Commit.Short())
	}
	if t.Receipt == nil {
		return r
	}
	if t.Receipt.By != "" {
		r.cells[0] += ", by " + cell(short(t.Receipt.By, 40))
	}
	p := progressOf(*t.Receipt)
	if r.state != string(deploy.Waiting) { // nothing is written yet
		r.cells[1], r.cells[2] = p.objects(), p.health()
	}
	switch t.Receipt.State {
	case deploy.Waiting, deploy.Refused, deploy.Held: // looked at anew each time, which is no news
		return r
	}
	r.since = t.Receipt.Ended
	if r.since.IsZero() {
		r.since = t.Receipt.Started
	}
	return r
}

// print returns the cells, those with a count marked as each target's where there
// are several.
func (r deployRow) print() []string {
	cells := r.cells
	for i := 1; i < len(cells); i++ {
		if cells[i] != "" && len(r.targets) > 1 {
			cells[i] += " each"
		}
	}
	return cells[:]
}

// stopped says how an environment keeps later ones from beginning.
func (d DeploymentReport) stopped(by render.Environment) string {
	how := "is not done"
	for _, e := range d.Environments {
		if e.Name != by {
			continue
		}
		for _, t := range e.Targets {
			switch state := t.state(); {
			case failing(state):
				return "failed"
			case state == string(deploy.Waiting):
				how = "waits"
			}
		}
	}
	return how
}

// name names the targets of a row.
func (r deployRow) name() string {
	icon := ""
	switch urgency(r.state) {
	case 0:
		icon = "❌ "
	case 1:
		icon = "⏸️ "
	}
	if len(r.targets) == 1 {
		return icon + cell(short(r.targets[0].Target.String(), 120))
	}
	names := make([]string, len(r.targets))
	for i := range names[:min(3, len(names))] {
		names[i] = cell(short(orPath(r.targets[i].Target), 60))
	}
	return fmt.Sprintf("%s%s: **%s** %s", icon, cell(short(string(r.environment), 60)), plural(len(r.targets), "target"), some(names, 3))
}

// restDeployed counts, by state, the targets of the rows that the table has no room for.
func restDeployed(rows []deployRow) string {
	counts := map[string]int{}
	var states []string
	n := 0
	for _, r := range rows {
		if counts[r.state] == 0 {
			states = append(states, r.state)
		}
		counts[r.state] += len(r.targets)
		n += len(r.targets)
	}
	for i, state := range states {
		states[i] = number(counts[state]) + " " + state
	}
	return fmt.Sprintf("| **%s** | %s | | | |\n", plural(n, "more target"), strings.Join(states, ", "))
}
