package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// Proposals opens pull requests. It implements [handlers.Proposals]. A branch is
// ours while every commit that it adds to the parent is; nothing of it is kept
// elsewhere, so that a call that failed half-way is simply made again and goes on
// where GitHub is.
type Proposals struct{ app *App }

// Proposals returns who opens pull requests.
func (a *App) Proposals() *Proposals { return &Proposals{a} }

// errMoved says that a branch is not any more what it was when it was looked at.
var errMoved = errors.New("the branch moved")

// Propose implements [handlers.Proposals]. A pull request of the branch that was
// closed stays closed, and a new one is opened on a new commit.
func (p *Proposals) Propose(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal) (handlers.Proposed, error) {
	proposal.Title = cutRunes(proposal.Title, issueTitleRunes)
	proposal.Body = cutRunes(proposal.Body, commentRunes)
	for _, file := range proposal.Files {
		if !utf8.Valid(file.Content) {
			return handlers.Proposed{Outcome: handlers.ProposalRefused, Reason: file.Path + " would not be UTF-8 text"}, nil
		}
	}
	done, err := p.propose(ctx, repo, proposal)
	if errors.Is(err, errMoved) { // look again, once
		done, err = p.propose(ctx, repo, proposal)
	}
	if errors.Is(err, errMoved) {
		return handlers.Proposed{Outcome: handlers.ProposalNotOurs, Reason: "others write to " + proposal.Branch}, nil
	}
	if words := refusal(err); words != "" {
		return handlers.Proposed{Number: done.Number, Outcome: handlers.ProposalRefused, Reason: words}, nil
	}
	return done, err
}

// propose makes one attempt. errMoved where somebody wrote to the branch meanwhile.
func (p *Proposals) propose(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal) (handlers.Proposed, error) {
	b, err := p.look(ctx, repo, proposal)
	if err != nil {
		return handlers.Proposed{}, err
	}
	var pulls pullsOf
	if b.head != "" {
		if pulls, err = p.pulls(ctx, repo, proposal); err != nil {
			return handlers.Proposed{}, err
		}
	}
	open := pulls.open()
	if b.foreign != "" {
		return handlers.Proposed{Number: open.GetNumber(), Outcome: handlers.ProposalNotOurs, Reason: b.foreign}, nil
	}
	holds, err := p.holds(ctx, repo, proposal, b, pulls)
	if err != nil {
		return handlers.Proposed{}, err
	}
	if !holds {
		if err := p.write(ctx, repo, proposal, b); err != nil {
			return handlers.Proposed{Number: open.GetNumber()}, err
		}
	}
	if open == nil {
		return p.open(ctx, repo, proposal)
	}
	return p.adopt(ctx, repo, proposal, open, !holds)
}

// holds reports whether the branch can stay as it is: its commits change what is
// proposed and nothing else, it is not what was closed before, and the base has not
// changed the same files meanwhile.
func (p *Proposals) holds(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal, b branch, pulls pullsOf) (bool, error) {
	if !b.holds || pulls.open() == nil && pulls.closedAt(b.head) {
		return false, nil
	}
	if b.behind == 0 {
		return true, nil
	}
	return p.untouched(ctx, repo, proposal, b)
}

// open opens the pull request. Where GitHub fails or refuses, it may be there all
// the same: the answer was lost, or somebody was faster.
func (p *Proposals) open(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal) (handlers.Proposed, error) {
	var number int
	err := p.app.call(ctx, pullsCreate, repo, func(ctx context.Context, client *gogithub.Client) error {
		created, _, err := client.PullRequests.Create(ctx, repo.Owner, repo.Name, &gogithub.NewPullRequest{
			Title: &proposal.Title, Body: &proposal.Body, Head: &proposal.Branch, Base: &proposal.Base,
		})
		number = created.GetNumber()
		return err
	})
	if err == nil {
		return handlers.Proposed{Number: number, Outcome: handlers.ProposalOpened}, nil
	}
	if !errors.Is(err, ErrTemporary) && !errors.Is(err, ErrRejected) {
		return handlers.Proposed{}, err
	}
	pulls, lookErr := p.pulls(ctx, repo, proposal)
	there := pulls.open()
	if lookErr != nil || there == nil {
		return handlers.Proposed{}, err
	}
	if errors.Is(err, ErrTemporary) && says(there, proposal) {
		return handlers.Proposed{Number: there.GetNumber(), Outcome: handlers.ProposalOpened}, nil
	}
	return p.adopt(ctx, repo, proposal, there, false)
}

// adopt makes an open pull request say what is proposed. moved is set where its
// branch was brought to another commit already.
func (p *Proposals) adopt(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal, open *gogithub.PullRequest, moved bool) (handlers.Proposed, error) {
	done := handlers.Proposed{Number: open.GetNumber(), Outcome: handlers.ProposalUpdated}
	if proposal.Adopt != nil {
		proposal.Body = cutRunes(proposal.Adopt(open.GetBody()), commentRunes)
	}
	if says(open, proposal) {
		if !moved {
			done.Outcome = handlers.ProposalSame
		}
		return done, nil
	}
	return done, p.app.call(ctx, pullsUpdate, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.PullRequests.Edit(ctx, repo.Owner, repo.Name, open.GetNumber(), &gogithub.PullRequest{
			Title: &proposal.Title, Body: &proposal.Body,
		})
		return err
	})
}

func says(pull *gogithub.PullRequest, proposal handlers.Proposal) bool {
	return pull.GetTitle() == proposal.Title && sameText(pull.GetBody(), proposal.Body)
}

// pullsOf are the pull requests of a branch into a base, newest first.
type pullsOf []*gogithub.PullRequest

func (of pullsOf) open() *gogithub.PullRequest {
	for _, pull := range of {
		if pull.GetState() == "open" {
			return pull
		}
	}
	return nil
}

// closedAt reports whether one was closed when its head was commit.
func (of pullsOf) closedAt(commit string) bool {
	for _, pull := range of {
		if pull.GetState() != "open" && pull.GetHead().GetSHA() == commit {
			return true
		}
	}
	return false
}

// pulls lists the newest hundred.
func (p *Proposals) pulls(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal) (found pullsOf, err error) {
	options := &gogithub.PullRequestListOptions{
		State: "all", Head: repo.Owner + ":" + proposal.Branch, Base: proposal.Base, ListOptions: gogithub.ListOptions{PerPage: 100},
	}
	err = p.app.call(ctx, pullsList, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		found, _, err = client.PullRequests.List(ctx, repo.Owner, repo.Name, options)
		return err
	})
	return found, err
}

// unpermitted is how GitHub words that an App lacks a permission, which is for its
// operator to mend and not for whoever asked.
const unpermitted = "Resource not accessible by integration"

// refusal returns GitHub's words where it understood and will not: a protected
// branch, a rule, an archived repository; else "".
func refusal(err error) string {
	var e *Error
	if !errors.As(err, &e) || e.words == "" || strings.HasPrefix(e.words, unpermitted) {
		return ""
	}
	switch e.Status {
	case http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity:
		if errors.Is(e, ErrForbidden) || errors.Is(e, ErrRejected) { // not a rate limit
			return e.words
		}
	}
	return ""
}

// foreign says whose commit is on a branch of ours.
func foreign(commit *gogithub.RepositoryCommit, branch string) string {
	who := commit.GetAuthor().GetLogin()
	if who == "" {
		who = commit.GetCommit().GetAuthor().GetName()
	}
	sha := commit.GetSHA()
	return fmt.Sprintf("%s has a commit of %s, %s", branch, who, sha[:min(len(sha), 7)])
}
