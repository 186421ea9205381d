package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
)

// The states of a target beside those of its receipt.
const (
	notBegun = "not begun"
	noPlan   = "not applied" // it cannot be rendered, or its cluster not be reached
	external = "applied by another engine"
)

// state is the receipt's, or the word for there being none.
func (t TargetDeployment) state() string {
	switch {
	case t.External:
		return external
	case t.Problem != nil:
		return noPlan
	case t.Receipt == nil:
		return notBegun
	default:
		return string(t.Receipt.State)
	}
}

// failing says whether a person has to mend something.
func failing(state string) bool {
	switch deploy.State(state) {
	case noPlan, deploy.Failed, deploy.Held, deploy.Refused:
		return true
	default:
		return false
	}
}

// settled says whether the target is as the commit has it.
func settled(state string) bool {
	return state == string(deploy.Applied) || state == string(deploy.Unchanged) || state == external
}

// targets are those of all environments, in order.
func (d DeploymentReport) targets() []TargetDeployment {
	var all []TargetDeployment
	for _, e := range d.Environments {
		all = append(all, e.Targets...)
	}
	return all
}

// verdict says in one line what the deployment has come to, with its icon.
func (d DeploymentReport) verdict() (icon, verdict string) {
	counts := map[string]int{}
	var all progress
	targets := d.targets()
	done, failed, ours := 0, 0, 0
	for _, t := range targets {
		ours += one(!t.External)
		state := t.state()
		counts[state]++
		if settled(state) && !t.External {
			done++
		}
		if failing(state) {
			failed++
		}
		if state == string(deploy.Applying) {
			p := progressOf(*t.Receipt)
			all.healthy += p.healthy
			all.watched += p.watched
		}
	}
	words := []string{fmt.Sprintf("%s of %s deployed", number(done), plural(ours, "target"))}
	if done == ours {
		words[0] = plural(done, "target") + " deployed"
	}
	if ours == 0 {
		words[0] = "Nothing to deploy"
	}
	if n := counts[string(deploy.Applying)]; n > 0 {
		words = append(words, strings.TrimSuffix(fmt.Sprintf("%s applying: %s", number(n), all.health()), ": "))
	}
	for _, state := range []string{string(deploy.Failed), string(deploy.Held), string(deploy.Refused), noPlan, string(deploy.Waiting), notBegun, string(deploy.Superseded), external} {
		if n := counts[state]; n > 0 {
			words = append(words, number(n)+" "+state)
		}
	}
	if len(d.Problems) > 0 {
		words = append(words, plural(len(d.Problems), "problem")+" of configuration or policies")
	}
	return d.icon(counts, failed), strings.Join(words, " · ")
}

func (d DeploymentReport) icon(counts map[string]int, failed int) string {
	switch {
	case failed > 0 || len(d.Problems) > 0:
		return "❌"
	case counts[string(deploy.Applying)] > 0:
		return "⏳"
	case counts[string(deploy.Waiting)] > 0:
		return "⏸️"
	case counts[notBegun] > 0:
		return "⏳"
	case counts[string(deploy.Superseded)] > 0:
		return ""
	default:
		return "✅"
	}
}
