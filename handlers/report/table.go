package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// manyTargets is the number of targets from which on rows that say the same stand
// as one.
const manyTargets = 25

// A row is one line of the table of targets: one target, or several of the same
// environment of which it says the same.
type row struct {
	parts []Part
	cells []string // without the name: one per action shown, policy, live state
}

// table returns the table of targets with at most most rows, and a few that count
// what those have no room for.
func table(parts []Part, most int) string {
	actions := []preview.Action{preview.Create, preview.Update, preview.Replace, preview.Delete}
	total := count(parts...)
	for _, action := range []preview.Action{preview.Refused, preview.Unknown} {
		if total.actions[action] > 0 {
			actions = append(actions, action)
		}
	}
	rows := tableRows(parts, actions, most)
	var b strings.Builder
	b.WriteString("| target |")
	for _, action := range actions {
		fmt.Fprintf(&b, " %s |", action)
	}
	b.WriteString(" policy | live state |\n|:--|" + strings.Repeat("--:|", len(actions)) + ":--|:--|\n")
	for i, r := range rows {
		if i == most-1 && len(rows) > most {
			b.WriteString(restRows(rows[i:], actions))
			break
		}
		fmt.Fprintf(&b, "| %s | %s |\n", rowName(r.parts), strings.Join(r.print(), " | "))
	}
	return b.String()
}

// tableRows returns a row per target, or fewer where there are many targets.
func tableRows(parts []Part, actions []preview.Action, most int) []row {
	var rows []row
	at := map[string]int{}
	for _, p := range parts {
		cells := rowCells(p, actions)
		key := fmt.Sprintf("%q %q %t %t", p.Target.Environment, cells, p.New, p.Retired)
		if i, known := at[key]; known && len(parts) > min(manyTargets, most) {
			rows[i].parts = append(rows[i].parts, p)
			continue
		}
		at[key] = len(rows)
		rows = append(rows, row{[]Part{p}, cells})
	}
	if len(parts) > min(manyTargets, most) {
		slices.SortStableFunc(rows, func(a, b row) int { return rank(a.parts[0]) - rank(b.parts[0]) })
	}
	return rows
}

// print returns the cells, those with a count marked as each target's where there
// are several.
func (r row) print() []string {
	if len(r.parts) == 1 {
		return r.cells
	}
	each := slices.Clone(r.cells)
	for i, cell := range each {
		policyOrLive := i >= len(each)-2
		if cell != "" && !policyOrLive || policyOrLive && countedCell.MatchString(cell) {
			each[i] += " each"
		}
	}
	return each
}

// countedCell matches what levelWords and liveCell say with a count.
var countedCell = regexp.MustCompile(`^[0-9,]+ (denied|warning|info)|[0-9] already drifted$`)

// rowName names the targets of a row.
func rowName(parts []Part) string {
	p := parts[0]
	mark := ""
	switch {
	case p.New:
		mark = " (new)"
	case p.Retired:
		mark = " (retired)"
	}
	icon := rowIcon(p)
	if len(parts) == 1 {
		return icon + cell(short(p.Target.String(), 120)) + mark
	}
	var names []string
	for _, p := range parts[:min(3, len(parts))] {
		names = append(names, cell(short(orPath(p.Target), 60)))
	}
	for range len(parts) - len(names) {
		names = append(names, "")
	}
	return fmt.Sprintf("%s%s: **%s**%s %s", icon, cell(short(string(p.Target.Environment), 60)), plural(len(parts), "target"), mark, some(names, 3))
}

// orPath names a target within its environment.
func orPath(t render.Target) string {
	if t.Application != "" {
		return string(t.Application)
	}
	return t.Path
}

// rowIcon is what a reader on a narrow screen sees of policy and live state.
func rowIcon(p Part) string {
	switch r := rank(p); {
	case r == 0:
		return "❌ "
	case r <= 2:
		return "⚠️ "
	default:
		return ""
	}
}

