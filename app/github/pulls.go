package github

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// PullRequests reads pull requests. It implements [handlers.PullRequests].
type PullRequests struct{ app *App }

// PullRequests returns the reader of pull requests.
func (a *App) PullRequests() *PullRequests { return &PullRequests{a} }

// Pull implements [handlers.PullRequests]. GitHub leads from a repository's old name to
// where it is now; what was to be done by the old name is over (ErrGone), and is found
// by the new one.
func (p *PullRequests) Pull(ctx context.Context, repo handlers.Repository, number int) (handlers.Pull, error) {
	var pull *gogithub.PullRequest
	err := p.app.call(ctx, pullsGet, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		pull, _, err = client.PullRequests.Get(ctx, repo.Owner, repo.Name, number)
		return err
	})
	if err != nil {
		return handlers.Pull{}, err
	}
	if now := pull.GetBase().GetRepo().GetFullName(); now != "" && !strings.EqualFold(now, repo.String()) {
		return handlers.Pull{}, &Error{
			Operation: pullsGet.ID, Subject: repo.String(), Status: http.StatusMovedPermanently, kind: handlers.ErrGone, text: "it is " + now + " now",
		}
	}
	found := pullOf(pull)
	ours, err := p.app.wrote(ctx, byline{User: account{Login: pull.GetUser().GetLogin(), Type: pull.GetUser().GetType()}})
	if ours {
		found.Said = pull.GetBody()
	}
	return found, err
}

func pullOf(pull *gogithub.PullRequest) handlers.Pull {
	var labels []string
	for _, label := range pull.Labels {
		labels = append(labels, label.GetName())
	}
	return handlers.Pull{
		Number:   pull.GetNumber(),
		State:    pull.GetState(),
		Draft:    pull.GetDraft(),
		Title:    pull.GetTitle(),
		Author:   pull.GetUser().GetLogin(),
		Base:     ref(pull.GetBase()),
		Head:     ref(pull.GetHead()),
		FromFork: !sameRepository(pull.GetHead().GetRepo(), pull.GetBase().GetRepo()),
		Labels:   labels,
	}
}

// sameRepository reports whether the head's repository is the base's. It is null
// once a fork has been deleted, which makes it nobody's.
func sameRepository(head, base *gogithub.Repository) bool {
	return head.GetID() != 0 && head.GetID() == base.GetID()
}

func ref(branch *gogithub.PullRequestBranch) handlers.Ref {
	return handlers.Ref{Branch: branch.GetRef(), Commit: render.Commit(branch.GetSHA())}
}

// PullsAt implements [handlers.PullRequests]. It reads the list of open pull
// requests rather than those that GitHub associates with the commit: that
// association is made for branches of the repository itself and leaves out forks.
func (p *PullRequests) PullsAt(ctx context.Context, repo handlers.Repository, commit render.Commit) ([]int, error) {
	pulls, err := p.list(ctx, repo, "")
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, pull := range pulls {
		if pull.Head.Commit == commit {
			numbers = append(numbers, pull.Number)
		}
	}
	return numbers, nil
}

// PullsInto implements [handlers.OpenPulls].
func (p *PullRequests) PullsInto(ctx context.Context, repo handlers.Repository, branch string) ([]handlers.Pull, error) {
	return p.list(ctx, repo, branch)
}

// list returns the open pull requests, into one branch where base is not empty, by
// number and each once.
func (p *PullRequests) list(ctx context.Context, repo handlers.Repository, base string) ([]handlers.Pull, error) {
	var found []handlers.Pull
	options := &gogithub.PullRequestListOptions{State: "open", Base: base, ListOptions: gogithub.ListOptions{PerPage: 100}}
	err := p.app.call(ctx, pullsList, repo, func(ctx context.Context, client *gogithub.Client) error {
		for {
			pulls, response, err := client.PullRequests.List(ctx, repo.Owner, repo.Name, options)
			if err != nil {
				return err
			}
			for _, pull := range pulls {
				found = append(found, pullOf(pull))
			}
			if response.NextPage == 0 {
				return nil
			}
			options.Page = response.NextPage
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b handlers.Pull) int { return cmp.Compare(a.Number, b.Number) })
	return slices.CompactFunc(found, func(a, b handlers.Pull) bool { return a.Number == b.Number }), nil // pages move
}

// Reviews reads reviews. It implements [handlers.Reviews].
type Reviews struct{ app *App }

// Reviews returns the reader of reviews.
func (a *App) Reviews() *Reviews { return &Reviews{a} }

// Approvers implements [handlers.Reviews]. A review of an earlier commit, one that
// was dismissed, and one that a later word of the same person replaced, approve
// nothing; a mere comment takes nothing back.
func (r *Reviews) Approvers(ctx context.Context, repo handlers.Repository, number int, head render.Commit) ([]string, error) {
	last := map[string]*gogithub.PullRequestReview{}
	err := r.app.call(ctx, pullsListReviews, repo, func(ctx context.Context, client *gogithub.Client) error {
		options := &gogithub.ListOptions{PerPage: 100}
		for {
			reviews, response, err := client.PullRequests.ListReviews(ctx, repo.Owner, repo.Name, number, options)
			if err != nil {
				return err
			}
			for _, review := range reviews {
				if state := review.GetState(); state == "COMMENTED" || state == "PENDING" {
					continue
				}
				last[review.GetUser().GetLogin()] = review // oldest first
			}
			if response.NextPage == 0 {
				return nil
			}
			options.Page = response.NextPage
		}
	})
	if err != nil {
		return nil, err
	}
	var approvers []string
	for login, review := range last {
		if review.GetState() == "APPROVED" && review.GetCommitID() == string(head) &&
			review.GetUser().GetType() == "User" && personName.MatchString(login) {
			approvers = append(approvers, login)
		}
	}
	slices.Sort(approvers)
	return approvers, nil
}

// closedShown bounds the closed pull requests that are looked at.
const closedShown = 30

// Heads implements [handlers.PullRequests].
func (p *PullRequests) Heads(ctx context.Context, repo handlers.Repository, closedSince time.Time) ([]handlers.Head, error) {
	var heads []handlers.Head
	page := func(options *gogithub.PullRequestListOptions) (next int, err error) {
		err = p.app.call(ctx, pullsList, repo, func(ctx context.Context, client *gogithub.Client) error {
			pulls, response, err := client.PullRequests.List(ctx, repo.Owner, repo.Name, options)
			if err != nil {
				return err
			}
			for _, pull := range pulls {
				open := pull.GetState() == "open"
				if open || pull.GetClosedAt().After(closedSince) {
					heads = append(heads, handlers.Head{Number: pull.GetNumber(), Open: open, Commit: render.Commit(pull.GetHead().GetSHA())})
				}
			}
			next = response.NextPage
			return nil
		})
		return next, err
	}
	open := &gogithub.PullRequestListOptions{State: "open", ListOptions: gogithub.ListOptions{PerPage: 100, Page: 1}}
	for open.Page != 0 {
		var err error
		if open.Page, err = page(open); err != nil {
			return nil, err
		}
	}
	_, err := page(&gogithub.PullRequestListOptions{
		State: "closed", Sort: "updated", Direction: "desc", ListOptions: gogithub.ListOptions{PerPage: closedShown},
	})
	return heads, err
}
