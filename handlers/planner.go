package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A Comparison is what a report is asked about: two sides of one repository.
type Comparison struct {
	Repository Repository
	Pull       int
	BaseRef    string // the base branch's name
	HeadRef    string // the head branch's name; may be empty
	Base, Head render.Commit
	// Merged says that the head is the merge result already (a merge group);
	// otherwise Git merges head into base.
	Merged bool
	// Trusted says that live clusters may be asked about it: its branch lives in the
	// repository, or a person allowed this very commit.
	Trusted bool
	// Outside says that the head is from another repository, allowed or not: what is
	// rendered of it is kept apart from what is known of the repository's branches.
	Outside bool
	// Judge says that plans which were made of the same comparison before do.
	Judge bool
	// Facts returns what policies may know of the pull request; asked for only where
	// they look at it. Nil where there is none.
	Facts func(context.Context) (*policy.PullRequest, error)
	// Only restricts the report to these targets, as they print; all when empty.
	// That a name is no target's is an error, a [*render.Problem].
	Only []string
}

// A Planner makes reports: trees → targets → rendereds → plans → findings. It is
// the same for a pull request, a merge group and a terminal.
type Planner struct {
	Renderers Renderers
	Policies  *policy.Cache
	Clusters  Clusters
	// Granting says that clusters answer by grant, so that an environment has to
	// select what it wants; a terminal's cluster is chosen by flags.
	Granting bool
	// Unconfined says that rendering happens where what an outsider wrote could do
	// harm: in no sandbox. Nothing of theirs is then rendered, whoever allows it.
	Unconfined bool
	// Defaults returns the organisation-wide configuration's file, for a
	// repository that has none of its own; nil content when there is none. May be nil.
	Defaults func(ctx context.Context, repo Repository) (file string, content []byte, err error)
	// Progress is told what long work is doing. May be nil.
	Progress func(stage string)
	// Watcher is told how work goes. May be nil.
	Watcher Watcher
	// Now is the clock that waivers expire by.
	Now func() time.Time

	kept keptPlans
}

// Renderers keeps an engine, with its cache, per repository and set of sensitive fields.
type Renderers interface {
	Engine(repo Repository, sensitive []render.SensitiveField) *render.Engine
}

// Report plans the comparison. Whatever a person did wrong is in the report; an
// error means that the work should run again.
func (p *Planner) Report(ctx context.Context, repo Repo, c Comparison) (report.Report, error) {
	r := report.Report{
		Repository: c.Repository.String(), Pull: c.Pull, Base: c.Base, Head: c.Head, BaseRef: c.BaseRef, HeadRef: c.HeadRef,
		Outsider: !c.Trusted, Unsandboxed: c.Outside && p.Unconfined,
	}
	base, head, err := p.sides(ctx, repo, c, &r)
	if err != nil || head == nil || r.Unsandboxed {
		return r, err
	}
	if !c.Trusted {
		settings, _, err := p.settings(ctx, c.Repository, base, &r)
		if err != nil {
			return r, err
		}
		r.MayAllow = mayAllow(settings)
	}
	changed, err := repo.Changed(ctx, base, head)
	if err != nil {
		return r, fmt.Errorf("compare %s with its merge result: %w", c.Base.Short(), err)
	}
	judge, err := p.judge(ctx, c.Repository, base, head, changed, &r)
	var problem *render.Problem
	if errors.As(err, &problem) { // a configuration or a policy that is too large to be read
		r.Problems = append(r.Problems, *problem)
		return r, nil
	}
	if err != nil || judge == nil {
		return r, err
	}
	engine := p.Renderers.Engine(c.Repository, judge.Sensitive)
	p.say("rendering")
	headEngine := engine
	if c.Outside {
		headEngine = engine.Outsider()
	}
	rendering, rendered := p.begin(ctx, StageRender, render.Target{})
	chosen, err := affected(rendering, engine, headEngine, judge.Layouts, judge.order(), base, head)
	if rendered(err); err != nil {
		return r, err
	}
	r.Targets = chosen.total
	r.Unclaimed = unclaimed(changed, chosen, judge)
	if len(c.Only) > 0 {
		untouched, err := chosen.restrict(c.Only)
		if err != nil {
			return r, err
		}
		for _, target := range untouched {
			r.Notices = append(r.Notices, "Nothing that changed is read by "+target+".")
		}
	}
	p.say(fmt.Sprintf("planning %d of %d targets", len(chosen.pairs), chosen.total))
	r.Parts, err = p.parts(ctx, c, judge, head, chosen.pairs)
	return r, err
}

