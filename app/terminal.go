package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/slipwayhq/slipway/app/clusters"
	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/source"
)

// PlanOptions ask for a plan from a terminal.
type PlanOptions struct {
	Repository string   // a directory
	Base, Head string   // revisions
	Targets    []string // only these, as they print; all affected where empty
	Offline    bool     // ask no cluster
	DryRunAll  bool     // have the API server judge every object
	Progress   func(stage string)

	clusters *clusters.Flags
	cluster  preview.ClusterOptions
}

// BindClusterFlags adds kubectl's flags that choose a cluster.
func (o *PlanOptions) BindClusterFlags(flags *pflag.FlagSet) {
	o.clusters = clusters.BindFlags(flags, &o.cluster, &deploy.Options{Identity: identity()})
}

// Contexts returns the names that --context may have.
func (o *PlanOptions) Contexts() []string { return o.clusters.Contexts() }

// Plan reports on merging head into base in a local repository.
func Plan(ctx context.Context, o PlanOptions) (report.Report, error) {
	repository, base, head, err := openLocal(ctx, o.Repository, o.Base, o.Head)
	if err != nil {
		return report.Report{}, err
	}
	defer func() { _ = repository.Close() }() // read only: nothing is lost
	o.cluster.DryRunAll = o.DryRunAll
	planner, err := terminalPlanner()
	if err != nil {
		return report.Report{}, err
	}
	planner.Progress = o.Progress
	if !o.Offline {
		planner.Clusters = o.clusters
	}
	return planner.Report(ctx, localRepo{repository}, handlers.Comparison{
		Repository: handlers.Repository{Name: o.Repository},
		BaseRef:    o.Base, Base: base, Head: head, Trusted: true, Only: o.Targets,
	})
}

// RenderOptions ask for rendered objects on a terminal.
type RenderOptions struct {
	Repository string // a directory
	Ref        string // a revision
	Target     string // as it prints; empty for all, or where Path is set
	Path       string // any directory of the tree
	Mask       bool   // print marks in place of sensitive values
	// Warn is told what rendering has to say that stops nothing, each once. May be nil.
	Warn func(warning string)
}

// Render writes the objects as YAML.
func Render(ctx context.Context, o RenderOptions, out io.Writer) error {
	repository, commit, _, err := openLocal(ctx, o.Repository, o.Ref, o.Ref)
	if err != nil {
		return err
	}
	defer func() { _ = repository.Close() }()
	tree, err := repository.Tree(ctx, commit)
	if err != nil {
		return err
	}
	planner, err := terminalPlanner()
	if err != nil {
		return err
	}
	rendered, err := planner.Render(ctx, handlers.Repository{Name: o.Repository}, tree, o.Target, o.Path)
	if err != nil {
		return err
	}
	written, warned := false, map[string]bool{}
	for _, r := range rendered {
		for _, warning := range r.Warnings {
			if o.Warn != nil && !warned[warning] {
				warned[warning] = true
				o.Warn(warning)
			}
		}
		if r.Problem != nil && o.Path != "" {
			return r.Problem // names the path itself
		}
		if r.Problem != nil {
			return fmt.Errorf("%s: %w", r.Target, r.Problem)
		}
		if written && len(r.Objects) > 0 {
			if _, err := io.WriteString(out, "---\n"); err != nil {
				return fmt.Errorf("write %s: %w", r.Target, err)
			}
		}
		written = written || len(r.Objects) > 0
		if err := render.Write(out, r, !o.Mask); err != nil {
			return fmt.Errorf("write %s: %w", r.Target, err)
		}
	}
	return nil
}

// openLocal opens a repository and resolves two of its revisions.
func openLocal(ctx context.Context, dir, base, head string) (*source.LocalRepository, render.Commit, render.Commit, error) {
	repository, err := source.Local(ctx, dir)
	if err != nil {
		return nil, "", "", err
	}
	var commits [2]render.Commit
	for i, revision := range []string{base, head} {
		if commits[i], err = repository.Resolve(ctx, revision); err != nil {
			_ = repository.Close()
			return nil, "", "", err
		}
	}
	return repository, commits[0], commits[1], nil
}

// terminalPlanner makes a planner for one run. Its marks cannot be compared with
// another run's.
func terminalPlanner() (*handlers.Planner, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key for masks: %w", err)
	}
	return &handlers.Planner{Renderers: newRenderers(key, nil, nil, 0), Policies: policy.NewCache(1, nil), Now: time.Now}, nil
}

// A localRepo resolves whatever Git resolves.
type localRepo struct{ *source.LocalRepository }

var _ handlers.Repo = localRepo{}
