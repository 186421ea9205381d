package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// targetsAtOnce bounds the targets of one environment that are applied at a time.
const targetsAtOnce = 8

// A rollout is one commit of the default branch on its way into the clusters.
type rollout struct {
	*Worker
	repo     Repository
	git      Repo
	commit   render.Commit
	rendered map[render.Target]*render.Rendered
	judge    *judge
	problems []render.Problem // of the configuration and the policies
	// configuration is the file that the settings are of; empty where there is none.
	configuration string
}

// deployBranch brings every target that Slipway applies to what the default branch
// says. Environments go in order, and a failure stops those behind it.
func (w *Worker) deployBranch(ctx context.Context, job DeployBranch) error {
	r, err := w.rollout(ctx, job.Repository)
	if err != nil || r == nil {
		return err
	}
	stops, err := r.stops(ctx)
	if err != nil {
		return err
	}
	if err := r.findUntold(ctx, stops); err != nil {
		return err
	}
	if !pending(stops) {
		return nil
	}
	introduce(stops)
	told, err := r.announcer(ctx, stops)
	if err != nil {
		return err
	}
	for i, stop := range stops {
		ok, err := r.environment(ctx, stop, told)
		if err != nil {
			return errors.Join(err, told.say(context.WithoutCancel(ctx)))
		}
		if !ok {
			for _, later := range stops[i+1:] {
				told.notBegun(later.settings.Name, stop.settings.Name)
			}
			break
		}
	}
	return told.say(ctx)
}

// looksAtHead is how often the default branch is looked at: pushes may come between.
const looksAtHead = 3

// rollout reads the default branch and renders all of it; nil where nothing of it
// is to be applied: no configuration, or a broken one. ErrGone where the branch is the
// default one no more: what a delivery says of that may be days old.
func (w *Worker) rollout(ctx context.Context, repo Repository) (*rollout, error) {
	ref := "refs/heads/" + repo.DefaultBranch
	for range looksAtHead {
		git, err := w.Trees.Open(ctx, repo, []string{"HEAD", ref}, nil)
		if err != nil {
			return nil, err
		}
		head, err := git.Resolve(ctx, "HEAD")
		if err != nil {
			return nil, err
		}
		commit, err := git.Resolve(ctx, ref)
		if err != nil {
			return nil, err
		}
		if head == commit {
			return w.rolloutOf(ctx, repo, git, commit)
		}
	}
	return nil, fmt.Errorf("%s is not the default branch of %s: %w", repo.DefaultBranch, repo, ErrGone)
}

// rolloutOf is a rollout of any commit of a repository.
func (w *Worker) rolloutOf(ctx context.Context, repo Repository, git Repo, commit render.Commit) (*rollout, error) {
	r := &rollout{Worker: w, repo: repo, git: git, commit: commit}
	return r, r.render(ctx, commit)
}

// render reads the configuration of a commit and renders its targets. Without a
// usable configuration there is no judge and nothing to apply.
func (r *rollout) render(ctx context.Context, commit render.Commit) error {
	tree, err := r.git.Tree(ctx, commit)
	if err != nil {
		return err
	}
	var said report.Report
	r.judge, err = r.Planner.judge(ctx, r.repo, tree, tree, nil, &said)
	r.problems, r.configuration = said.Problems, said.Configuration
	if err != nil || r.judge == nil || said.Configuration == "" {
		r.judge = nil
		for _, problem := range said.Problems {
			r.Log.WarnContext(ctx, "nothing is applied: the configuration is broken", "repository", r.repo.String(), "problem", problem.Error())
		}
		return err
	}
	all := targets(r.judge.Layouts, r.judge.order(), tree)
	rendering, end := r.Planner.begin(ctx, StageRender, render.Target{})
	rendered, err := r.engine().RenderAll(rendering, tree, all)
	if end(err); err != nil {
		return fmt.Errorf("render %s: %w", commit.Short(), err)
	}
	distinct(all, rendered)
	r.rendered = make(map[render.Target]*render.Rendered, len(all))
	for i, target := range all {
		r.rendered[target] = rendered[i]
	}
	return nil
}

