package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// Allowances keep who allowed an outsider's commit to be planned against clusters.
// What is kept is bound to one commit of one pull request, survives restarts, and
// can be written by nobody but Slipway.
type Allowances interface {
	// Allow keeps that a person allowed the commit; whoever did so first stays.
	Allow(ctx context.Context, repo Repository, number int, commit render.Commit, by string) error
	// Allowed returns who allowed the commit; empty where nobody has.
	Allowed(ctx context.Context, repo Repository, number int, commit render.Commit) (by string, err error)
}

// trusted reports whether clusters may be asked about a pull request's head: its
// branch lives in the base repository, or a person allowed the very commit. That it
// cannot be looked up is an error, never a yes.
func (w *Worker) trusted(ctx context.Context, repo Repository, pull Pull) (ok bool, by string, err error) {
	if !pull.FromFork {
		return true, "", nil
	}
	by, err = w.Allowances.Allowed(ctx, repo, pull.Number, pull.Head.Commit)
	return err == nil && by != "", by, err
}

// mayAllow returns of which lists of needs one each is needed to allow an outsider's
// commit: the word covers every environment, so each one's own list counts.
func mayAllow(settings config.Config) [][]string {
	var all [][]string
	for _, environment := range settings.Environments {
		list := needs(environment, config.VerbOkToPlan)
		if !slices.ContainsFunc(all, func(known []string) bool { return slices.Equal(known, list) }) {
			all = append(all, list)
		}
	}
	if len(all) == 0 {
		all = [][]string{{string(RoleWrite)}}
	}
	return all
}

// obeyOkToPlan keeps a person's word for an outsider's commit and has it planned.
// Whether they may is found out first: others learn nothing by trying.
func (w *Worker) obeyOkToPlan(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	pull, err := w.Pulls.Pull(ctx, job.Repository, job.Number)
	if err != nil {
		return report.CommandResult{}, err
	}
	settings, err := w.settingsOf(ctx, job.Repository, pull.Base.Branch)
	if err != nil {
		return report.CommandResult{}, err
	}
	for _, list := range mayAllow(settings) {
		if problem, err := w.allowed(ctx, job, "", list); err != nil || problem != nil {
			return refuse(c, problem), err
		}
	}
	if !pull.FromFork {
		return refuse(c, report.NoOutsider()), nil
	}
	problem, err := w.meant(ctx, job, c.Commit, pull.Head.Commit)
	if err != nil || problem != nil {
		return refuse(c, problem), err
	}
	if err := w.Allowances.Allow(ctx, job.Repository, job.Number, pull.Head.Commit, job.Author); err != nil {
		return report.CommandResult{}, err
	}
	if err := w.Queue.Insert(ctx, PlanPull{Repository: job.Repository, Number: job.Number, Again: true}); err != nil {
		return report.CommandResult{}, err
	}
	return obeyed(c, fmt.Sprintf("`%s` may be planned, and that commit alone. It is planned now; the report and the checks will say so.", pull.Head.Commit.Short())), nil
}

// meant returns why a written commit is not the head, or nil where it is. The first
// digits alone are taken only where our comment showed that head when they were
// written: an outsider can make two commits that begin alike, and push the other
// one while somebody writes.
func (w *Worker) meant(ctx context.Context, job RunCommands, written command.Commit, head render.Commit) (*render.Problem, error) {
	if string(written) == string(head) {
		return nil, nil
	}
	if !strings.HasPrefix(string(head), string(written)) {
		return report.NotYourCommit(string(written), head), nil
	}
	body, at, err := w.Published.Published(ctx, job.Repository, job.Number, report.Marker)
	if err != nil {
		return nil, err
	}
	// The line alone counts: a diff may quote it of another commit. And as of /apply, what
	// was shown in the same second may not have been seen.
	if !at.Before(job.At) || !strings.Contains(body, "\n"+report.AllowCommand(head)+"\n") {
		return report.NotShown(string(written), head), nil
	}
	return nil, nil
}

// settingsOf reads the configuration of a branch; the defaults where it is broken,
// with which nothing is planned either.
func (w *Worker) settingsOf(ctx context.Context, repo Repository, branch string) (config.Config, error) {
	ref := "refs/heads/" + branch
	git, err := w.Trees.Open(ctx, repo, []string{ref}, nil)
	if err != nil {
		return config.Config{}, err
	}
	commit, err := git.Resolve(ctx, ref)
	if err != nil {
		return config.Config{}, err
	}
	tree, err := git.Tree(ctx, commit)
	if err != nil {
		return config.Config{}, err
	}
	var said report.Report
	settings, _, err := w.Planner.settings(ctx, repo, tree, &said)
	return settings, err
}
