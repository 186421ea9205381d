// Package handlers turns GitHub events into jobs, and a job into what is said
// and done. Deciding is pure; the few interfaces below are all that it touches
// of the outside world.
package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// ErrGone says that what a job is about exists no more: the pull request, the
// branch, the repository or the installation. The job is then done.
var ErrGone = errors.New("gone")

// DefaultCluster is what an environment means that names no cluster: the one that
// Slipway runs in.
const DefaultCluster = "in-cluster"

// ErrSuperseded is the cause of a context that ended because a newer job of the
// same key has come.
var ErrSuperseded = deploy.ErrSuperseded

// A Repository is where events come from and reports go to.
type Repository struct {
	Installation  int64  `json:"installation"` // the App's installation id
	Owner         string `json:"owner"`
	Name          string `json:"name"`
	DefaultBranch string `json:"default_branch"`
}

// String prints owner/name, or the name alone of a local repository.
func (r Repository) String() string {
	if r.Owner == "" {
		return r.Name
	}
	return r.Owner + "/" + r.Name
}

// A Pull is a pull request as GitHub has it now.
type Pull struct {
	Number   int
	State    string // open or closed
	Draft    bool
	Title    string
	Author   string
	Base     Ref
	Head     Ref
	FromFork bool // the head branch lives in another repository
	Labels   []string
	// Said is the body of a pull request that Slipway itself opened; empty for any other.
	Said string
}

// about is what the gate is of when this is planned: not the head alone, which may be
// another pull request's, into a branch with other policies.
func (p Pull) about() string { return fmt.Sprintf("#%d into %s", p.Number, p.Base.Branch) }

// A Ref is a branch and the commit that it is at.
type Ref struct {
	Branch string
	Commit render.Commit
}

// A Queue keeps jobs until they are worked. A job whose key is already waiting
// replaces the one that waits (newest wins, see [Absorber]); one whose key is
// being worked cancels that work and follows it (unless see [Follower]). Insert returns when the jobs are
// kept as safely as the queue can.
type Queue interface {
	Insert(ctx context.Context, jobs ...Job) error
}

// PullRequests reads pull requests.
type PullRequests interface {
	// Pull returns the pull request as it is now. ErrGone when it does not exist.
	Pull(ctx context.Context, repo Repository, number int) (Pull, error)
	// PullsAt returns the numbers of the open pull requests whose head is commit.
	PullsAt(ctx context.Context, repo Repository, commit render.Commit) ([]int, error)
	// Heads returns what pull requests are at: all that are open, and those that were
	// closed since a time and changed last, few.
	Heads(ctx context.Context, repo Repository, closedSince time.Time) ([]Head, error)
}

// A Head is what a pull request is at.
type Head struct {
	Number int
	Open   bool
	Commit render.Commit
}

// Comments keeps comments, one for each marker, the first line of its body: the
// report, the deployment, the reply to a command.
type Comments interface {
	// Publish makes the comment of body's marker read body: created when there is
	// none, edited when it differs, untouched when it is the same.
	Publish(ctx context.Context, repo Repository, number int, body string) error
}

// Checks keeps check runs.
type Checks interface {
	// Start shows the gate (report.GateName) as in progress on a commit, unless it
	// has concluded there already and what it concluded may still hold: again is not
	// set, and it was about the same (report.Check.About), or about is empty.
	Start(ctx context.Context, repo Repository, commit render.Commit, about string, again bool) error
	// Conclude makes the commit's check runs of this App those given, without a
	// write for those that say the same already; runs of ours that are no longer
	// given are concluded as neutral, saying that they are superseded.
	// again makes runs that a person asked to re-run conclude anew even so.
	Conclude(ctx context.Context, repo Repository, commit render.Commit, checks []report.Check, again bool) error
	// Gate returns how far the gate is on a commit.
	Gate(ctx context.Context, repo Repository, commit render.Commit) (Gate, error)
}

// A Gate is how far the gate is on a commit: not started, in progress, concluded.
type Gate struct {
	Started   time.Time // zero where there is none
	Concluded bool
	Shared    bool // it concluded of several pull requests
}

// Trees reads repositories' Git objects.
type Trees interface {
	// Open makes the refs and commits available, fetching what is missing. The
	// head of a pull request from a fork is a commit of the base repository, too.
	// ErrGone when one does not exist.
	Open(ctx context.Context, repo Repository, refs []string, commits []render.Commit) (Repo, error)
}

// A Repo is one repository's Git objects, local.
type Repo interface {
	// Resolve returns the commit that a ref is at; ErrGone when there is no such ref.
	Resolve(ctx context.Context, ref string) (render.Commit, error)
	// Since returns the commits that brought a branch from one commit to another,
	// newest first, along first parents; all down to the first where from is empty,
	// to alone where it is no ancestor. At most most.
	Since(ctx context.Context, from, to render.Commit, most int) ([]render.Commit, error)
	// MergeBase returns the best common ancestor of two commits. That there is none is a
	// [*render.Problem].
	MergeBase(ctx context.Context, a, b render.Commit) (render.Commit, error)
	Tree(ctx context.Context, commit render.Commit) (render.Tree, error)
	// Merge returns the tree that merging head into base gives, or the paths that conflict.
	Merge(ctx context.Context, base, head render.Commit) (tree render.Tree, conflicts []string, err error)
	// Changed returns the paths that differ between two trees, sorted.
	Changed(ctx context.Context, base, head render.Tree) ([]string, error)
}

// Clusters finds live clusters by what a repository may select among the operator's grants.
type Clusters interface {
	// Cluster returns the named cluster as the granted service account. A refusal
	// is a problem, not an error.
	Cluster(ctx context.Context, repo Repository, selection Selection) (*preview.Cluster, *render.Problem)
}

// A Selection is what a repository's configuration selects for an environment.
type Selection struct {
	Environment    render.Environment
	Cluster        string // registered name; in-cluster where empty
	Namespace      string
	ServiceAccount string // name, or namespace/name; empty is refused
}
