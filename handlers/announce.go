package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// announceEvery is how often a comment is edited while objects become healthy.
const announceEvery = 10 * time.Second

// An audience is told how a rollout goes. It is safe for concurrent use.
type audience interface {
	// progress tells of a target's receipt, as it grows and as it ends. It must be quick.
	progress(receipt deploy.Receipt)
	// notBegun tells that an environment waits behind one that did not end well.
	notBegun(environment, behind render.Environment)
	// begun signals that the first of a rollout's targets is being applied, once.
	begun() <-chan struct{}
	// say makes known what was told: at each turn, and from time to time between.
	say(ctx context.Context) error
}

// An announcer is the audience of a repository on GitHub: it keeps the deployment comments of the pull requests that a rollout
// carries, and GitHub's Deployments.
type announcer struct {
	*rollout
	pulls   []carried
	carrier int                         // the pull request that brought the commit, where others are told of it
	untold  map[render.Environment]bool // environments that were deployed already, which GitHub does not know

	began chan struct{} // holds one signal

	mu           sync.Mutex
	signalled    bool
	environments []report.EnvironmentDeployment
}

// begun implements [audience].
func (a *announcer) begun() <-chan struct{} { return a.began }

// known is what is to be said of a target before the rollout comes to it.
func (r *rollout) known(s *stop, q deploy.Request) report.TargetDeployment {
	told := report.TargetDeployment{Target: q.Target}
	if s.deployed(q) {
		if record := s.records[q.Target]; record.Current != nil {
			told.Receipt = &deploy.Receipt{
				Target: q.Target, Commit: record.Current.Commit, Digest: record.Current.Digest, State: deploy.Unchanged,
				Started: record.Current.Started, Ended: record.Current.Ended, By: record.Current.By,
			}
		}
	}
	return told
}

// progress implements [audience].
func (a *announcer) progress(receipt deploy.Receipt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(receipt)
	if receipt.State == deploy.Applying && !a.signalled {
		a.signalled = true
		a.began <- struct{}{}
	}
}

// put replaces a target's receipt. The caller holds the lock.
func (a *announcer) put(receipt deploy.Receipt) {
	for i := range a.environments {
		for j := range a.environments[i].Targets {
			told := &a.environments[i].Targets[j]
			if told.Target != receipt.Target || receipt.State == deploy.Unchanged && told.Receipt != nil {
				continue
			}
			if told.Command = commandFor(receipt); told.Command != "" {
				receipt.Hint = "" // the command says it
			}
			told.Receipt = &receipt
		}
	}
}

// commandFor is what a person comments to let a waiting target go on: the
// receipt's hint says which verb it waits for.
func commandFor(receipt deploy.Receipt) string {
	switch {
	case receipt.State != deploy.Waiting:
		return ""
	case strings.Contains(receipt.Hint, "/confirm") && receipt.Plan != nil:
		return report.ConfirmCommand(receipt.Target, receipt.Plan.Digest)
	case strings.Contains(receipt.Hint, "/apply"):
		return report.ApplyCommand(receipt.Target)
	}
	return ""
}

// notBegun implements [audience].
func (a *announcer) notBegun(environment, behind render.Environment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.environments {
		if a.environments[i].Name == environment {
			a.environments[i].StoppedBy = behind
		}
	}
}

// tick says how things stand as soon as something begins, and from time to time, until
// the result is called. What cannot be said then is said at the end.
func (r *rollout) tick(ctx context.Context, told audience) (stop func()) {
	over := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticker := time.NewTicker(announceEvery)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ctx.Done():
				return
			case <-told.begun():
			case <-ticker.C:
			}
			// Not cut short when all is over: a comment half sent may be there or not.
			if err := told.say(ctx); err != nil && ctx.Err() == nil {
				r.Log.WarnContext(ctx, "the deployment comment could not be edited; it will be at the end", "error", err)
			}
		}
	})
	return func() { close(over); ended.Wait() }
}