func (p *Planner) say(stage string) {
	if p.Progress != nil {
		p.Progress(stage)
	}
}

// sides returns both trees; the head's is nil when there is a conflict.
func (p *Planner) sides(ctx context.Context, repo Repo, c Comparison, r *report.Report) (base, head render.Tree, err error) {
	if base, err = repo.Tree(ctx, c.Base); err != nil {
		return nil, nil, fmt.Errorf("read tree of base %s: %w", c.Base.Short(), err)
	}
	if c.Merged {
		if head, err = repo.Tree(ctx, c.Head); err != nil {
			return nil, nil, fmt.Errorf("read tree of head %s: %w", c.Head.Short(), err)
		}
		return base, head, nil
	}
	head, conflicts, err := repo.Merge(ctx, c.Base, c.Head)
	if err != nil {
		return nil, nil, fmt.Errorf("merge %s into %s: %w", c.Head.Short(), c.Base.Short(), err)
	}
	if len(conflicts) > 0 {
		r.Conflicts = conflicts
		return base, nil, nil
	}
	return base, head, nil
}

// parts renders nothing: it plans and judges what affected has rendered.
func (p *Planner) parts(ctx context.Context, c Comparison, judge *judge, head render.Tree, pairs []pair) ([]report.Part, error) {
	plans, ok := p.kept.of(c, pairs)
	if !c.Judge || !ok {
		var err error
		if plans, err = p.preview(ctx, c, judge, pairs); err != nil {
			return nil, err
		}
		p.kept.keep(c, pairs, plans)
	}
	ctx, judged := p.begin(ctx, StagePolicy, render.Target{})
	parts, err := p.judgeAll(ctx, c, judge, head, pairs, plans)
	judged(err)
	return parts, err
}

// preview makes the plans, watched.
func (p *Planner) preview(ctx context.Context, c Comparison, judge *judge, pairs []pair) ([]*preview.Plan, error) {
	ctx, previewed := p.begin(ctx, StagePreview, render.Target{})
	plans, err := p.plans(ctx, c, judge, pairs)
	previewed(err)
	for _, plan := range plans {
		if plan != nil {
			p.outcome(ctx, StagePreview, string(plan.Live))
		}
	}
	return plans, err
}

// judgeAll makes a part of each plan, with what policies find in it.
func (p *Planner) judgeAll(ctx context.Context, c Comparison, judge *judge, head render.Tree, pairs []pair, plans []*preview.Plan) (_ []report.Part, err error) {
	if c.Facts != nil && judge.Policies.ReadsPullRequest() {
		if judge.pull, err = c.Facts(ctx); err != nil {
			return nil, fmt.Errorf("facts of #%d: %w", c.Pull, err)
		}
	}
	parts := make([]report.Part, len(pairs))
	for i, pair := range pairs {
		part := report.Part{Target: pair.target, Plan: plans[i], New: pair.created, Retired: pair.head == nil}
		if problem := pair.problem(); problem != nil {
			part.Problem = problem
		}
		if pair.head != nil && pair.head.Problem == nil {
			part.Objects = len(pair.head.Objects)
			if part.Warnings, err = warnings(ctx, head, pair.head); err != nil {
				return nil, fmt.Errorf("find variables of %s: %w", pair.target, err)
			}
			if part.Findings, err = judge.findings(ctx, pair.head, locator(ctx, head)); err != nil {
				return nil, fmt.Errorf("judge %s: %w", pair.target, err)
			}
			if judge.Policies != nil {
				part.Tested = part.Objects
			}
		}
		parts[i] = part
	}
	return parts, nil
}

// locator finds a field's file and line in the head's tree. Where that cannot be
// read now, the object's own origin has to do: a finding matters more than its line.
func locator(ctx context.Context, head render.Tree) policy.Locate {
	return func(object render.Object, field string) (string, int) {
		origin, err := render.Locate(ctx, head, object, field)
		if err != nil {
			origin = object.Origin
		}
		return origin.File, origin.Line
	}
}

