package github

import (
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
	return handlers.Pull{
		Number:   pull.GetNumber(),
		State:    pull.GetState(),
		Draft:    pull.GetDraft(),
		Title:    pull.GetTitle(),
		Author:   pull.GetUser().GetLogin(),
		Base:     ref(pull.GetBase()),
		Head:     ref(pull.GetHead()),
		FromFork: !sameRepository(pull.GetHead().GetRepo(), pull.GetBase().GetRepo()),
	}, nil
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
	var numbers []int
	options := &gogithub.PullRequestListOptions{State: "open", ListOptions: gogithub.ListOptions{PerPage: 100}}
	err := p.app.call(ctx, pullsList, repo, func(ctx context.Context, client *gogithub.Client) error {
		for {
			pulls, response, err := client.PullRequests.List(ctx, repo.Owner, repo.Name, options)
			if err != nil {
				return err
			}
			for _, pull := range pulls {
				if pull.GetHead().GetSHA() == string(commit) {
					numbers = append(numbers, pull.GetNumber())
				}
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
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
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
