package report

import (
	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/render"
)

// DeploymentMarker is the first line of every comment that Deployment returns.
const DeploymentMarker = "<!-- slipway:deployment -->"

// A DeploymentReport is what is said on a merged pull request of how its change
// reaches the clusters.
type DeploymentReport struct {
	Repository string // owner/name
	Pull       int    // the pull request on which this is said
	// Merged is the commit by which the pull request came to the branch, Commit the
	// one that is applied: Merged itself, or a later one that carries it.
	Merged, Commit render.Commit
	// Carrier is the pull request that Commit came from, where it is a later one
	// and came from a pull request; else 0.
	Carrier int
	// Environments are those with targets that the pull request concerns, in order.
	Environments []EnvironmentDeployment
	// Problems concern no single target; nothing is applied until they are mended.
	Problems []render.Problem
	// DetailsURL is a page about the deployment; may be empty.
	DetailsURL string
}

// An EnvironmentDeployment is how far one environment has come.
type EnvironmentDeployment struct {
	Name render.Environment
	// Targets are sorted by application.
	Targets []TargetDeployment
	// StoppedBy is the earlier environment that keeps this one from beginning, by
	// having failed or by waiting; empty where nothing does.
	StoppedBy render.Environment
}

// A TargetDeployment is how far one target has come.
type TargetDeployment struct {
	Target render.Target
	// Receipt is nil where the target has not begun.
	Receipt *deploy.Receipt
	// Problem says why the target could not be rendered, or its cluster not be
	// reached; Receipt is nil then.
	Problem *render.Problem
	// Command is what a person comments to let a waiting target go on, as
	// ApplyCommand and ConfirmCommand print it; where it is empty the receipt's
	// hint stands alone.
	Command string
	// External is set where another engine applies (apply: external).
	External bool
}

// ApplyCommand returns the comment that lets a waiting target be applied.
func ApplyCommand(t render.Target) string { return "/apply " + visible(t.String()) }

// ConfirmCommand returns the comment that confirms one exact plan of a target:
// twelve digits of its digest are enough.
func ConfirmCommand(t render.Target, planDigest string) string {
	return "/confirm " + visible(t.String()) + " " + visible(planDigest[:min(12, len(planDigest))])
}

// Deployment returns the one deployment comment of a pull request, of at most
// MaxComment characters. It is edited as the deployment goes on.
func Deployment(d DeploymentReport) string {
	return DeploymentMarker + "\n" + d.top()
}