// plans asks each cluster once for all of its targets. Results are by index; nil
// where the target could not be rendered.
func (p *Planner) plans(ctx context.Context, c Comparison, judge *judge, pairs []pair) ([]*preview.Plan, error) {
	plans := make([]*preview.Plan, len(pairs))
	batches := map[*preview.Cluster][]int{}
	requests := make([]preview.Request, len(pairs))
	for i, pair := range pairs {
		if pair.problem() != nil {
			continue
		}
		settings := judge.environment(pair.target.Environment)
		requests[i] = preview.Request{
			Target: pair.target, Base: pair.base, Head: pair.head,
			Ignore: settings.Drift.Ignore, Namespace: settings.Namespace,
			CreateNamespace: settings.Sync.CreateNamespace,
		}
		cluster, problem := p.cluster(ctx, c, pair.target.Environment, settings)
		if cluster == nil {
			plans[i] = preview.Offline(requests[i])
			if problem != nil {
				plans[i].Live, plans[i].Problem = preview.LiveRefused, problem
			}
			continue
		}
		batches[cluster] = append(batches[cluster], i)
	}
	var group errgroup.Group // a cluster that is slow, or away, keeps nobody waiting but its own targets
	group.SetLimit(16)
	for cluster, indices := range batches {
		group.Go(func() error {
			batch := make([]preview.Request, len(indices))
			for j, i := range indices {
				batch[j] = requests[i]
			}
			for j, plan := range cluster.Plan(ctx, batch) {
				plans[indices[j]] = plan
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	return plans, ctx.Err()
}

// cluster returns the live cluster to ask, nil where base and head are compared
// alone: where nobody may ask, or the environment selects neither a cluster nor a
// service account.
func (p *Planner) cluster(ctx context.Context, c Comparison, name render.Environment, settings config.Environment) (*preview.Cluster, *render.Problem) {
	if !c.Trusted || p.Clusters == nil || p.Granting && settings.Cluster == "" && settings.ServiceAccount == "" {
		return nil, nil
	}
	return p.Clusters.Cluster(ctx, c.Repository, Selection{
		Environment: name, Cluster: settings.Cluster, Namespace: settings.Namespace, ServiceAccount: settings.ServiceAccount,
	})
}

// unclaimed returns the changed files that no target read on either side, nor the
// configuration or the policies.
func unclaimed(changed []string, chosen selection, judge *judge) []string {
	return slices.DeleteFunc(slices.Clone(changed), func(path string) bool {
		return path == config.File || judge.policyFile(path) || chosen.claims(path)
	})
}

// below reports whether path is dir or lies below it.
func below(path, dir string) bool {
	return dir == "." || path == dir || strings.HasPrefix(path, dir+"/")
}

// Render renders targets of one tree: the one named, or a directory, or all where
// both are empty. It is what a terminal asks for.
func (p *Planner) Render(ctx context.Context, repo Repository, tree render.Tree, target, dir string) ([]*render.Rendered, error) {
	var r report.Report
	settings, problems, err := p.settings(ctx, repo, tree, &r)
	if err != nil {
		return nil, err
	}
	engine := p.Renderers.Engine(repo, settings.Sensitive)
	if dir != "" { // needs no configuration, so that a broken one is no hindrance
		rendered, err := engine.Path(ctx, tree, dir)
		return []*render.Rendered{rendered}, err
	}
	if len(problems) > 0 {
		return nil, &problems[0]
	}
	j := &judge{Config: settings}
	if j.Layouts, err = j.layouts(tree, tree, &r); err != nil {
		return nil, err
	}
	all := targets(j.Layouts, j.order(), tree)
	if target != "" {
		i := slices.IndexFunc(all, func(t render.Target) bool { return t.String() == target })
		if i < 0 {
			return nil, unknownTarget(target, all)
		}
		all = all[i : i+1]
	}
	if len(all) == 0 {
		return nil, &render.Problem{Message: "no targets were found", Hint: "say where they are with layout in " + config.File + ", or give a directory with --path"}
	}
	return engine.RenderAll(ctx, tree, all)
}
