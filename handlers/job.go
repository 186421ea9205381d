package handlers

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// A Job is something to be done for one key. Jobs are plain data: a durable queue
// stores them as JSON under their kind. At most one job of a key is worked at a
// time; a newer one of the same key cancels an older one.
type Job interface {
	Kind() string // stable over versions, e.g. plan_pull
	Key() string  // pr/<repo>#<n>, group/<repo>@<sha>, rerun/<repo>@<sha>
}

// An Absorber is a job that keeps what an older job of its key, which it replaces
// before that was done, had asked for.
type Absorber interface {
	Job
	Absorb(older Job) Job
}

// A Follower is a job that may wait until the job of its key that is being worked is
// done, instead of cancelling that.
type Follower interface {
	Job
	Follows(working Job) bool
}

// PlanPull plans a pull request at whatever its head is when the job is worked.
type PlanPull struct {
	Repository Repository `json:"repository"`
	Number     int        `json:"number"`
	// Again is set when what the checks concluded on the head holds no more: a
	// person asked for them to be run again, or the base is another.
	Again bool `json:"again,omitempty"`
	// Missing is set by the clock: the head is planned only where nothing was concluded
	// there, and a plan that is under way is left alone.
	Missing bool `json:"missing,omitempty"`
	// Before are heads that a push replaced: what is in progress there is concluded.
	Before []render.Commit `json:"before,omitempty"`
	// Judge is set where nothing is to be planned anew: what the policies may look at
	// changed, a label or a review.
	Judge bool `json:"judge,omitempty"`
}

// Kind implements [Job].
func (PlanPull) Kind() string { return "plan_pull" }

// Key implements [Job].
func (j PlanPull) Key() string { return fmt.Sprintf("pr/%s#%d", j.Repository, j.Number) }

// beforeKept bounds the replaced heads that one job has to look after.
const beforeKept = 20

// Absorb implements [Absorber]: a re-run that was asked for stays asked for, and so
// does a plan.
func (j PlanPull) Absorb(older Job) Job {
	if older, ok := older.(PlanPull); ok {
		j.Again = j.Again || older.Again
		j.Missing = j.Missing && older.Missing
		j.Judge = j.Judge && older.Judge
		before := slices.Concat(older.Before, j.Before)
		j.Before = before[max(0, len(before)-beforeKept):]
	}
	return j
}

// Follows implements [Follower]: the clock does not interrupt a plan.
func (j PlanPull) Follows(Job) bool { return j.Missing }

// PlanHead concludes the checks of a commit that is the head of several pull requests:
// a commit has only one set of them. Its key makes it their only writer, whichever
// process plans the pull requests.
type PlanHead struct {
	Repository Repository    `json:"repository"`
	Head       render.Commit `json:"head"`
	Again      bool          `json:"again,omitempty"`
}

// Kind implements [Job].
func (PlanHead) Kind() string { return "plan_head" }

// Key implements [Job].
func (j PlanHead) Key() string { return fmt.Sprintf("head/%s@%s", j.Repository, j.Head) }

// Absorb implements [Absorber]: a re-run that was asked for stays asked for.
func (j PlanHead) Absorb(older Job) Job {
	if older, ok := older.(PlanHead); ok {
		j.Again = j.Again || older.Again
	}
	return j
}

// JudgePull has a pull request judged again by its plan, where its base's policies
// look at what changed: a label, a review. It has a key of its own, since mostly they
// do not, and a plan under way is not to be disturbed for nothing.
type JudgePull struct {
	Repository Repository `json:"repository"`
	Number     int        `json:"number"`
}

// Kind implements [Job].
func (JudgePull) Kind() string { return "judge_pull" }

// Key implements [Job].
func (j JudgePull) Key() string { return fmt.Sprintf("judge/%s#%d", j.Repository, j.Number) }

// PlanGroup plans a merge group's own tree and concludes the gate on its head.
type PlanGroup struct {
	Repository Repository    `json:"repository"`
	Base       render.Commit `json:"base,omitempty"`   // empty for a re-run: Git is asked, see Branch
	BaseRef    string        `json:"base_ref"`         // the branch's name, without refs/heads/
	Branch     string        `json:"branch,omitempty"` // by whose name alone a re-run is known to be of a group
	Head       render.Commit `json:"head"`
	Again      bool          `json:"again,omitempty"`
}

// Kind implements [Job].
func (PlanGroup) Kind() string { return "plan_group" }

// Key implements [Job].
func (j PlanGroup) Key() string { return fmt.Sprintf("group/%s@%s", j.Repository, j.Head) }

// Rerun plans again every open pull request whose head is a commit.
type Rerun struct {
	Repository Repository    `json:"repository"`
	Head       render.Commit `json:"head"`
}

// Kind implements [Job].
func (Rerun) Kind() string { return "rerun" }

// Key implements [Job].
func (j Rerun) Key() string { return fmt.Sprintf("rerun/%s@%s", j.Repository, j.Head) }

// DeployBranch brings every target that Slipway applies to what the default branch
// says: those whose rendered digest is another than the one deployed. It is level-
// triggered: a push, a person's word and the clock insert the same job.
type DeployBranch struct {
	Repository Repository `json:"repository"`
	// Head is the commit that a push brought; empty for a word and for the clock,
	// which ask for whatever the branch is at.
	Head render.Commit `json:"head,omitempty"`
}

// Follows implements [Follower]: only a newer commit interrupts a rollout.
func (j DeployBranch) Follows(working Job) bool {
	older, ok := working.(DeployBranch)
	return ok && (j.Head == "" || j.Head == older.Head)
}

// Kind implements [Job].
func (DeployBranch) Kind() string { return "deploy_branch" }

// Key implements [Job].
func (j DeployBranch) Key() string {
	return fmt.Sprintf("branch/%s/%s", j.Repository, j.Repository.DefaultBranch)
}

// RunCommands obeys the commands of one comment. Its key is the comment's own, so
// that commands never coalesce.
type RunCommands struct {
	Repository Repository `json:"repository"`
	Number     int        `json:"number"`
	Comment    int64      `json:"comment"`
	Author     string     `json:"author"`
	Body       string     `json:"body"`
	At         time.Time  `json:"at"`
	// Shown is what the deployment comment said when the commands were first looked at;
	// nil before that, and where none of them rests on it.
	Shown *Shown `json:"shown,omitempty"`
}

// Shown is a deployment comment as whoever commands has seen it: all commands of one
// comment are judged by it, whatever the first of them made of it.
type Shown struct {
	Bound map[string]string `json:"bound,omitempty"` // nil where there is no comment
	At    time.Time         `json:"at"`              // when it was written or edited last; zero where there is none
}

// Kind implements [Job].
func (RunCommands) Kind() string { return "run_commands" }

// Key implements [Job].
func (j RunCommands) Key() string { return fmt.Sprintf("comment/%d", j.Comment) }

// CheckDrift compares an environment's clusters with the commits deployed to them.
type CheckDrift struct {
	Repository  Repository         `json:"repository"`
	Environment render.Environment `json:"environment"`
}

// Kind implements [Job].
func (CheckDrift) Kind() string { return "check_drift" }

// Key implements [Job].
func (j CheckDrift) Key() string {
	return fmt.Sprintf("environment/%s/%s", j.Repository, j.Environment)
}
