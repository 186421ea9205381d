package handlers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// A judge is what a change is held against: the configuration and the policies,
// both from the base branch, so that a pull request cannot loosen what judges it.
type judge struct {
	config.Config
	Layouts  []render.Layout
	Policies *policy.Policies // nil where the repository has none
	today    time.Time
	pull     *policy.PullRequest // what policies may know of it; nil where there is none
}

// judge reads the configuration and policies from base. It returns nil where they
// are unusable, with the problems in the report. What the change itself does to
// either is checked too, so that it is told before it is merged.
func (p *Planner) judge(ctx context.Context, repo Repository, base, head render.Tree, changed []string, r *report.Report) (*judge, error) {
	settings, problems, err := p.settings(ctx, repo, base, r)
	if err != nil {
		return nil, err
	}
	if err := checkConfiguration(ctx, head, changed, problems, r); err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, nil
	}
	j := &judge{Config: settings, today: p.Now()}
	if j.Layouts, err = j.layouts(base, head, r); err != nil {
		return nil, err
	}
	if len(j.Layouts) == 0 && len(r.Problems) == 0 {
		r.Notices = append(r.Notices, "No environments were recognised here. Say where they are with `layout:` in `"+config.File+"`.")
	}
	compiled, broken, err := p.rules(ctx, j, base, r.Configuration)
	if err != nil {
		return nil, err
	}
	j.Policies = compiled
	return j, p.checkPolicies(ctx, repo, j, head, changed, broken, r)
}

// rules compiles the policies of a tree. Problems are theirs, and those of a
// configuration that names rules which they do not have.
func (p *Planner) rules(ctx context.Context, j *judge, tree render.Tree, file string) (*policy.Policies, []render.Problem, error) {
	compiled, problems, err := p.policies(ctx, j, tree)
	if err == nil && compiled != nil {
		problems = append(problems, j.Config.Policies.Mistakes(file, compiled.Rules())...)
	}
	return compiled, problems, err
}

// settings finds the configuration: the repository's own, the organisation's, or
// none. Problems are those of the configuration in force.
func (p *Planner) settings(ctx context.Context, repo Repository, base render.Tree, r *report.Report) (config.Config, []render.Problem, error) {
	file, content := config.File, []byte(nil)
	if problem := noFile(base); problem != nil {
		r.Configuration = config.File
		return config.Config{}, []render.Problem{*problem}, nil
	}
	content, err := readFile(ctx, base, config.File)
	if err != nil {
		return config.Config{}, nil, err
	}
	if content == nil && p.Defaults != nil {
		if file, content, err = p.Defaults(ctx, repo); err != nil {
			return config.Config{}, nil, fmt.Errorf("read the organisation's configuration: %w", err)
		}
	}
	if content == nil {
		return config.Default(""), nil, nil
	}
	r.Configuration = file
	settings, problems := config.Parse(file, content)
	return settings, problems, nil
}

// noFile says that a tree's configuration is no file; nil where it is one, or there is
// none. A link is not followed: what it leads to could change without the file that
// everybody watches.
func noFile(tree render.Tree) *render.Problem {
	entry, there := tree.Stat(config.File)
	if !there || entry.Mode == render.File {
		return nil
	}
	what := map[render.Mode]string{render.Symlink: "a symbolic link, which is not followed", render.Directory: "a directory", render.Submodule: "a submodule"}
	return &render.Problem{File: config.File, Message: "is " + what[entry.Mode], Hint: "commit the configuration itself under this name"}
}

// checkConfiguration says what a pull request that changes the configuration would
// break, and lets one through that mends a broken one and does nothing else.
func checkConfiguration(ctx context.Context, head render.Tree, changed []string, problems []render.Problem, r *report.Report) error {
	if !slices.Contains(changed, config.File) {
		r.Problems = append(r.Problems, problems...)
		return nil
	}
	content, err := readFile(ctx, head, config.File)
	if err != nil {
		return err
	}
	var after []render.Problem
	if problem := noFile(head); problem != nil {
		after = append(after, *problem)
	} else if content != nil {
		_, after = config.Parse(config.File, content)
	}
	switch {
	case len(after) > 0:
		r.Problems = append(r.Problems, after...)
	case len(problems) > 0 && len(changed) == 1:
		r.Notices = append(r.Notices, "The configuration on the base branch is broken, and this pull request mends it. Nothing was planned.")
	case len(problems) > 0:
		r.Problems = append(r.Problems, problems...)
		r.Notices = append(r.Notices, "This pull request mends the broken configuration among other changes. Mend it in a pull request of its own: until then nothing can be planned.")
	default:
		r.Notices = append(r.Notices, "This pull request changes `"+config.File+"`. The base branch's still judges it; what changes here holds after the merge.")
	}
	return nil
}

// layouts returns the configured layouts, or the conventional ones that both
// sides' trees show.
func (j *judge) layouts(base, head render.Tree, r *report.Report) ([]render.Layout, error) {
	if r.Configuration != "" && len(j.Layout) > 0 {
		layouts := make([]render.Layout, 0, len(j.Layout))
		for _, template := range j.Layout {
			layout, err := render.ParseLayout(template)
			if err != nil {
				return nil, fmt.Errorf("parse layout %q, which the configuration accepted: %w", template, err)
			}
			layouts = append(layouts, layout)
		}
		return layouts, nil
	}
	for _, tree := range []render.Tree{base, head} { // the head's where this pull request brings the first files
		if layouts, ok := render.Recognise(tree); ok {
			names := make([]string, len(layouts))
			for i, layout := range layouts {
				names[i] = layout.String()
			}
			r.Layout = strings.Join(names, ", ")
			return layouts, nil
		}
	}
	return nil, nil
}