// before renders what a target has at a commit that ran in it, so that a plan can tell what
// a new commit changes from what had drifted; nil where that is not to be had.
func (r *rollout) before(ctx context.Context, target render.Target, commit render.Commit) (*render.Rendered, error) {
	if commit == "" {
		return nil, nil
	}
	tree, err := r.git.Tree(ctx, commit)
	if err != nil {
		return nil, ctx.Err() // rewritten history, say: only what the plan can tell suffers
	}
	rendered, err := r.engine().Render(ctx, tree, target)
	if err != nil || rendered.Problem != nil {
		return nil, err
	}
	return rendered, nil
}

func (r *rollout) engine() *render.Engine {
	return r.Planner.Renderers.Engine(r.repo, r.judge.Sensitive)
}

// environment applies one environment's targets, and says how it goes. It reports
// whether the next may begin.
func (r *rollout) environment(ctx context.Context, s *stop, told audience) (bool, error) {
	stopTicking := r.tick(ctx, told)
	receipts, err := r.targets(ctx, s, told)
	stopTicking()
	if err != nil {
		return false, err
	}
	ok := !slices.ContainsFunc(receipts, func(r deploy.Receipt) bool { return !done(r) })
	if !slices.ContainsFunc(receipts, func(r deploy.Receipt) bool { return r.State == deploy.Applied }) {
		return ok, nil // nothing that could not be said with the end of it all
	}
	// What had drifted is as Git has it now; its issue need not wait for the clock.
	if err := r.Queue.Insert(ctx, CheckDrift{Repository: r.repo, Environment: s.settings.Name}); err != nil {
		return false, err
	}
	return ok, told.say(ctx)
}

// targets applies those that others depend on one by one, then the others side by
// side, and those that are gone from Git when what they had may have found its heir.
// A receipt without a state is of one that was not begun.
func (r *rollout) targets(ctx context.Context, s *stop, told audience) ([]deploy.Receipt, error) {
	receipts := make([]deploy.Receipt, len(s.requests))
	one := func(ctx context.Context, i int) (err error) {
		if receipts[i], err = r.target(ctx, s, s.requests[i], told); err == nil {
			told.progress(receipts[i])
		}
		return err
	}
	var living, retired []int
	for i, request := range s.requests {
		switch {
		case request.Rendered == nil:
			retired = append(retired, i)
		case r.rank(request.Target) == 0:
			living = append(living, i)
		default:
			if err := one(ctx, i); err != nil || !done(receipts[i]) {
				return receipts, err
			}
		}
	}
	for _, together := range [][]int{living, retired} {
		group, bounded := errgroup.WithContext(ctx)
		group.SetLimit(targetsAtOnce)
		for _, i := range together {
			group.Go(func() error { return one(bounded, i) })
		}
		if err := group.Wait(); err != nil {
			return receipts, err
		}
	}
	return receipts, nil
}

// done reports whether a later environment may begin behind this receipt.
func done(r deploy.Receipt) bool { return r.State == deploy.Unchanged || r.State == deploy.Applied }

// target applies one target, unless there is nobody to apply as or it does not render.
func (r *rollout) target(ctx context.Context, s *stop, request deploy.Request, told audience) (deploy.Receipt, error) {
	refused := deploy.Receipt{Target: request.Target, Commit: request.Commit, State: deploy.Refused}
	switch {
	case s.problem != nil:
		refused.Reason, refused.Hint = s.problem.Message, s.problem.Hint
		return refused, nil
	case request.Rendered != nil && request.Rendered.Problem != nil:
		refused.Reason, refused.Hint = request.Rendered.Problem.Error(), ""
		return refused, nil
	case s.deployed(request):
		return deploy.Receipt{Target: request.Target, Commit: request.Commit, State: deploy.Unchanged}, nil
	}
	request.Progress = r.Planner.watched(ctx, told.progress)
	var err error
	if request.Base, err = r.before(ctx, request.Target, deployedCommit(s.records[request.Target])); err != nil {
		return refused, err
	}
	applying, end := r.Planner.begin(ctx, StageApply, request.Target)
	receipt, err := s.cluster.Apply(applying, request)
	if end(err); err != nil {
		return receipt, fmt.Errorf("apply %s: %w", request.Target, err)
	}
	r.Planner.outcome(ctx, StageApply, string(receipt.State))
	r.Log.InfoContext(ctx, "applied", "repository", r.repo.String(), "target", request.Target.String(), "commit", string(request.Commit),
		"state", string(receipt.State), "reason", receipt.Reason)
	return receipt, nil
}
