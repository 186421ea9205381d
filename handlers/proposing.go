package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// propose opens one pull request for each application, or one for all. What stands
// against some of them is told beside what became of the others.
func (r *rollout) propose(ctx context.Context, c command.Command, w way, offers []offer, problems []render.Problem) (report.CommandResult, error) {
	result := report.CommandResult{Command: c.Text, State: report.CommandDone}
	var said []string
	for _, same := range slices.DeleteFunc(slices.Clone(offers), func(o offer) bool { return len(o.Edits) > 0 }) {
		said = append(said, fmt.Sprintf("`%s` runs the images of `%s` already.", same.To, same.From))
	}
	for _, group := range groups(w, offers) {
		p := r.proposal(w, group)
		proposed, err := r.Proposals.Propose(ctx, r.repo, p.Proposal)
		if err != nil {
			return result, err
		}
		line, problem := p.outcome(proposed)
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		said = append(said, line)
		result.Link, result.LinkText = fmt.Sprintf("%s/%s/pull/%d", r.Web, r.repo, proposed.Number), fmt.Sprintf("pull request %d", proposed.Number)
	}
	switch {
	case len(said) == 0 && len(problems) == 1:
		return refuse(c, &problems[0]), nil
	case len(said) == 0 && len(problems) > 0:
		refused := refuse(c, &render.Problem{Message: fmt.Sprintf("nothing is promoted, for %d reasons", len(problems))})
		refused.Reasons = problems
		return refused, nil
	case len(said) == 0:
		said = []string{fmt.Sprintf("`%s` has no applications.", w.from.Name)}
	}
	result.Message, result.Reasons = strings.Join(said, " "), problems
	return result, nil
}

// groups are the offers that change anything, as each pull request takes them.
func groups(w way, offers []offer) [][]offer {
	changed := slices.DeleteFunc(slices.Clone(offers), func(o offer) bool { return len(o.Edits) == 0 })
	if w.settings.Group != deploy.ByApplication {
		if len(changed) == 0 {
			return nil
		}
		return [][]offer{changed}
	}
	var each [][]offer
	for _, o := range changed {
		each = append(each, []offer{o})
	}
	return each
}

// A proposing is a promotion's pull request, as it is asked for now.
type proposing struct {
	Proposal
	report report.PromotionReport
	joined bool // it was open, with the same in it, and its asker was not named there yet
}

// proposal is the pull request of some applications' promotion.
func (r *rollout) proposal(w way, group []offer) *proposing {
	p := &proposing{report: report.PromotionReport{From: w.from.Name, To: w.to.Name, RepositoryURL: r.Web + "/" + r.repo.String()}}
	branch := fmt.Sprintf("slipway/promote/%s-to-%s", w.from.Name, w.to.Name)
	if w.settings.Group == deploy.ByApplication {
		p.report.Application = group[0].To.Application
		branch += "/" + string(p.report.Application)
	}
	for _, o := range group {
		p.report.Carried = append(p.report.Carried, carry(o))
		for _, edit := range o.Edits {
			p.Files = append(p.Files, File{Path: edit.Path, Content: edit.Content})
		}
	}
	p.Branch, p.Base, p.Parent = strings.TrimSuffix(branch, "/"), r.repo.DefaultBranch, r.commit
	me := report.Asker{Login: w.askedBy, At: w.askedAt}
	p.Title, p.Body = p.text([]report.Asker{me})
	p.Message = p.Title + "\n\nAsked for by " + w.askedBy + "."
	p.Adopt = func(body string) string {
		_, body = p.text(p.askers(body, me))
		return body
	}
	return p
}

// What is bound to a promotion's pull request: who asked, as JSON, the one who counts
// as its author first, and the digest of what they asked for.
const (
	boundAskers  = "asked"
	boundCarries = "carries"
	askersKept   = 20
)

