package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// Repositories lists what the App is installed on. It implements
// [handlers.Repositories].
type Repositories struct{ app *App }

// Repositories returns who lists repositories.
func (a *App) Repositories() *Repositories { return &Repositories{a} }

// All implements [handlers.Repositories], sorted by name. Installations that are
// suspended, or end while they are read, are left out, and so are repositories that
// are archived or disabled, which take no word from anybody.
func (r *Repositories) All(ctx context.Context) ([]handlers.Repository, error) {
	installations, err := r.installations(ctx)
	if err != nil {
		return nil, err
	}
	var all []handlers.Repository
	for _, installation := range installations {
		found, err := r.of(ctx, installation)
		if errors.Is(err, ErrForbidden) || errors.Is(err, handlers.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b handlers.Repository) int { return strings.Compare(a.String(), b.String()) })
	return all, nil
}

// installations returns those that are served.
func (r *Repositories) installations(ctx context.Context) ([]*gogithub.Installation, error) {
	var served []*gogithub.Installation
	options := &gogithub.ListOptions{PerPage: 100}
	err := r.app.callAsApp(ctx, appsListInstallations, func(ctx context.Context, client *gogithub.Client) error {
		for {
			page, response, err := client.Apps.ListInstallations(ctx, options)
			if err != nil {
				return err
			}
			for _, installation := range page {
				if installation.SuspendedAt == nil && r.app.serves(installation.GetAccount().GetLogin()) {
					served = append(served, installation)
				}
			}
			if response.NextPage == 0 {
				return nil
			}
			options.Page = response.NextPage
		}
	})
	return served, err
}

// of returns the repositories of an installation.
func (r *Repositories) of(ctx context.Context, installation *gogithub.Installation) ([]handlers.Repository, error) {
	var all []handlers.Repository
	whole := handlers.Repository{Installation: installation.GetID(), Name: installation.GetAccount().GetLogin()}
	err := r.app.call(ctx, appsListRepositories, whole, func(ctx context.Context, client *gogithub.Client) error {
		for page := 1; page != 0; {
			var found struct {
				Repositories []struct {
					Name          string  `json:"name"`
					Owner         account `json:"owner"`
					DefaultBranch string  `json:"default_branch"`
					Archived      bool    `json:"archived"`
					Disabled      bool    `json:"disabled"`
				} `json:"repositories"`
			}
			response, err := read(ctx, client, fmt.Sprintf("installation/repositories?per_page=100&page=%d", page), &found)
			if err != nil {
				return err
			}
			for _, repo := range found.Repositories {
				if !repo.Archived && !repo.Disabled {
					all = append(all, handlers.Repository{
						Installation: whole.Installation, Owner: repo.Owner.Login, Name: repo.Name, DefaultBranch: repo.DefaultBranch,
					})
				}
			}
			page = response.NextPage
		}
		return nil
	})
	return all, err
}
