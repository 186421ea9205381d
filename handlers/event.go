package handlers

import (
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// An Event is a GitHub event, reduced to what decides which jobs follow.
type Event interface {
	// Jobs returns what is to be done about the event; none when it is of no interest.
	Jobs() []Job
}

// A PullRequestEvent says that something happened to a pull request.
type PullRequestEvent struct {
	Action      string // opened, synchronize, …, as GitHub names them
	Repository  Repository
	Number      int
	BaseChanged bool          // of an edit: the base branch is another now
	Before      render.Commit // of a push: the head that it replaced; else empty
}

// Jobs implements [Event].
func (e PullRequestEvent) Jobs() []Job {
	switch e.Action {
	case "opened", "synchronize", "ready_for_review":
	case "closed": // ends a plan that is under way
	case "reopened": // its base may have moved meanwhile, which nobody told it
		return []Job{PlanPull{Repository: e.Repository, Number: e.Number, Again: true}}
	case "labeled", "unlabeled", "converted_to_draft":
		return []Job{JudgePull{Repository: e.Repository, Number: e.Number}}
	case "edited":
		if !e.BaseChanged {
			return nil
		}
	default:
		return nil
	}
	// What the gate concluded for another base must not let this one be merged.
	job := PlanPull{Repository: e.Repository, Number: e.Number, Again: e.BaseChanged}
	if e.Before != "" {
		job.Before = []render.Commit{e.Before}
	}
	return []Job{job}
}

// A RerunEvent says that a person pressed a re-run button, of one check run or of
// all of a commit. GitHub only tells; the App makes the runs conclude anew.
type RerunEvent struct {
	Repository Repository
	Head       render.Commit
	HeadBranch string // a name that anybody may have given; may be empty for a pull request from a fork
}

// Jobs implements [Event].
func (e RerunEvent) Jobs() []Job {
	if base, ok := queuedBranch(e.HeadBranch); ok {
		return []Job{PlanGroup{Repository: e.Repository, BaseRef: base, Branch: e.HeadBranch, Head: e.Head, Again: true}}
	}
	return []Job{Rerun{Repository: e.Repository, Head: e.Head}}
}

// queuedBranch returns the base branch that a merge queue's branch is for:
// gh-readonly-queue/<base>/pr-<number>-<sha>.
func queuedBranch(branch string) (base string, ok bool) {
	rest, ok := strings.CutPrefix(branch, "gh-readonly-queue/")
	if !ok {
		return "", false
	}
	cut := strings.LastIndex(rest, "/")
	if cut <= 0 {
		return "", false
	}
	return rest[:cut], true
}

// A MergeGroupEvent says that a merge queue wants checks for a group.
type MergeGroupEvent struct {
	Action     string // checks_requested or destroyed
	Repository Repository
	Base       render.Commit
	BaseRef    string // refs/heads/main or main
	Head       render.Commit
}

// Jobs implements [Event].
func (e MergeGroupEvent) Jobs() []Job {
	if e.Action != "checks_requested" {
		return nil
	}
	return []Job{PlanGroup{
		Repository: e.Repository,
		Base:       e.Base,
		BaseRef:    strings.TrimPrefix(e.BaseRef, "refs/heads/"),
		Head:       e.Head,
	}}
}
