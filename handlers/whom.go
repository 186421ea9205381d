package handlers

import (
	"context"
	"slices"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// commitsTold bounds how far back merged pull requests are told what carries them.
const commitsTold = 50

// A carried pull request is one that came to the branch since a target was
// deployed last, and changed what the target is made of.
type carried struct {
	number int
	merged render.Commit
	// targets are those that the pull request is new to.
	targets map[render.Target]bool
}

// announcer finds out whom there is to tell: of each target, the pull requests that
// brought it; where there are none, the one that the rollout is of.
func (r *rollout) announcer(ctx context.Context, stops []*stop) (*announcer, error) {
	a := &announcer{rollout: r, began: make(chan struct{}, 1), untold: map[render.Environment]bool{}}
	brought := map[render.Commit][]render.Target{}
	var order []render.Commit
	trees := map[render.Commit]render.Tree{}
	for _, s := range stops {
		environment := report.EnvironmentDeployment{Name: s.settings.Name}
		a.untold[s.settings.Name] = s.untold
		for _, q := range s.requests {
			environment.Targets = append(environment.Targets, r.known(s, q))
			if s.deployed(q) && !s.untold {
				continue
			}
			commits, err := r.brought(ctx, q, deployedCommit(s.records[q.Target]), trees)
			if err != nil {
				return nil, err
			}
			for _, commit := range commits {
				if brought[commit] == nil {
					order = append(order, commit)
				}
				brought[commit] = append(brought[commit], q.Target)
			}
		}
		a.environments = append(a.environments, environment)
	}
	return a, a.find(ctx, order, brought)
}

// find looks up the pull requests of commits. What no pull request brought is told on
// that of the commit which is applied, and so is who carried it, to the others.
func (a *announcer) find(ctx context.Context, order []render.Commit, brought map[render.Commit][]render.Target) error {
	heard := map[render.Target]bool{}
	for _, commit := range order {
		numbers, err := a.History.MergedBy(ctx, a.repo, commit)
		if err != nil {
			return err
		}
		for _, number := range numbers {
			a.carry(number, commit, brought[commit])
			for _, target := range brought[commit] {
				heard[target] = true
			}
		}
	}
	var unheard []render.Target
	for _, commit := range order {
		for _, target := range brought[commit] {
			if !heard[target] && !slices.Contains(unheard, target) {
				unheard = append(unheard, target)
			}
		}
	}
	if len(unheard) == 0 && !slices.ContainsFunc(a.pulls, func(c carried) bool { return c.merged != a.commit }) {
		return nil
	}
	numbers, err := a.History.MergedBy(ctx, a.repo, a.commit)
	for _, number := range numbers {
		a.carrier = number
		if len(unheard) > 0 {
			a.carry(number, a.commit, unheard)
		}
	}
	return err
}

func (a *announcer) carry(number int, commit render.Commit, targets []render.Target) {
	i := slices.IndexFunc(a.pulls, func(c carried) bool { return c.number == number })
	if i < 0 {
		a.pulls = append(a.pulls, carried{number: number, merged: commit, targets: map[render.Target]bool{}})
		i = len(a.pulls) - 1
	}
	for _, target := range targets {
		a.pulls[i].targets[target] = true
	}
}

// brought returns the commits of the branch, newest first, that changed something of a
// target since what is deployed of it; before the first deployment, since the branch
// first had the target. Where none did (it is applied again, say), it is the newest.
// trees is a cache.
func (r *rollout) brought(ctx context.Context, q deploy.Request, from render.Commit, trees map[render.Commit]render.Tree) ([]render.Commit, error) {
	commits, err := r.git.Since(ctx, from, r.commit, commitsTold)
	if err != nil {
		return nil, err
	}
	reads := []render.Reads{}
	if q.Rendered != nil {
		reads = append(reads, q.Rendered.Reads)
	}
	if before, err := r.before(ctx, q.Target, from); err != nil {
		return nil, err
	} else if before != nil {
		reads = append(reads, before.Reads)
	}
	var brought []render.Commit
	for i, commit := range commits {
		parent := from
		if i+1 < len(commits) {
			parent = commits[i+1]
		}
		before, after, err := r.sides(ctx, parent, commit, trees)
		if err != nil {
			return nil, err
		}
		begins := from == "" && !r.has(before, q.Target)
		if begins || differs(reads, before, after) {
			brought = append(brought, commit)
		}
		if begins {
			break
		}
	}
	if len(brought) == 0 {
		brought = []render.Commit{r.commit}
	}
	return brought, nil
}

// sides returns the trees of a commit and of the one before it on the branch; nil
// before the first, and for one that is not to be had any more.
func (r *rollout) sides(ctx context.Context, parent, commit render.Commit, trees map[render.Commit]render.Tree) (before, after render.Tree, err error) {
	for _, c := range []render.Commit{parent, commit} {
		if _, known := trees[c]; known || c == "" {
			continue
		}
		tree, err := r.git.Tree(ctx, c)
		if err != nil && (ctx.Err() != nil || c == commit) {
			return nil, nil, err
		}
		trees[c] = tree
	}
	return trees[parent], trees[commit], nil
}

// has reports whether a tree asks for a target to be deployed.
func (r *rollout) has(tree render.Tree, target render.Target) bool {
	if tree == nil {
		return false
	}
	if _, configured := tree.Stat(config.File); !configured && r.configuration == config.File {
		return false
	}
	return slices.Contains(targets(r.judge.Layouts, r.judge.order(), tree), target)
}

// differs reports whether anything that rendering looked at, or the configuration, is
// another in the two trees.
func differs(reads []render.Reads, before, after render.Tree) bool {
	if before == nil {
		return true
	}
	other := func(path string) bool {
		was, had := before.Stat(path)
		is, has := after.Stat(path)
		return had != has || was.ID != is.ID
	}
	if other(config.File) {
		return true
	}
	for _, each := range reads {
		for path := range each {
			if other(path) {
				return true
			}
		}
	}
	return false
}

func deployedCommit(record inventory.Record) render.Commit {
	if record.Deployed == nil {
		return ""
	}
	return record.Deployed.Commit
}