// say implements [audience]: it makes comments and GitHub's Deployments say how things stand.
func (a *announcer) say(ctx context.Context) error {
	a.mu.Lock()
	environments := make([]report.EnvironmentDeployment, len(a.environments))
	for i, environment := range a.environments {
		environments[i] = environment
		environments[i].Targets = slices.Clone(environment.Targets)
	}
	a.mu.Unlock()
	var errs []error
	for _, environment := range environments {
		if state, description := deploymentState(environment, a.untold[environment.Name]); state != "" {
			errs = append(errs, a.Deployments.Mark(ctx, a.repo, a.commit, environment.Name, state, description))
		}
	}
	for _, pull := range a.pulls {
		errs = append(errs, a.Comments.Publish(ctx, a.repo, pull.number, a.comment(pull, environments)))
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return err == nil || errors.Is(err, ErrForbidden) })...)
}

// comment is what one pull request is told: of the targets that it is new to, and
// of those that have it already.
func (a *announcer) comment(pull carried, environments []report.EnvironmentDeployment) string {
	d := report.DeploymentReport{Repository: a.repo.String(), Pull: pull.number, Merged: pull.merged, Commit: a.commit}
	if pull.merged != a.commit {
		d.Carrier = a.carrier
	}
	for _, environment := range environments {
		environment.Targets = slices.DeleteFunc(slices.Clone(environment.Targets), func(t report.TargetDeployment) bool {
			had := t.Receipt != nil && t.Receipt.State == deploy.Unchanged && a.includes(pull, t.Receipt.Commit)
			return !pull.targets[t.Target] && !had
		})
		if len(environment.Targets) > 0 {
			d.Environments = append(d.Environments, environment)
		}
	}
	return bind(report.Deployment(d), a.bindings(pull, d.Environments))
}

// includes reports whether a commit that is deployed has the pull request: it is
// the one that merged it or the one that is being rolled out.
func (a *announcer) includes(pull carried, deployed render.Commit) bool {
	return deployed == pull.merged || deployed == a.commit
}

// boundConfirm stands before a target's name where what is bound is its plan's digest.
const boundConfirm = "confirm "

// bindings are the digests that a later word on this comment agrees to: of what is
// rendered, and of a plan that waits to be confirmed.
func (a *announcer) bindings(pull carried, shown []report.EnvironmentDeployment) map[string]string {
	bound := map[string]string{}
	for target := range pull.targets {
		if rendered := a.rendered[target]; rendered != nil && rendered.Problem == nil {
			bound[target.String()] = rendered.Digest
		}
	}
	for _, environment := range shown {
		for _, told := range environment.Targets {
			if strings.HasPrefix(told.Command, "/confirm") {
				bound[boundConfirm+told.Target.String()] = told.Receipt.Plan.Digest
			}
		}
	}
	return bound
}

// deploymentState sums up an environment in GitHub's words; empty before it began, and
// where nothing was to be done, unless GitHub was told something else last.
func deploymentState(environment report.EnvironmentDeployment, untold bool) (DeploymentState, string) {
	counts := map[deploy.State]int{}
	reason := ""
	for _, target := range environment.Targets {
		if target.Receipt == nil {
			continue
		}
		counts[target.Receipt.State]++
		if reason == "" && !done(*target.Receipt) {
			reason = firstLine(target.Receipt.Reason)
		}
	}
	begun := len(environment.Targets)
	switch finished := counts[deploy.Unchanged] + counts[deploy.Applied]; {
	case counts[deploy.Failed]+counts[deploy.Refused]+counts[deploy.Held] > 0:
		return DeploymentFailure, reason
	case counts[deploy.Waiting] > 0:
		return DeploymentQueued, reason
	case counts[deploy.Superseded] > 0:
		return DeploymentInactive, "a newer commit came"
	case (counts[deploy.Applied] > 0 || untold) && finished == begun:
		return DeploymentSuccess, fmt.Sprintf("%d of %d targets healthy", finished, begun)
	case counts[deploy.Applying] > 0:
		return DeploymentInProgress, fmt.Sprintf("%d of %d targets healthy", finished, begun)
	}
	return "", ""
}

// firstLine is what of a text fits a GitHub Deployment's description.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
