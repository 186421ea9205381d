package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// OpenPulls lists what is open.
type OpenPulls interface {
	// PullsInto returns the open pull requests into a branch, by number.
	PullsInto(ctx context.Context, repo Repository, branch string) ([]Pull, error)
}

// Refresh plans again those open pull requests into a branch whose plans rest on
// what moved: files that their targets read, the configuration, the policies.
type Refresh struct {
	Repository Repository    `json:"repository"`
	Branch     string        `json:"branch"`
	Before     render.Commit `json:"before,omitempty"` // where the branch was; empty where that is not known
}

// Kind implements [Job].
func (Refresh) Kind() string { return "refresh" }

// Key implements [Job].
func (j Refresh) Key() string { return fmt.Sprintf("base/%s/%s", j.Repository, j.Branch) }

// Absorb implements [Absorber]: several pushes are one move, from where it began.
func (j Refresh) Absorb(older Job) Job {
	if older, ok := older.(Refresh); ok {
		j.Before = older.Before
	}
	return j
}

// Follows implements [Follower]: a branch that moves all the time would otherwise
// never be looked at.
func (Refresh) Follows(Job) bool { return true }

// refresh queues a plan for each open pull request that the move of its base
// changes anything for, found from Git alone: what a plan would rest on before the
// move is held against what it rests on now.
func (w *Worker) refresh(ctx context.Context, job Refresh) error {
	pulls, err := w.OpenPulls.PullsInto(ctx, job.Repository, job.Branch)
	if err != nil || len(pulls) == 0 {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, w.deadline())
	defer cancel()
	m, err := w.move(bounded, job)
	if err != nil || m == nil {
		return err
	}
	for _, pull := range pulls {
		stale, err := m.stale(bounded, pull)
		switch {
		case errors.Is(err, ErrGone):
			continue // its head is another by now, which has an event of its own
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && bounded.Err() == nil:
			return err
		case err == nil && !stale:
			continue
		} // where time ran out nobody knows, so it is planned
		if err := w.Queue.Insert(ctx, PlanPull{Repository: job.Repository, Number: pull.Number, Again: true}); err != nil {
			return err
		}
	}
	return nil
}

// A move is of a branch, from one commit to another.
type move struct {
	*Worker
	repo          Repository
	before, after standing // before's commit is empty where it is not to be had
}

// A standing is what a base branch says at one commit.
type standing struct {
	commit   render.Commit
	tree     render.Tree
	settings config.Config
	problems []render.Problem // of the configuration
}

func (p *Planner) standing(ctx context.Context, repo Repository, git Repo, commit render.Commit) (standing, error) {
	s := standing{commit: commit}
	var err error
	if s.tree, err = git.Tree(ctx, commit); err != nil {
		return s, fmt.Errorf("read tree of base %s: %w", commit.Short(), err)
	}
	var said report.Report
	s.settings, s.problems, err = p.settings(ctx, repo, s.tree, &said)
	return s, err
}

// move finds out where the branch was and is; nil where nothing moved or the branch
// is gone.
func (w *Worker) move(ctx context.Context, job Refresh) (*move, error) {
	ref := "refs/heads/" + job.Branch
	git, err := w.Trees.Open(ctx, job.Repository, []string{ref}, nil)
	if errors.Is(err, ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	commit, err := git.Resolve(ctx, ref)
	if err != nil || commit == job.Before {
		return nil, err
	}
	m := &move{Worker: w, repo: job.Repository}
	if m.after, err = w.Planner.standing(ctx, m.repo, git, commit); err != nil || job.Before == "" {
		return m, err
	}
	git, err = w.Trees.Open(ctx, job.Repository, nil, []render.Commit{job.Before})
	if errors.Is(err, ErrGone) { // pushed over, and thrown away
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	m.before, err = w.Planner.standing(ctx, m.repo, git, job.Before)
	return m, err
}

// stale reports whether the plan of a pull request rests on what moved.
func (m *move) stale(ctx context.Context, pull Pull) (bool, error) {
	if m.before.commit == "" {
		return true, nil
	}
	git, err := m.Trees.Open(ctx, m.repo, nil, []render.Commit{m.before.commit, m.after.commit, pull.Head.Commit})
	if err != nil {
		return false, err
	}
	rendered := true
	if pull.FromFork && m.Planner.Unconfined {
		if rendered, _, err = m.trusted(ctx, m.repo, pull); err != nil {
			return false, err
		}
	}
	was, err := m.Planner.inputs(ctx, m.repo, git, m.before, pull, rendered)
	if err != nil {
		return false, err
	}
	is, err := m.Planner.inputs(ctx, m.repo, git, m.after, pull, rendered)
	return was != is, err
}

// inputs returns a digest of all that the report of a head rests on, but for the
// live clusters: equal digests mean that planning again says the same. Rendered says
// whether its targets are rendered at all.
func (p *Planner) inputs(ctx context.Context, repo Repository, git Repo, base standing, pull Pull, rendered bool) (string, error) {
	head, conflicts, err := git.Merge(ctx, base.commit, pull.Head.Commit)
	if err != nil {
		return "", fmt.Errorf("merge %s into %s: %w", pull.Head.Commit.Short(), base.commit.Short(), err)
	}
	rests := []string{"conflicts " + strings.Join(conflicts, "\x00")}
	j := &judge{Config: base.settings}
	for _, name := range []string{config.File, j.policyDirectory()} {
		entry, _ := base.tree.Stat(name)
		rests = append(rests, name+" "+string(entry.ID))
	}
	if len(conflicts) == 0 && len(base.problems) == 0 && rendered {
		targets, err := p.targetInputs(ctx, repo, git, j, base.tree, head, pull.FromFork && !p.Unconfined)
		if err != nil {
			return "", err
		}
		rests = append(rests, targets...)
	}
	sum := sha256.Sum256([]byte(strings.Join(rests, "\n")))
	return hex.EncodeToString(sum[:]), nil
}

// targetInputs is what the affected targets read, and which changed files none does.
func (p *Planner) targetInputs(ctx context.Context, repo Repository, git Repo, j *judge, base, head render.Tree, outside bool) (rests []string, err error) {
	var said report.Report
	if len(j.Layout) > 0 {
		said.Configuration = config.File
	}
	if j.Layouts, err = j.layouts(base, head, &said); err != nil {
		return nil, err
	}
	changed, err := git.Changed(ctx, base, head)
	if err != nil {
		return nil, err
	}
	engine := p.Renderers.Engine(repo, j.Sensitive)
	headEngine := engine
	if outside {
		headEngine = engine.Outsider()
	}
	chosen, err := affected(ctx, engine, headEngine, j.Layouts, j.order(), base, head)
	if err != nil {
		return nil, err
	}
	for _, pair := range chosen.pairs {
		rests = append(rests, "target "+pair.target.String())
		for _, side := range []*render.Rendered{pair.base, pair.head} {
			if side == nil {
				rests = append(rests, "no such side")
				continue
			}
			for _, path := range slices.Sorted(maps.Keys(side.Reads)) {
				rests = append(rests, path+" "+string(side.Reads[path]))
			}
		}
	}
	return append(rests, unclaimed(changed, chosen, j)...), nil
}
