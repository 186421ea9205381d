package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/render"
)

// DeploymentMarker is the first line of every comment that Deployment returns.
const DeploymentMarker = "<!-- slipway:deployment -->"

// A DeploymentReport is what is said on a merged pull request of how its change
// reaches the clusters.
type DeploymentReport struct {
	Repository string // owner/name
	Pull       int    // the pull request on which this is said
	// Merged is the commit by which the pull request came to the branch, Commit the
	// one that is applied: Merged itself, or a later one that carries it.
	Merged, Commit render.Commit
	// Carrier is the pull request that Commit came from, where it is a later one
	// and came from a pull request; else 0.
	Carrier int
	// Environments are those with targets that the pull request concerns, in order.
	Environments []EnvironmentDeployment
	// Problems concern no single target; nothing is applied until they are mended.
	Problems []render.Problem
	// DetailsURL is a page about the deployment; may be empty.
	DetailsURL string
}

// An EnvironmentDeployment is how far one environment has come.
type EnvironmentDeployment struct {
	Name render.Environment
	// Targets are sorted by application.
	Targets []TargetDeployment
	// StoppedBy is the earlier environment that keeps this one from beginning, by
	// having failed or by waiting; empty where nothing does.
	StoppedBy render.Environment
}

// A TargetDeployment is how far one target has come.
type TargetDeployment struct {
	Target render.Target
	// Receipt is nil where the target has not begun.
	Receipt *deploy.Receipt
	// Problem says why the target could not be rendered, or its cluster not be
	// reached; Receipt is nil then.
	Problem *render.Problem
	// Command is what a person comments to let a waiting target go on, as
	// ApplyCommand and ConfirmCommand print it; where it is empty the receipt's
	// hint stands alone.
	Command string
	// External is set where another engine applies (apply: external).
	External bool
}

// ApplyCommand returns the comment that lets a waiting target be applied.
func ApplyCommand(t render.Target) string { return "/apply " + visible(t.String()) }

// ConfirmCommand returns the comment that confirms one exact plan of a target:
// twelve digits of its digest are enough.
func ConfirmCommand(t render.Target, planDigest string) string {
	return "/confirm " + visible(t.String()) + " " + visible(planDigest[:min(12, len(planDigest))])
}

// Deployment returns the one deployment comment of a pull request, of at most
// MaxComment characters. It is edited as the deployment goes on.
func Deployment(d DeploymentReport) string {
	var top, bottom string
	blocks := d.blocks()
	for _, b := range brevities {
		top, bottom = d.top(b), d.bottom()
		if size(top)+size(bottom) <= MaxComment/2 {
			break
		}
	}
	const reserve = 300 // for the line about what is left out
	text, left := fit(blocks, MaxComment-size(DeploymentMarker)-1-size(top)-size(bottom)-reserve)
	if left > 0 {
		text += fmt.Sprintf("\n**Left out for its size:** what is to be said of %s, which the table names or counts. `/status` says how each is.\n", plural(left, "more target"))
	}
	return DeploymentMarker + "\n" + apart(top+text, bottom)
}

// top returns the verdict, which commit it is about, the table and what waits.
func (d DeploymentReport) top(b brevity) string {
	var s strings.Builder
	icon, verdict := d.verdict()
	fmt.Fprintf(&s, "### %s\n\n%s\n\n", strings.TrimSpace(icon+" "+verdict), d.carried())
	if len(d.Problems) > 0 {
		s.WriteString("Nothing is applied until this is mended:\n\n")
		s.WriteString(list(d.Problems, b.items, "problem", func(p render.Problem) string {
			p.Message, p.Hint = brief(p.Message, b.notes), brief(p.Hint, b.notes)
			return "❌ " + problemNote(p)
		}))
	}
	if len(d.Environments) > 0 {
		s.WriteString(d.table(b.rows) + "\n")
	}
	return s.String() + d.waits(b)
}

// carried says which commit is applied.
func (d DeploymentReport) carried() string {
	if d.Commit == d.Merged || d.Merged == "" {
		return "Commit " + code(d.Commit.Short()) + " of this pull request."
	}
	by := ""
	if d.Carrier > 0 {
		by = fmt.Sprintf(" of #%d", d.Carrier)
	}
	return fmt.Sprintf("Carried by %s%s: a later merge, which has %s of this pull request in it.", code(d.Commit.Short()), by, code(d.Merged.Short()))
}

// waits says what waits for a person's word, and the words.
func (d DeploymentReport) waits(b brevity) string {
	const most = 10 // commands that a comment may give
	items := min(b.items, most)
	var waiting []TargetDeployment
	var commands []string
	for _, t := range d.targets() {
		if t.state() == string(deploy.Waiting) {
			waiting = append(waiting, t)
			if command := visible(t.Command); command != "" && len(commands) < items && size(command) <= 500 {
				commands = append(commands, command)
			}
		}
	}
	if len(waiting) == 0 {
		return ""
	}
	text := list(waiting, items, "waiting target", func(t TargetDeployment) string {
		return fmt.Sprintf("⏸️ %s waits: %s%s", code(short(t.Target.String(), 120)), sentence(brief(orSilent(t.Receipt.Reason), b.notes)), hint(brief(t.Receipt.Hint, b.notes)))
	})
	if len(commands) == 0 {
		return text
	}
	text += fmt.Sprintf("To let %s go on, comment:\n\n%s\n", agree(len(commands), "it", "them"), fence("", commands))
	if left := len(waiting) - len(commands); left > 0 {
		text += fmt.Sprintf("`/status` names the %s.\n\n", plural(left, "other"))
	}
	return text
}

func orSilent(reason string) string {
	if strings.TrimSpace(reason) == "" {
		return "no reason is known"
	}
	return reason
}

// bottom is the line in small.
func (d DeploymentReport) bottom() string {
	words := []string{"This comment is edited as the deployment goes on. `/status` says what runs where, `/help` what else can be said here."}
	if link := pageLink(d.DetailsURL); link != "" && size(link) < 1000 {
		words = append(words, link)
	}
	return "<sub>" + strings.Join(words, " ") + "</sub>\n"
}