// text is the title and body with those who asked.
func (p *proposing) text(askers []report.Asker) (title, body string) {
	p.report.Askers = askers
	title, body = report.Promotion(p.report)
	kept, err := json.Marshal(askers)
	if err != nil {
		panic(err) // of strings
	}
	return title, bind(body, map[string]string{boundAskers: string(kept), boundCarries: p.carries()})
}

// carries is a digest of the images that are carried, and where to.
func (p *proposing) carries() string {
	hash := sha256.New()
	for _, c := range p.report.Carried {
		fmt.Fprintf(hash, "%q %q\n", c.Application, c.Images)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))[:16]
}

// askers adds me to those who asked for an open pull request. Whoever asked first for
// what it carries stays its author; for something else, I am.
func (p *proposing) askers(body string, me report.Asker) []report.Asker {
	was, before := bound(body), askersOf(body)
	if len(before) == 0 {
		return []report.Asker{me}
	}
	known := func(a report.Asker) bool { return strings.EqualFold(a.Login, me.Login) }
	if was[boundCarries] == p.carries() {
		if slices.ContainsFunc(before, known) {
			return before
		}
		p.joined = true
		return append(before, me)[:min(len(before)+1, askersKept)]
	}
	all := append([]report.Asker{me}, slices.DeleteFunc(before, known)...)
	return all[:min(len(all), askersKept)]
}

// askersOf reads who asked for a promotion, the one who counts as its author first, out
// of its pull request's body; none of any other body.
func askersOf(body string) (askers []report.Asker) {
	if json.Unmarshal([]byte(bound(body)[boundAskers]), &askers) != nil {
		return nil
	}
	return askers
}

// outcome says what became of the proposal.
func (p *proposing) outcome(proposed Proposed) (string, *render.Problem) {
	name := string(p.report.Carried[0].Application)
	if n := len(p.report.Carried); n > 1 {
		name = fmt.Sprintf("%d applications", n)
	}
	switch proposed.Outcome {
	case ProposalOpened:
		return fmt.Sprintf("#%d carries %s onwards.", proposed.Number, name), nil
	case ProposalUpdated:
		if p.joined {
			return fmt.Sprintf("#%d is open already and says the same of %s; you are named there, too.", proposed.Number, name), nil
		}
		return fmt.Sprintf("#%d was open already, and now carries what is deployed of %s.", proposed.Number, name), nil
	case ProposalSame:
		return fmt.Sprintf("#%d is open already and says the same of %s.", proposed.Number, name), nil
	case ProposalNotOurs:
		first := ""
		if proposed.Number > 0 {
			first = fmt.Sprintf("merge or close #%d, ", proposed.Number)
		}
		return "", &render.Problem{Message: fmt.Sprintf("%s: %s; it is left alone", name, proposed.Reason), Hint: first + "delete the branch, and promote again"}
	}
	return "", &render.Problem{Message: fmt.Sprintf("GitHub refuses the promotion of %s: %s", name, proposed.Reason)}
}

// carry is what a promotion's pull request says of one application.
func carry(o offer) report.CarriedApplication {
	carried := report.CarriedApplication{Application: o.To.Application, Commit: o.deployed.Commit}
	if o.deployed.State == inventory.Healthy {
		carried.HealthySince = o.deployed.Ended
	}
	for _, change := range o.Changes {
		container := fmt.Sprintf("%s %s: container %s", change.Object.Kind, change.Object.Name, change.Container)
		image := report.CarriedImage{Old: change.Old.String(), New: change.New.String()}
		i := slices.IndexFunc(carried.Images, func(c report.CarriedImage) bool { return c.Old == image.Old && c.New == image.New })
		if i < 0 {
			carried.Images, i = append(carried.Images, image), len(carried.Images)
		}
		carried.Images[i].Containers = append(carried.Images[i].Containers, container)
	}
	for _, edit := range o.Edits {
		carried.Files = append(carried.Files, edit.Path)
	}
	for _, left := range o.Left {
		carried.NotCarried = append(carried.NotCarried, left.String())
	}
	slices.Sort(carried.NotCarried)
	return carried
}
