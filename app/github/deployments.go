package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// descriptionRunes is GitHub's limit on a deployment status' description.
const descriptionRunes = 140

// Deployments keeps GitHub Deployments. It implements [handlers.Deployments]. A
// deployment is ours when our own App created it.
type Deployments struct {
	app   *App
	known *ids
}

// Deployments returns the keeper of deployments.
func (a *App) Deployments() *Deployments { return &Deployments{app: a, known: newIDs()} }

// deployment is one of a list. go-github's type leaves out the App.
type deployment struct {
	ID      int64   `json:"id"`
	Creator account `json:"creator"`
	App     *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// A rollout is what a deployment is of.
type rollout struct {
	repo        handlers.Repository
	commit      render.Commit
	environment render.Environment
}

// String identifies the rollout.
func (r rollout) String() string { return fmt.Sprintf("%s@%s %s", r.repo, r.commit, r.environment) }

// Mark implements [handlers.Deployments].
func (d *Deployments) Mark(ctx context.Context, repo handlers.Repository, commit render.Commit, environment render.Environment, state handlers.DeploymentState, description string) error {
	r := rollout{repo, commit, environment}
	description = cutRunes(description, descriptionRunes)
	err := d.mark(ctx, r, state, description)
	if _, known := d.known.recall(r.String()); known && errors.Is(err, handlers.ErrGone) { // somebody deleted it
		d.known.forget(r.String())
		return d.mark(ctx, r, state, description)
	}
	return err
}

// Newest implements [handlers.Deployments].
func (d *Deployments) Newest(ctx context.Context, repo handlers.Repository, environment render.Environment) (handlers.DeploymentState, error) {
	id, err := d.newest(ctx, rollout{repo: repo, environment: environment})
	if err != nil || id == 0 {
		return "", err
	}
	status, err := d.status(ctx, repo, id)
	if err != nil {
		return "", err
	}
	if status == nil { // the process died between the two calls
		return handlers.DeploymentQueued, nil
	}
	return handlers.DeploymentState(status.GetState()), nil
}

func (d *Deployments) mark(ctx context.Context, r rollout, state handlers.DeploymentState, description string) error {
	id, err := d.find(ctx, r)
	if err != nil {
		return err
	}
	if id == 0 {
		if id, err = d.create(ctx, r); err != nil {
			return err
		}
		d.known.remember(r.String(), id)
		return d.write(ctx, r.repo, id, state, description)
	}
	d.known.remember(r.String(), id)
	newest, err := d.status(ctx, r.repo, id)
	if err != nil || newest.GetState() == string(state) && newest.GetDescription() == description {
		return err
	}
	return d.write(ctx, r.repo, id, state, description)
}

// find returns the id of our newest deployment of a rollout, 0 where there is none.
func (d *Deployments) find(ctx context.Context, r rollout) (int64, error) {
	if id, ok := d.known.recall(r.String()); ok {
		return id, nil
	}
	return d.newest(ctx, r)
}

// newest looks for our newest deployment of a rollout, of any commit where it has none.
func (d *Deployments) newest(ctx context.Context, r rollout) (int64, error) {
	var id int64
	for page := 1; page != 0 && id == 0; {
		var found []deployment
		err := d.app.call(ctx, deploymentsList, r.repo, func(ctx context.Context, client *gogithub.Client) error {
			query := url.Values{"environment": {string(r.environment)}, "per_page": {"100"}, "page": {strconv.Itoa(page)}}
			if r.commit != "" {
				query.Set("sha", string(r.commit))
			}
			path := fmt.Sprintf("repos/%s/%s/deployments?%s", r.repo.Owner, r.repo.Name, query.Encode())
			response, err := read(ctx, client, path, &found)
			if err == nil {
				page = response.NextPage
			}
			return err
		})
		if err != nil {
			return 0, err
		}
		for _, candidate := range found {
			ours, err := d.app.wrote(ctx, byline{User: candidate.Creator, App: candidate.App})
			if err != nil {
				return 0, err
			}
			if ours {
				id = max(id, candidate.ID)
			}
		}
	}
	return id, nil
}

// create creates the deployment. Left to itself, GitHub would merge the default
// branch into what is deployed, and refuse while any check is not green; whether to
// deploy is decided elsewhere.
func (d *Deployments) create(ctx context.Context, r rollout) (id int64, err error) {
	ref, environment, autoMerge := string(r.commit), string(r.environment), false
	request := &gogithub.DeploymentRequest{
		Ref: &ref, Environment: &environment, AutoMerge: &autoMerge, RequiredContexts: &[]string{},
		Payload: map[string]string{"slipway": environment},
	}
	err = d.app.call(ctx, deploymentsCreate, r.repo, func(ctx context.Context, client *gogithub.Client) error {
		created, _, err := client.Repositories.CreateDeployment(ctx, r.repo.Owner, r.repo.Name, request)
		id = created.GetID()
		return err
	})
	if errors.Is(err, ErrTemporary) { // it may be there all the same
		if found, lookErr := d.find(ctx, r); lookErr == nil && found != 0 {
			return found, nil
		}
	}
	return id, err
}

// status returns the newest status of a deployment, nil where there is none.
func (d *Deployments) status(ctx context.Context, repo handlers.Repository, id int64) (*gogithub.DeploymentStatus, error) {
	var statuses []*gogithub.DeploymentStatus // the newest first
	err := d.app.call(ctx, deploymentsListStatuses, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		statuses, _, err = client.Repositories.ListDeploymentStatuses(ctx, repo.Owner, repo.Name, id, &gogithub.ListOptions{PerPage: 100})
		return err
	})
	if err != nil || len(statuses) == 0 {
		return nil, err
	}
	return slices.MaxFunc(statuses, func(a, b *gogithub.DeploymentStatus) int { return int(a.GetID() - b.GetID()) }), nil
}

func (d *Deployments) write(ctx context.Context, repo handlers.Repository, id int64, state handlers.DeploymentState, description string) error {
	word := string(state)
	request := &gogithub.DeploymentStatusRequest{State: &word, Description: &description}
	err := d.app.call(ctx, deploymentsCreateStatus, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Repositories.CreateDeploymentStatus(ctx, repo.Owner, repo.Name, id, request)
		return err
	})
	if errors.Is(err, ErrTemporary) { // it may have been written all the same
		if newest, lookErr := d.status(ctx, repo, id); lookErr == nil && newest.GetState() == word && newest.GetDescription() == description {
			return nil
		}
	}
	return err
}
