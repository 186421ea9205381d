package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

// A StatusReport is what runs where, target by target.
type StatusReport struct {
	Repository string
	Head       render.Commit // the branch's head; may be empty
	// Targets are in environment order, then by application.
	Targets []TargetStatus
}

// A Health says how what is live in a target is doing.
type Health string

// The healths of a target.
const (
	Healthy       Health = "healthy"
	Progressing   Health = "progressing"
	Unhealthy     Health = "unhealthy"
	HealthUnknown Health = "unknown"
)

// A TargetStatus is what is known of one target.
type TargetStatus struct {
	Target   render.Target
	Deployed *inventory.Deployment // the last that became healthy; nil before the first
	Current  *inventory.Deployment // the newest, whatever became of it; nil before the first
	Behind   bool                  // the branch's head renders something else than is deployed
	Health   Health                // now
	Message  string                // why it is not healthy; masked
	// Checked is when drift was looked for last; zero where it never was. Drifted
	// counts the objects that had drifted then.
	Checked time.Time
	Drifted int
	// Problem says why nothing is known, e.g. that the cluster did not answer.
	Problem *render.Problem
	// External is set where another engine applies.
	External bool
}

// A HistoryReport is what a target has run.
type HistoryReport struct {
	Target      render.Target
	Deployments []inventory.Deployment // newest first
	Deployed    render.Commit          // what runs now; may be empty
}

// rank orders targets by how much harm not seeing them does.
func (t TargetStatus) rank() int {
	switch {
	case t.Problem != nil, t.Health == Unhealthy, t.Current != nil && t.Current.State == inventory.Failed:
		return 0
	case t.Drifted > 0, t.Health == HealthUnknown, t.Health == Progressing:
		return 1
	case t.Behind:
		return 2
	default:
		return 3
	}
}

// deployed is the commit that runs, and what is about to follow it or failed to.
func (t TargetStatus) deployed(print func(string) string) string {
	words := "nothing yet"
	switch {
	case t.Problem != nil:
		return "unknown"
	case t.External && t.Deployed == nil:
		return external
	case t.Deployed != nil:
		words = print(t.Deployed.Commit.Short())
	}
	if t.Current == nil || t.Deployed != nil && t.Current.Commit == t.Deployed.Commit {
		return words
	}
	return words + ", " + print(t.Current.Commit.Short()) + " " + string(t.Current.State)
}

func (t TargetStatus) since() string {
	if t.Deployed == nil || t.Problem != nil {
		return ""
	}
	if at := t.Deployed.Ended; !at.IsZero() {
		return moment(at)
	}
	return moment(t.Deployed.Started)
}

// drift counts what has drifted, and never says none where nobody looked.
func (t TargetStatus) drift() string {
	switch {
	case t.Problem != nil || t.Checked.IsZero():
		return "not checked"
	case t.Drifted > 0:
		return plural(t.Drifted, "object")
	default:
		return "none"
	}
}

func (t TargetStatus) health() string {
	if t.Problem != nil || t.Health == "" {
		return string(HealthUnknown)
	}
	return string(t.Health)
}

// verdict says in one line, with counts, how the targets are.
func (s StatusReport) verdict() string {
	counts := map[string]int{}
	for _, t := range s.Targets {
		counts[t.health()]++
		if t.Problem == nil && t.Drifted > 0 {
			counts["drifted"]++
		}
		if t.Problem == nil && t.Behind {
			counts["behind"]++
		}
	}
	words := []string{fmt.Sprintf("%s of %s healthy", number(counts[string(Healthy)]), plural(len(s.Targets), "target"))}
	for _, state := range []Health{Unhealthy, Progressing, HealthUnknown} {
		if n := counts[string(state)]; n > 0 {
			words = append(words, number(n)+" "+string(state))
		}
	}
	if n := counts["drifted"]; n > 0 {
		words = append(words, number(n)+" drifted")
	}
	if n := counts["behind"]; n > 0 {
		words = append(words, number(n)+" behind the branch")
	}
	return strings.Join(words, " · ")
}

// markdown is the verdict with the table of targets. Where they are too many those
// that need a look are shown and the others counted.
func (s StatusReport) markdown(b brevity) string {
	targets := slices.Clone(s.Targets)
	if len(targets) > b.rows {
		slices.SortStableFunc(targets, func(a, b TargetStatus) int { return a.rank() - b.rank() })
	}
	var text strings.Builder
	fmt.Fprintf(&text, "**%s**\n\n| target | deployed | since | health | drift |\n|:--|:--|:--|:--|:--|\n", s.verdict())
	var notes []string
	for i, t := range targets {
		if i == b.rows {
			fmt.Fprintf(&text, "| **%s** | | | %s | |\n", plural(len(targets)-i, "more target"), StatusReport{Targets: targets[i:]}.verdict())
			break
		}
		icon := [...]string{"❌ ", "⚠️ ", "", ""}[t.rank()]
		behind := ""
		if t.Behind && t.Problem == nil {
			behind = ", behind the branch"
		}
		fmt.Fprintf(&text, "| %s%s | %s%s | %s | %s | %s |\n", icon, cell(short(t.Target.String(), 120)), t.deployed(cell), behind, t.since(), t.health(), t.drift())
		if note := t.note(b); note != "" {
			notes = append(notes, note)
		}
	}
	if len(notes) > 0 {
		text.WriteString("\n" + list(notes, b.rows, "remark", func(n string) string { return n }))
	}
	return text.String()
}

// note says why a target is not as it should be.
func (t TargetStatus) note(b brevity) string {
	name := code(short(t.Target.String(), 120)) + ": "
	switch {
	case t.Problem != nil:
		p := *t.Problem
		p.Message, p.Hint = brief(p.Message, b.notes), brief(p.Hint, b.notes)
		return "❌ " + name + problemNote(p)
	case t.Current != nil && t.Current.State == inventory.Failed:
		return "❌ " + name + code(t.Current.Commit.Short()) + " failed" + after(t.Current.Reason, b.notes)
	case t.Message != "" && t.Health != Healthy:
		return "⚠️ " + name + sentence(brief(t.Message, b.notes))
	default:
		return ""
	}
}