// order returns the environments in promotion order; empty without a configuration.
func (j *judge) order() []render.Environment {
	names := make([]render.Environment, len(j.Environments))
	for i, environment := range j.Environments {
		names[i] = environment.Name
	}
	return names
}

// environment returns an environment's settings, the defaults where it has none.
func (j *judge) environment(name render.Environment) config.Environment {
	settings, _ := j.Environments.Get(name)
	return settings
}

// policyDirectory returns where the policies are, in a tree.
func (j *judge) policyDirectory() string {
	if j.Config.Policies.Path == "" {
		return "policies"
	}
	return path.Clean(j.Config.Policies.Path)
}

func (j *judge) policyFile(name string) bool {
	return below(name, j.policyDirectory()) && policy.IsFile(name)
}

// policies compiles the policies of a tree; nil when it has none.
func (p *Planner) policies(ctx context.Context, j *judge, tree render.Tree) (*policy.Policies, []render.Problem, error) {
	files, err := readBelow(ctx, tree, j.policyDirectory(), policy.IsFile)
	if err != nil || len(files) == 0 {
		return nil, nil, err
	}
	compiled, problems, err := p.Policies.Compile(ctx, files)
	if err != nil {
		return nil, nil, fmt.Errorf("compile policies: %w", err)
	}
	return compiled, problems, ctx.Err()
}

// readsPullRequest reports whether the policies of a tree look at what the pull
// request is.
func (p *Planner) readsPullRequest(ctx context.Context, repo Repository, tree render.Tree) (bool, error) {
	var said report.Report
	settings, problems, err := p.settings(ctx, repo, tree, &said)
	if err != nil || len(problems) > 0 {
		return false, err
	}
	compiled, _, err := p.policies(ctx, &judge{Config: settings}, tree)
	return compiled.ReadsPullRequest(), err
}

// checkPolicies says what a pull request that changes policies, or the configuration
// that names their rules, would break; and lets one through that mends broken ones and
// does nothing else. Broken is what is wrong on the base branch.
func (p *Planner) checkPolicies(ctx context.Context, repo Repository, j *judge, head render.Tree, changed []string, broken []render.Problem, r *report.Report) error {
	of := func(path string) bool { return path == config.File || j.policyFile(path) }
	if !slices.ContainsFunc(changed, of) {
		r.Problems = append(r.Problems, broken...)
		return nil
	}
	then := *j
	said := report.Report{}
	settings, problems, err := p.settings(ctx, repo, head, &said)
	if err != nil {
		return err
	}
	if len(problems) == 0 { // else that has been told
		then.Config = settings
	}
	_, after, err := p.rules(ctx, &then, head, said.Configuration)
	if err != nil {
		return err
	}
	alone := !slices.ContainsFunc(changed, func(path string) bool { return !of(path) && !then.policyFile(path) })
	switch {
	case len(after) > 0:
		r.Problems = append(r.Problems, after...)
	case len(broken) > 0 && alone:
		r.Notices = append(r.Notices, "The policies on the base branch are broken, and this pull request mends them. Nothing was judged.")
		return nil
	case len(broken) > 0:
		r.Problems = append(r.Problems, broken...)
		r.Notices = append(r.Notices, "This pull request mends the broken policies among other changes. Mend them in a pull request of its own: until then nothing can be judged.")
		return nil
	}
	if slices.ContainsFunc(changed, j.policyFile) {
		r.Notices = append(r.Notices, "This pull request changes policies. The base branch's still judge it; what changes here holds after the merge.")
	}
	return nil
}

// findings asks the policies about every object of a rendered.
func (j *judge) findings(ctx context.Context, rendered *render.Rendered, locate policy.Locate) ([]policy.Finding, error) {
	if j.Policies == nil {
		return nil, nil
	}
	target := rendered.Target
	facts := policy.Facts{PullRequest: j.pull, Target: &policy.TargetFacts{Environment: string(target.Environment), Application: string(target.Application)}}
	found, err := j.Policies.Given(facts).Evaluate(ctx, rendered.Objects, locate)
	if err != nil {
		return nil, err
	}
	return j.Config.Policies.Apply(found, j.today), nil
}

// readFile returns a file's content; nil where there is none.
func readFile(ctx context.Context, tree render.Tree, name string) ([]byte, error) {
	content, err := tree.Read(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return content, nil
}

// readBelow returns the wanted files below dir, in one request where they have to
// be fetched.
func readBelow(ctx context.Context, tree render.Tree, dir string, want func(string) bool) (map[string][]byte, error) {
	var names []string
	var walk func(dir string)
	walk = func(dir string) {
		for _, entry := range tree.List(dir) {
			switch {
			case entry.Mode == render.Directory:
				walk(entry.Path)
			case entry.Mode == render.File && want(entry.Path):
				names = append(names, entry.Path)
			}
		}
	}
	walk(dir)
	if err := tree.Prefetch(ctx, names); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", dir, err)
	}
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		content, err := tree.Read(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		files[name] = content
	}
	return files, nil
}
