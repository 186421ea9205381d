package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// People looks up what persons may do. It implements [handlers.People].
type People struct{ app *App }

// People returns who looks persons up.
func (a *App) People() *People { return &People{a} }

// Names of persons and teams end up in the paths of calls.
var (
	personName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\[bot\])?$`)
	teamName   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$`)
)

// grant is a collaborator's permission. go-github's type leaves out the role.
type grant struct {
	Permission string `json:"permission"` // admin, write, read or none: the highest of all grants
	Role       string `json:"role_name"`  // also maintain, triage, or a name of the organisation's own
	User       struct {
		Permissions struct {
			Triage   bool `json:"triage"`
			Maintain bool `json:"maintain"`
		} `json:"permissions"`
	} `json:"user"`
}

// Role implements [handlers.People]. Whatever GitHub does not answer, or answers in
// words that are not known, is an error, and nobody has a role by an error.
func (p *People) Role(ctx context.Context, repo handlers.Repository, login string) (handlers.Role, error) {
	if !personName.MatchString(login) {
		return handlers.RoleNone, fmt.Errorf("role in %s: %q is not a person's name", repo, login)
	}
	var g grant
	err := p.app.call(ctx, collaboratorsGetPermission, repo, func(ctx context.Context, client *gogithub.Client) error {
		path := fmt.Sprintf("repos/%s/%s/collaborators/%s/permission", repo.Owner, repo.Name, url.PathEscape(login))
		_, err := read(ctx, client, path, &g)
		return err
	})
	if err != nil {
		return handlers.RoleNone, err
	}
	role, ok := g.role()
	if !ok {
		return handlers.RoleNone, fmt.Errorf("role of %s in %s: unknown permission %q", login, repo, g.Permission)
	}
	return role, nil
}

// role is the ladder's step. The permission has only four of the six; what it
// covers is told apart by the role's name, and for a role of the organisation's own
// by what it may do. The permission is never exceeded.
func (g grant) role() (handlers.Role, bool) {
	switch g.Permission {
	case "admin":
		return handlers.RoleAdmin, true
	case "write":
		if g.Role == string(handlers.RoleMaintain) || g.User.Permissions.Maintain {
			return handlers.RoleMaintain, true
		}
		return handlers.RoleWrite, true
	case "read":
		if g.Role == string(handlers.RoleTriage) || g.User.Permissions.Triage {
			return handlers.RoleTriage, true
		}
		return handlers.RoleRead, true
	case "none":
		return handlers.RoleNone, true
	}
	return handlers.RoleNone, false
}

// Member implements [handlers.People]. An invitation that is not accepted yet is no
// membership; what is not a team has no members.
func (p *People) Member(ctx context.Context, repo handlers.Repository, team, login string) (bool, error) {
	if !teamName.MatchString(team) {
		return false, nil
	}
	if !personName.MatchString(login) {
		return false, fmt.Errorf("member of %s/%s: %q is not a person's name", repo.Owner, team, login)
	}
	var membership *gogithub.Membership
	err := p.app.call(ctx, teamsGetMembership, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		membership, _, err = client.Teams.GetTeamMembershipBySlug(ctx, repo.Owner, url.PathEscape(team), url.PathEscape(login))
		return err
	})
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusNotFound && e.words != "" { // no member, or no such team
		return false, nil
	}
	return err == nil && membership.GetState() == "active", err
}

// Reactions puts reactions on comments. It implements [handlers.Reactions].
type Reactions struct{ app *App }

// Reactions returns who puts reactions on comments.
func (a *App) Reactions() *Reactions { return &Reactions{a} }

// React implements [handlers.Reactions]. One that is there already is left alone by
// GitHub itself.
func (r *Reactions) React(ctx context.Context, repo handlers.Repository, comment int64, reaction string) error {
	return r.app.call(ctx, reactionsCreate, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Reactions.CreateIssueCommentReaction(ctx, repo.Owner, repo.Name, comment, reaction)
		return err
	})
}
