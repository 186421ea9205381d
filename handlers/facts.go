package handlers

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// Reviews reads what people said of a pull request.
type Reviews interface {
	// Approvers returns the logins of the people whose last word on the very head is
	// an approval, sorted; no bots.
	Approvers(ctx context.Context, repo Repository, number int, head render.Commit) ([]string, error)
}

// A ReviewEvent says that somebody reviewed a pull request, or took that back.
type ReviewEvent struct {
	Action     string // submitted, edited or dismissed
	Repository Repository
	Number     int
}

// Jobs implements [Event].
func (e ReviewEvent) Jobs() []Job {
	switch e.Action {
	case "submitted", "dismissed":
		return []Job{JudgePull{Repository: e.Repository, Number: e.Number}}
	}
	return nil
}

// approversAsked bounds the people whose role is looked up for one pull request.
const approversAsked = 30

// facts is what policies may know of a pull request. An approval counts by the role
// that its author has now; whose role cannot be looked up has not approved. Whoever
// asked Slipway for a promotion is its author, and nobody who asked approves it.
func (w *Worker) facts(ctx context.Context, repo Repository, pull Pull) (*policy.PullRequest, error) {
	facts := &policy.PullRequest{
		Number: pull.Number, Author: pull.Author, Base: pull.Base.Branch, Head: pull.Head.Branch,
		Draft: pull.Draft, Fork: pull.FromFork, Labels: slices.Sorted(slices.Values(pull.Labels)),
	}
	asked := []string{pull.Author}
	for _, asker := range askersOf(pull.Said) {
		asked = append(asked, asker.Login)
	}
	if len(asked) > 1 {
		facts.Author = asked[1]
	}
	approvers, err := w.Reviews.Approvers(ctx, repo, pull.Number, pull.Head.Commit)
	if err != nil {
		return nil, err
	}
	for _, login := range approvers[:min(len(approvers), approversAsked)] {
		if slices.ContainsFunc(asked, func(name string) bool { return strings.EqualFold(name, login) }) {
			continue
		}
		role, err := w.People.Role(ctx, repo, login)
		if err != nil && !errors.Is(err, ErrGone) {
			return nil, err
		}
		if err == nil && slices.Index(roles, role) >= slices.Index(roles, RoleWrite) {
			facts.Approvals = append(facts.Approvals, login)
		}
	}
	return facts, nil
}

// judgePull queues a judgement for a pull request that it can say anything else of.
func (w *Worker) judgePull(ctx context.Context, job JudgePull) error {
	pull, err := w.Pulls.Pull(ctx, job.Repository, job.Number)
	if err != nil || pull.State != "open" {
		return err
	}
	if judgeable, err := w.judgeable(ctx, job.Repository, pull); err != nil || !judgeable {
		return err
	}
	return w.Queue.Insert(ctx, PlanPull{Repository: job.Repository, Number: job.Number, Judge: true})
}

// judgeable reports whether judging a pull request again can say anything else: its
// base's policies look at what it is. It asks Git alone.
func (w *Worker) judgeable(ctx context.Context, repo Repository, pull Pull) (bool, error) {
	ref := "refs/heads/" + pull.Base.Branch
	git, err := w.Trees.Open(ctx, repo, []string{ref}, nil)
	if err != nil {
		return false, err
	}
	commit, err := git.Resolve(ctx, ref)
	if err != nil {
		return false, err
	}
	tree, err := git.Tree(ctx, commit)
	if err != nil {
		return false, err
	}
	return w.Planner.readsPullRequest(ctx, repo, tree)
}