func rowCells(p Part, actions []preview.Action) []string {
	t := count(p)
	var cells []string
	for _, action := range actions {
		n := ""
		if t.actions[action] > 0 {
			n = number(t.actions[action])
		}
		if n != "" && (action == preview.Delete || action == preview.Replace || action == preview.Refused || action == preview.Unknown) {
			n = "**" + n + "**"
		}
		cells = append(cells, n)
	}
	return append(cells, policyCell(p, t), liveCell(p))
}

func policyCell(p Part, t tally) string {
	words := levelWords(t)
	switch {
	case len(words) > 0:
		return strings.Join(words, ", ")
	case p.Problem != nil:
		return "not asked"
	case p.Tested > 0:
		return "passed"
	default:
		return "none"
	}
}

// levelWords counts findings by level, worst first.
func levelWords(t tally) []string {
	var words []string
	for _, level := range []policy.Level{policy.Deny, policy.Warn, policy.Info} {
		switch n := t.findings[level]; {
		case n == 0:
		case level == policy.Warn:
			words = append(words, plural(n, "warning"))
		default:
			words = append(words, number(n)+" "+levels[level].word)
		}
	}
	if t.waived > 0 {
		words = append(words, number(t.waived)+" waived")
	}
	return words
}

// liveCell says what a target was compared with and whether that was in sync.
func liveCell(p Part) string {
	if p.Problem != nil || p.Plan == nil {
		return "cannot be rendered"
	}
	if p.Plan.Cluster == "" || p.Plan.Live == preview.LiveOffline {
		return liveWords(p)
	}
	return cell(short(p.Plan.Cluster, 60)) + " " + liveWords(p)
}

func liveWords(p Part) string {
	switch p.Plan.Live {
	case preview.LiveUnreachable:
		return "unreachable"
	case preview.LiveRefused:
		return "no access granted"
	case preview.LiveOffline:
		return "not compared"
	default:
		return syncWords(p)
	}
}

// syncWords says whether the live state was as Git has it, apart from what the pull
// request changes. Where not every object could be compared it claims nothing.
func syncWords(p Part) string {
	counts := p.Plan.Counts()
	if n := p.Plan.Drifted(); n > 0 {
		return number(n) + " already drifted"
	}
	if counts[preview.Refused]+counts[preview.Unknown] > 0 {
		return "compared in part"
	}
	return "in sync"
}

// mostRest is the number of environments up to which the rest is counted for each.
const mostRest = 5

// restRows counts the targets of the rows that the table has no room for, in a row
// for each environment where those are few.
func restRows(rows []row, actions []preview.Action) string {
	var environments []render.Environment
	parts := map[render.Environment][]Part{}
	var all []Part
	for _, r := range rows {
		e := r.parts[0].Target.Environment
		if parts[e] == nil {
			environments = append(environments, e)
		}
		parts[e] = append(parts[e], r.parts...)
		all = append(all, r.parts...)
	}
	if len(environments) > mostRest {
		return restRow("", all, actions)
	}
	var b strings.Builder
	for _, e := range environments {
		b.WriteString(restRow(cell(short(string(e), 60))+": ", parts[e], actions))
	}
	return b.String()
}

func restRow(name string, parts []Part, actions []preview.Action) string {
	t := count(parts...)
	var b strings.Builder
	fmt.Fprintf(&b, "| %s**%s**, named in the check |", name, plural(len(parts), "more target"))
	for _, action := range actions {
		n := ""
		if t.actions[action] > 0 {
			n = number(t.actions[action])
		}
		b.WriteString(" " + n + " |")
	}
	fmt.Fprintf(&b, " %s |", strings.Join(levelWords(t), ", "))
	live := ""
	if t.failed > 0 {
		live = fmt.Sprintf("%s cannot be rendered", number(t.failed))
	}
	return b.String() + " " + live + " |\n"
}
