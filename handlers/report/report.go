// Package report turns a report, what is said on a pull request, into the words
// that people read: one comment in Markdown, check-run output, annotations, and
// the same for a terminal. What becomes of a merge, of a command, of a promotion
// and of drift is told in the same words: the deployment comment, the reply, the
// promotion's pull request, the drift issue. It is pure: equal reports give equal
// bytes.
package report

import (
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A Report is what is said on a pull request: the plans, findings and problems of
// all its targets.
type Report struct {
	Repository string        // owner/name
	Pull       int           // 0 for a merge group or a terminal
	Base       render.Commit // what it was compared with
	Head       render.Commit // the pull request's head
	BaseRef    string        // the base branch's name
	HeadRef    string        // the head branch's name; may be empty
	// Outsider is set where nobody has allowed this commit of somebody else's yet:
	// no cluster was asked, and the gate is action_required until somebody does.
	Outsider bool
	// Unsandboxed is set where an outsider's commit was not even rendered, because
	// there is no sandbox to do that in. No word changes that; the gate is
	// action_required.
	Unsandboxed bool
	// MayAllow says who may, where Outsider is set: one of each list is needed, e.g.
	// write, or team:platform.
	MayAllow [][]string
	// Configuration says where settings came from: a path in the tree, or empty
	// when conventional layouts were recognised; Layout says which then.
	Configuration string
	Layout        string
	// Problems concern no single target: the configuration, policies that do not
	// compile. Any of them fails the gate.
	Problems []render.Problem
	// Notices are worth a line and fail nothing, e.g. that the pull request
	// changes the configuration and that the base branch's still judges it.
	Notices []string
	// Conflicts are the paths that do not merge; when there are any, nothing was planned.
	Conflicts []string
	// Parts are the affected targets', in environment order, then by application.
	Parts []Part
	// Targets is how many targets the repository has.
	Targets int
	// Unclaimed are changed files that no target reads, sorted.
	Unclaimed []string
	// DetailsURL is a page about the report; may be empty.
	DetailsURL string
}

// A Part is what a report says of one target.
type Part struct {
	Target  render.Target
	New     bool // the base branch has no such target
	Retired bool // the pull request removes the target; its objects are deletes
	// Problem says why the target could not be rendered; Plan is nil then.
	Problem  *render.Problem
	Plan     *preview.Plan
	Findings []policy.Finding // sorted worst first, then by file, line, rule
	Warnings []string         // of rendering
	Objects  int              // how many the head renders
	Tested   int              // how many objects policies were asked about; 0 without policies
}

// A Conclusion is how a check run ends, in GitHub's words.
type Conclusion string

// The conclusions that Slipway uses.
const (
	Success        Conclusion = "success"
	Failure        Conclusion = "failure"
	Neutral        Conclusion = "neutral"
	ActionRequired Conclusion = "action_required"
	TimedOut       Conclusion = "timed_out"
	// Cancelled is of what nobody judged: unlike neutral, it lets nothing be merged.
	Cancelled Conclusion = "cancelled"
)

// GateName is the name of the one check that a branch needs to require.
const GateName = "slipway"

// A Check is the content of one check run. Summary and Text are within GitHub's
// 65,535 characters each.
type Check struct {
	Name        string // slipway, slipway / production, slipway / production (2/3)
	Conclusion  Conclusion
	Title       string
	Summary     string
	Text        string
	Annotations []Annotation
	// About is what the conclusion is of, where that is more than the commit: pull
	// requests, each with its base. It is kept with the run, and not shown.
	About []string
}

// An Annotation is a remark at a place in the source.
type Annotation struct {
	Path    string
	Line    int    // 1-based
	Level   string // failure, warning or notice
	Title   string // at most 255 characters
	Message string
}
