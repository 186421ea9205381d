package report

import "github.com/slipwayhq/slipway/render"

// NotAllowed is the refusal of a command whose author lacks a permission. needs are
// those of which one is enough, e.g. maintain or team:platform; have is the
// author's role, e.g. write.
func NotAllowed(needs []string, e render.Environment, have string) *render.Problem {
	return &render.Problem{Message: "needs"}
}

// NotLookedUp is the refusal of a command whose author's permission GitHub did not
// tell.
func NotLookedUp() *render.Problem {
	return &render.Problem{Message: "needs"}
}

// StalePlan is the refusal of a command that was written upon the plan of a commit
// that is no longer the head.
func StalePlan(planned, head render.Commit) *render.Problem {
	return &render.Problem{Message: "needs"}
}

// NoPlan is the refusal of a command that was written before there was a plan.
func NoPlan() *render.Problem {
	return &render.Problem{Message: "needs"}
}

// UnknownName is the refusal of a command that names a what (environment, target,
// application) that there is none of. known are all that there are.
func UnknownName(what, name string, known []string) *render.Problem {
	return &render.Problem{Message: "needs"}
}
