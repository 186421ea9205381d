package handlers

import (
	"context"
	"errors"
	"time"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/render"
)

// ErrForbidden says that GitHub does not let the App do what was asked: a
// permission that it lacks, a locked conversation, a protected branch. Trying
// again does not help.
var ErrForbidden = errors.New("forbidden")

// ErrNoIssues says that a repository has issues switched off.
var ErrNoIssues = errors.New("issues are switched off")

// A Role is what a person may do in a repository, in GitHub's words.
type Role string

// The roles, each with what those before it have.
const (
	RoleNone     Role = "none"
	RoleRead     Role = "read"
	RoleTriage   Role = "triage"
	RoleWrite    Role = "write"
	RoleMaintain Role = "maintain"
	RoleAdmin    Role = "admin"
)

// People says what persons may do, looked up now and never remembered.
type People interface {
	// Role returns a person's role in a repository; RoleNone for a stranger. A
	// role of the organisation's own counts as the one that it is based on.
	Role(ctx context.Context, repo Repository, login string) (Role, error)
	// Member reports whether a person is an active member of a team (its slug) of
	// the organisation that owns the repository.
	Member(ctx context.Context, repo Repository, team, login string) (bool, error)
}

// PublishedComments reads what [Comments] wrote.
type PublishedComments interface {
	// Published returns the comment of a marker as it is, and when it was written
	// or edited last; empty where there is none.
	Published(ctx context.Context, repo Repository, number int, marker string) (body string, at time.Time, err error)
}

// Reactions are what is seen of a command before there is an answer.
type Reactions interface {
	// React adds a reaction to a comment, in GitHub's words: eyes, rocket, confused.
	React(ctx context.Context, repo Repository, comment int64, reaction string) error
}

// A DeploymentState is how far a GitHub Deployment has come, in GitHub's words.
type DeploymentState string

// The states.
const (
	DeploymentQueued     DeploymentState = "queued"
	DeploymentInProgress DeploymentState = "in_progress"
	DeploymentSuccess    DeploymentState = "success"
	DeploymentFailure    DeploymentState = "failure"
	DeploymentInactive   DeploymentState = "inactive"
)

// Deployments keeps GitHub Deployments, one per environment and commit.
type Deployments interface {
	// Mark makes the newest status of a commit's deployment to an environment the
	// given one: the deployment is created where there is none, and nothing is
	// written where it says that already. The description is cut to GitHub's 140
	// characters.
	Mark(ctx context.Context, repo Repository, commit render.Commit, environment render.Environment, state DeploymentState, description string) error
	// Newest returns the state of the App's newest deployment to an environment,
	// whatever its commit; empty where there is none.
	Newest(ctx context.Context, repo Repository, environment render.Environment) (DeploymentState, error)
}

// History finds what brought commits to a branch.
type History interface {
	// MergedBy returns the numbers of the merged pull requests that a commit
	// belongs to, sorted.
	MergedBy(ctx context.Context, repo Repository, commit render.Commit) ([]int, error)
}

// Issues keeps issues, each found by its marker, the first line of its body, and
// by being the App's own.
type Issues interface {
	// Keep makes the issue say title and body: the open one, or one that closed
	// less than a week ago, which is opened again, or else a new one. Nothing is
	// written where it says so already. ErrNoIssues where there can be none.
	Keep(ctx context.Context, repo Repository, marker, title, body string) (number int, err error)
	// Find returns the open issue's number and body; 0 where there is none.
	Find(ctx context.Context, repo Repository, marker string) (number int, body string, err error)
	// Close closes the open issue, if there is one, with a comment that says why.
	Close(ctx context.Context, repo Repository, marker, closing string) error
	// Open returns the markers of the open issues that begin so, sorted.
	Open(ctx context.Context, repo Repository, prefix string) (markers []string, err error)
}

// A Proposal is a pull request that Slipway opens.
type Proposal struct {
	Branch  string        // of its own, e.g. slipway/promote/staging-to-production/web-app
	Base    string        // the branch to merge into
	Parent  render.Commit // of the one commit that the branch gets
	Title   string
	Body    string // its first line is a marker
	Message string // of the commit
	Files   []File
	// Adopt makes, of the body that the branch's open pull request has, the one that it
	// is to have; Body where it is nil.
	Adopt func(body string) string
}

// A File is a file's new content.
type File struct {
	Path    string
	Content []byte
}

// A ProposalOutcome says what became of a proposal.
type ProposalOutcome string

// The outcomes.
const (
	ProposalOpened  ProposalOutcome = "opened"
	ProposalUpdated ProposalOutcome = "updated"  // the pull request was there, and says this now
	ProposalSame    ProposalOutcome = "same"     // it was there and says this already
	ProposalNotOurs ProposalOutcome = "not ours" // a person pushed to the branch: it is left alone
	ProposalRefused ProposalOutcome = "refused"  // GitHub refuses; Reason says why
)

// A Proposed is a proposal as GitHub has it now.
type Proposed struct {
	Number  int // of the pull request; 0 where there is none
	Outcome ProposalOutcome
	Reason  string // why it is refused or not ours
}

// Proposals opens pull requests by GitHub's API alone, so that commits are the
// App's and signed by GitHub.
type Proposals interface {
	// Propose opens the pull request, or updates or adopts the open one of the
	// branch. A branch whose commits are not all the App's is never overwritten.
	Propose(ctx context.Context, repo Repository, proposal Proposal) (Proposed, error)
}

// Deployers finds live clusters to write to, by the same grants as [Clusters].
type Deployers interface {
	Deployer(ctx context.Context, repo Repository, selection Selection) (*deploy.Cluster, *render.Problem)
}

// Repositories lists what the App is installed on.
type Repositories interface {
	// All returns every repository of every installation that is served.
	All(ctx context.Context) ([]Repository, error)
}

// A PushEvent says that a branch is at another commit.
type PushEvent struct {
	Repository Repository
	Branch     string        // without refs/heads/
	Before     render.Commit // where it was; empty for a new branch
	Head       render.Commit
	Deleted    bool
}

// Jobs implements [Event]: what the default branch says is what is to be deployed,
// and the plans of open pull requests into a branch may rest on what moved.
func (e PushEvent) Jobs() []Job {
	var jobs []Job
	if e.Deleted {
		return nil
	}
	if e.Branch == e.Repository.DefaultBranch {
		jobs = append(jobs, DeployBranch{Repository: e.Repository, Head: e.Head})
	}
	return append(jobs, Refresh{Repository: e.Repository, Branch: e.Branch, Before: e.Before})
}

// A CommentEvent says that somebody commented on a pull request.
type CommentEvent struct {
	Action     string // created, edited or deleted
	Repository Repository
	Number     int
	OnPull     bool  // on a pull request, not on an issue
	Comment    int64 // the comment's id
	Author     string
	Person     bool // the author wrote it, and is no bot
	Body       string
	At         time.Time // when it was written
}
