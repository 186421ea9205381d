package github

import (
	"context"
	"slices"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// History finds what brought commits to a branch. It implements [handlers.History].
type History struct{ app *App }

// History returns who finds what brought commits to a branch.
func (a *App) History() *History { return &History{a} }

// MergedBy implements [handlers.History]. A commit that is pushed to the default
// branch past any pull request has none.
func (h *History) MergedBy(ctx context.Context, repo handlers.Repository, commit render.Commit) ([]int, error) {
	var numbers []int
	options := &gogithub.ListOptions{PerPage: 100}
	err := h.app.call(ctx, commitsListPulls, repo, func(ctx context.Context, client *gogithub.Client) error {
		for {
			pulls, response, err := client.PullRequests.ListPullRequestsWithCommit(ctx, repo.Owner, repo.Name, string(commit), options)
			if err != nil {
				return err
			}
			for _, pull := range pulls {
				if pull.MergedAt != nil {
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
