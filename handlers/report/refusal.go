package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/handlers/internal/spelling"
	"github.com/slipwayhq/slipway/render"
)

// Refusals of commands, in the same words everywhere. Each says what is, then what
// to do.

// NotAllowed is the refusal of a command whose author lacks a permission. needs are
// those of which one is enough, e.g. maintain or team:platform; have is the
// author's role, e.g. write, or empty for none. Without an environment it concerns
// the repository.
func NotAllowed(needs []string, e render.Environment, have string) *render.Problem {
	words := make([]string, len(needs))
	for i, need := range needs {
		words[i] = named(need)
	}
	where := "the repository"
	if e != "" {
		where = named(string(e))
	}
	if len(words) == 0 {
		return &render.Problem{Message: "nobody may do this on " + where, Hint: "the key `allow` of the configuration says who may"}
	}
	own := "you have no role there"
	if have != "" {
		own = "you have " + named(have)
	}
	return &render.Problem{
		Message: fmt.Sprintf("needs %s on %s; %s", strings.Join(words, " or "), where, own),
		Hint:    "ask somebody who has it to comment the same",
	}
}

// NotLookedUp is the refusal of a command whose author's permission GitHub did not
// tell: nobody is taken at their word.
func NotLookedUp() *render.Problem {
	return &render.Problem{Message: "GitHub did not say what you may do, so nothing was done", Hint: "comment again in a few minutes"}
}

// StalePlan is the refusal of a command that was written upon the plan of a commit
// that is no longer the head.
func StalePlan(planned, head render.Commit) *render.Problem {
	return &render.Problem{
		Message: fmt.Sprintf("the plan you saw was of %s; the head is now %s", named(planned.Short()), named(head.Short())),
		Hint:    "look at the new plan and comment again",
	}
}

// NoPlan is the refusal of a command that was written before there was a plan.
func NoPlan() *render.Problem {
	return &render.Problem{Message: "there was no plan yet when you wrote this", Hint: "look at the plan when it is there and comment again"}
}

// ChangedSince is the refusal of a command that was written upon a deployment comment
// which may have said something else at that moment.
func ChangedSince() *render.Problem {
	return &render.Problem{Message: "the deployment comment changed while you were writing", Hint: "look at what it says now and comment the same again"}
}

// StaleDigest is the refusal of a confirmation of another plan than the one that waits.
func StaleDigest(t render.Target, said, waits string) *render.Problem {
	return &render.Problem{
		Message: fmt.Sprintf("the plan %s is not what waits in %s", named(said), named(t.String())),
		Hint:    "look at what waits now, then comment " + named(ConfirmCommand(t, waits)),
	}
}

// NothingWaits is the refusal of a word for a target that waits for none.
func NothingWaits(t render.Target) *render.Problem {
	return &render.Problem{Message: named(t.String()) + " waits for nobody's word", Hint: "`/status` says what runs where"}
}

// UnknownName is the refusal of a command that names a what (environment, target,
// application) that there is none of. known are all that there are.
func UnknownName(what, name string, known []string) *render.Problem {
	p := &render.Problem{Message: fmt.Sprintf("there is no %s %s", what, named(name))}
	if near := nearest(name, known); near != "" {
		p.Hint = "did you mean " + named(near) + "?"
		return p
	}
	if len(known) == 0 {
		p.Hint = "there is none at all"
		return p
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = named(k)
	}
	slices.Sort(words)
	p.Hint = "there are: " + some(words, 8)
	return p
}

// SameEnvironment is the refusal of a promotion from an environment to itself.
func SameEnvironment(e render.Environment) *render.Problem {
	return &render.Problem{Message: "from and to are both " + named(string(e)), Hint: "name the environment to carry from, then the one to carry to"}
}

// NothingDeployed is the refusal of a promotion of what its source has not yet run.
func NothingDeployed(t render.Target) *render.Problem {
	return &render.Problem{Message: "nothing that became healthy is deployed in " + named(t.String()) + " yet", Hint: "promote when `/status` shows it healthy"}
}

// nearest returns the one of known that name was probably meant to be; empty where
// none is near.
func nearest(name string, known []string) string {
	const longest = 100 // of what anybody mistypes
	if len(name) > longest {
		return ""
	}
	best, near := "", 3
	for _, k := range slices.Sorted(slices.Values(known)) {
		if len(k) > longest {
			continue
		}
		if n := spelling.Distance(strings.ToLower(name), strings.ToLower(k)); n < near && n <= max(len(k), 3)/3 {
			best, near = k, n
		}
	}
	if best == "" && len(name) >= 3 { // a beginning, as of prod
		for _, k := range slices.Sorted(slices.Values(known)) {
			if strings.HasPrefix(strings.ToLower(k), strings.ToLower(name)) {
				return k
			}
		}
	}
	return best
}
