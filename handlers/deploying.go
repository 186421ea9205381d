package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/config"
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
}

// A stop is one environment of a rollout.
type stop struct {
	settings config.Environment
	cluster  *deploy.Cluster
	problem  *render.Problem // why there is no cluster
	requests []deploy.Request
	records  map[render.Target]inventory.Record
}

// deployBranch brings every target that Slipway applies to what the default branch
// says. Environments go in order, and a failure stops those behind it.
func (w *Worker) deployBranch(ctx context.Context, job DeployBranch) error {
	r, err := w.rollout(ctx, job.Repository)
	if err != nil || r == nil {
		return err
	}
	stops, err := r.stops(ctx)
	if err != nil || !pending(stops) {
		return err
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

// rollout reads the default branch and renders all of it; nil where nothing of it
// is to be applied: no configuration, or a broken one.
func (w *Worker) rollout(ctx context.Context, repo Repository) (*rollout, error) {
	ref := "refs/heads/" + repo.DefaultBranch
	git, err := w.Trees.Open(ctx, repo, []string{ref}, nil)
	if err != nil {
		return nil, err
	}
	commit, err := git.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	return w.rolloutOf(ctx, repo, git, commit)
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
	r.problems = said.Problems
	if err != nil || r.judge == nil || said.Configuration == "" {
		r.judge = nil
		for _, problem := range said.Problems {
			r.Log.WarnContext(ctx, "nothing is applied: the configuration is broken", "repository", r.repo.String(), "problem", problem.Error())
		}
		return err
	}
	all := targets(r.judge.Layouts, r.judge.order(), tree)
	rendered, err := r.engine().RenderAll(ctx, tree, all)
	if err != nil {
		return fmt.Errorf("render %s: %w", commit.Short(), err)
	}
	r.rendered = make(map[render.Target]*render.Rendered, len(all))
	for i, target := range all {
		r.rendered[target] = rendered[i]
	}
	return nil
}

// stops returns the environments that Slipway applies, in order, each with what is
// asked of its targets. Where clusters answer by grant, an environment that selects
// no service account has nobody to apply as, and is left alone.
func (r *rollout) stops(ctx context.Context) ([]*stop, error) {
	if r.judge == nil {
		return nil, nil
	}
	var stops []*stop
	for _, settings := range r.judge.Environments {
		if settings.Apply != config.BySlipway || r.Planner.Granting && settings.ServiceAccount == "" {
			continue
		}
		s, err := r.stop(ctx, settings)
		if err != nil {
			return nil, err
		}
		if len(s.requests) > 0 {
			stops = append(stops, s)
		}
	}
	return stops, nil
}

// stop asks the environment's cluster for what it has on record, and makes a
// request for each target: those of Git, and those that are gone from it.
func (r *rollout) stop(ctx context.Context, settings config.Environment) (*stop, error) {
	s := &stop{settings: settings, records: make(map[render.Target]inventory.Record)}
	byName := map[render.Application]render.Target{}
	for target := range r.rendered {
		if target.Environment == settings.Name {
			byName[target.Application] = target
		}
	}
	s.cluster, s.problem = r.Deployers.Deployer(ctx, r.repo, selectionOf(settings))
	if s.cluster != nil {
		records, err := s.cluster.Records(ctx, r.repo.String())
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil { // one cluster's trouble is its own targets'
			s.problem, s.cluster = recordProblem(settings, err), nil
		}
		for _, record := range records {
			if record.Environment != settings.Name {
				continue
			}
			target, ok := byName[record.Application]
			if !ok {
				target = render.Target{Environment: record.Environment, Application: record.Application}
				byName[record.Application] = target
			}
			s.records[target] = record
		}
	}
	for _, target := range byName {
		s.requests = append(s.requests, r.request(settings, target))
	}
	r.arrange(s)
	return s, nil
}

// request asks for one target of the rollout.
func (r *rollout) request(settings config.Environment, target render.Target) deploy.Request {
	return deploy.Request{
		Repository: r.repo.String(), Target: target, Commit: r.commit, Rendered: r.rendered[target],
		Sync: settings.Sync, Ignore: settings.Drift.Ignore, Namespace: settings.Namespace,
	}
}

// arrange puts requests in order: what others depend on first, then by name.
func (r *rollout) arrange(s *stop) {
	slices.SortFunc(s.requests, func(a, b deploy.Request) int {
		return cmp.Or(r.rank(a.Target)-r.rank(b.Target), strings.Compare(a.Target.String(), b.Target.String()))
	})
}

// recordProblem says why what is deployed to an environment is not known. The clock
// asks again.
func recordProblem(settings config.Environment, err error) *render.Problem {
	var problem *render.Problem
	if errors.As(err, &problem) {
		return problem
	}
	return &render.Problem{
		Message: fmt.Sprintf("what is deployed to %s could not be read: %v", settings.Name, err),
		Hint:    "it is tried again by itself; the operator sees why in the log",
	}
}

// introduce tells each request of its siblings: the other targets of the same
// cluster, so that an object which moves between two of them is handed over.
func introduce(stops []*stop) {
	byCluster := map[string][]deploy.Sibling{}
	for _, s := range stops {
		for _, q := range s.requests {
			name := cmp.Or(s.settings.Cluster, DefaultCluster)
			byCluster[name] = append(byCluster[name], deploy.Sibling{Target: q.Target, Rendered: q.Rendered, Namespace: q.Namespace})
		}
	}
	for _, s := range stops {
		for i, q := range s.requests {
			s.requests[i].Siblings = slices.DeleteFunc(slices.Clone(byCluster[cmp.Or(s.settings.Cluster, DefaultCluster)]), func(sibling deploy.Sibling) bool { return sibling.Target == q.Target })
		}
	}
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

// rank orders targets of an environment: those that it depends on first.
func (r *rollout) rank(target render.Target) int {
	settings := r.judge.environment(target.Environment)
	if i := slices.Index(settings.DependsOn, string(target.Application)); i >= 0 {
		return i - len(settings.DependsOn)
	}
	return 0
}

// pending reports whether any target has something to do or to say.
func pending(stops []*stop) bool {
	return slices.ContainsFunc(stops, func(s *stop) bool {
		return s.problem != nil || slices.ContainsFunc(s.requests, func(q deploy.Request) bool { return !s.deployed(q) })
	})
}

// deployed reports whether the record says that the target is as Git has it, and
// nobody has asked since for it to be applied again.
func (s *stop) deployed(q deploy.Request) bool {
	record, ok := s.records[q.Target]
	if q.Rendered == nil {
		return len(record.Objects) == 0
	}
	return ok && record.Deployed != nil && record.Current != nil && q.Rendered.Problem == nil &&
		record.Current.State == inventory.Healthy && record.Deployed.Digest == q.Rendered.Digest &&
		!slices.ContainsFunc(record.Words, func(w inventory.Word) bool { return w.Verb == inventory.Apply && w.Digest == q.Rendered.Digest })
}

// environment applies one environment's targets: those that it depends on one by
// one, then the others side by side. It reports whether the next may begin.
func (r *rollout) environment(ctx context.Context, s *stop, told audience) (bool, error) {
	receipts := make([]deploy.Receipt, len(s.requests))
	group, bounded := errgroup.WithContext(ctx)
	group.SetLimit(targetsAtOnce)
	if err := told.say(ctx); err != nil {
		return false, err
	}
	for i, request := range s.requests {
		one := func() (err error) {
			if receipts[i], err = r.target(bounded, s, request, told); err == nil {
				told.progress(receipts[i])
			}
			return err
		}
		if r.rank(request.Target) == 0 {
			group.Go(one)
			continue
		}
		if err := one(); err != nil {
			return false, err
		}
		if !done(receipts[i]) {
			return false, told.say(ctx)
		}
	}
	stopTicking := r.tick(ctx, told)
	err := group.Wait()
	stopTicking()
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(receipts, func(r deploy.Receipt) bool { return r.State == deploy.Applied }) {
		// What had drifted is as Git has it now; its issue need not wait for the clock.
		if err := r.Queue.Insert(ctx, CheckDrift{Repository: r.repo, Environment: s.settings.Name}); err != nil {
			return false, err
		}
	}
	return !slices.ContainsFunc(receipts, func(r deploy.Receipt) bool { return !done(r) }), told.say(ctx)
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
	request.Progress = told.progress
	var err error
	if request.Base, err = r.before(ctx, request.Target, deployedCommit(s.records[request.Target])); err != nil {
		return refused, err
	}
	receipt, err := s.cluster.Apply(ctx, request)
	if err != nil {
		return receipt, fmt.Errorf("apply %s: %w", request.Target, err)
	}
	r.Log.InfoContext(ctx, "applied", "repository", r.repo.String(), "target", request.Target.String(), "commit", string(request.Commit),
		"state", string(receipt.State), "reason", receipt.Reason)
	return receipt, nil
}

// selectionOf is what an environment's settings select.
func selectionOf(settings config.Environment) Selection {
	return Selection{Environment: settings.Name, Cluster: settings.Cluster, Namespace: settings.Namespace, ServiceAccount: settings.ServiceAccount}
}

// firstLine is what of a text fits a GitHub Deployment's description.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
