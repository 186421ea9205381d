package github

import (
	"context"
	"errors"
	"slices"
	"strings"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// Checks keeps the App's check runs. It implements [handlers.Checks].
type Checks struct {
	app *App
	// DetailsURL returns the page that a run links to; GitHub links to the App's
	// own page where it is nil or returns "".
	DetailsURL func(repo handlers.Repository, commit render.Commit, name string) string
}

// Checks returns the keeper of check runs.
func (a *App) Checks() *Checks { return &Checks{app: a} }

// Start implements [handlers.Checks]. It spends a write only where the commit has
// no run of that name, or one that concluded about something else, or anything while
// again is set: then a new run takes the place of the one that concluded.
func (c *Checks) Start(ctx context.Context, repo handlers.Repository, commit render.Commit, about string, again bool) error {
	name := report.GateName
	runs, err := c.list(ctx, repo, commit, name)
	if known := runs[name]; err != nil || known != nil && (!known.done || !again && known.about(about)) {
		return err
	}
	status := "in_progress"
	options := gogithub.CreateCheckRunOptions{Name: name, HeadSHA: string(commit), Status: &status}
	if url := c.details(repo, commit, name); url != "" {
		options.DetailsURL = &url
	}
	_, err = c.open(ctx, repo, options, runs[name].newest())
	return err
}

// Gate implements [handlers.Checks].
func (c *Checks) Gate(ctx context.Context, repo handlers.Repository, commit render.Commit) (handlers.Gate, error) {
	runs, err := c.list(ctx, repo, commit, report.GateName)
	if err != nil || runs[report.GateName] == nil {
		return handlers.Gate{}, err
	}
	gate := runs[report.GateName]
	return handlers.Gate{Started: gate.started, Concluded: gate.done, Shared: gate.done && strings.Count(gate.key, aboutSign) > 1}, nil
}

// open creates a run and returns its id. When GitHub fails, it may have done it all the
// same: then it is the run of that name that is newer than after.
func (c *Checks) open(ctx context.Context, repo handlers.Repository, options gogithub.CreateCheckRunOptions, after int64) (id int64, err error) {
	err = c.app.call(ctx, checksCreate, repo, func(ctx context.Context, client *gogithub.Client) error {
		created, _, err := client.Checks.CreateCheckRun(ctx, repo.Owner, repo.Name, options)
		id = created.GetID()
		return err
	})
	if !errors.Is(err, ErrTemporary) {
		return id, err
	}
	runs, lookErr := c.list(ctx, repo, render.Commit(options.HeadSHA), options.Name)
	if newest := runs[options.Name].newest(); lookErr == nil && newest > after {
		return newest, nil
	}
	return 0, err
}

// Conclude implements [handlers.Checks]. Runs are written in the order given,
// one after the other, then those that are no longer given.
func (c *Checks) Conclude(ctx context.Context, repo handlers.Repository, commit render.Commit, checks []report.Check, again bool) error {
	runs, err := c.list(ctx, repo, commit, "")
	if err != nil {
		return err
	}
	given := map[string]bool{}
	for _, check := range checks {
		given[check.Name] = true
		want := contentOf(check, c.details(repo, commit, check.Name))
		if err := c.write(ctx, repo, commit, want, stepFor(runs[check.Name], want, again), runs[check.Name].newest()); err != nil {
			return err
		}
	}
	for _, name := range missing(runs, given) {
		want := contentOf(superseded(name), c.details(repo, commit, name))
		if err := c.write(ctx, repo, commit, want, stepFor(runs[name], want, false), runs[name].newest()); err != nil {
			return err
		}
	}
	return nil
}

func missing(runs map[string]*run, given map[string]bool) []string {
	var names []string
	for name, existing := range runs {
		if !given[name] && !isAllowance(existing) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *Checks) details(repo handlers.Repository, commit render.Commit, name string) string {
	if c.DetailsURL == nil {
		return ""
	}
	return c.DetailsURL(repo, commit, name)
}

// list returns the newest run of each name that this App has on a commit; of one
// name only where name is not empty.
func (c *Checks) list(ctx context.Context, repo handlers.Repository, commit render.Commit, name string) (map[string]*run, error) {
	filter := "latest"
	options := &gogithub.ListCheckRunsOptions{
		Filter: &filter, AppID: &c.app.id, ListOptions: gogithub.ListOptions{PerPage: 100},
	}
	if name != "" {
		options.CheckName = &name
	}
	runs := map[string]*run{}
	err := c.app.call(ctx, checksListForRef, repo, func(ctx context.Context, client *gogithub.Client) error {
		for {
			page, response, err := client.Checks.ListCheckRunsForRef(ctx, repo.Owner, repo.Name, string(commit), options)
			if err != nil {
				return err
			}
			for _, r := range page.CheckRuns {
				if r.GetApp().GetID() != c.app.id { // a run of another App that took our name
					continue
				}
				if known := runs[r.GetName()]; known == nil || known.id < r.GetID() {
					found := runOf(r)
					runs[r.GetName()] = &found
				}
			}
			if response.NextPage == 0 {
				return nil
			}
			options.Page = response.NextPage
		}
	})
	return runs, err
}

// write takes a step: as few requests as the annotations allow, of which only
// the last one concludes the run and gives it its key. A run that it creates is newer
// than after.
func (c *Checks) write(ctx context.Context, repo handlers.Repository, commit render.Commit, want content, s step, after int64) error {
	if s.none {
		return nil
	}
	if s.abandon != 0 {
		old := contentOf(superseded(want.Name), want.DetailsURL)
		if err := c.update(ctx, repo, s.abandon, old, nil, true); err != nil {
			return err
		}
	}
	rest := want.Annotations[s.skip:]
	id := s.update
	for first := true; first || len(rest) > 0; first = false {
		chunk := rest[:min(len(rest), annotationsAtOnce)]
		rest = rest[len(chunk):]
		var err error
		if id == 0 {
			id, err = c.create(ctx, repo, commit, want, chunk, len(rest) == 0, after)
		} else {
			err = c.update(ctx, repo, id, want, chunk, len(rest) == 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Checks) create(ctx context.Context, repo handlers.Repository, commit render.Commit, want content, chunk []*gogithub.CheckRunAnnotation, last bool, after int64) (int64, error) {
	state := want.state(last)
	options := gogithub.CreateCheckRunOptions{
		Name: want.Name, HeadSHA: string(commit), DetailsURL: state.details,
		ExternalID: &state.key, Status: &state.status, Conclusion: state.conclusion, Output: want.output(chunk, false),
	}
	return c.open(ctx, repo, options, after)
}

func (c *Checks) update(ctx context.Context, repo handlers.Repository, id int64, want content, chunk []*gogithub.CheckRunAnnotation, last bool) error {
	state := want.state(last)
	options := gogithub.UpdateCheckRunOptions{
		Name: want.Name, DetailsURL: state.details,
		ExternalID: &state.key, Status: &state.status, Conclusion: state.conclusion, Output: want.output(chunk, true),
	}
	return c.app.call(ctx, checksUpdate, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Checks.UpdateCheckRun(ctx, repo.Owner, repo.Name, id, options)
		return err
	})
}

// A state is what a request says beside the output.
type state struct {
	status, key         string
	conclusion, details *string
}

func (c content) state(last bool) state {
	s := state{status: "in_progress", key: c.key() + partial}
	if last {
		s = state{status: "completed", key: c.key(), conclusion: &c.Conclusion}
	}
	if c.DetailsURL != "" {
		s.details = &c.DetailsURL
	}
	return s
}

// output is the output to send; an update also empties a text that is no more.
func (c content) output(chunk []*gogithub.CheckRunAnnotation, update bool) *gogithub.CheckRunOutput {
	output := &gogithub.CheckRunOutput{Title: &c.Title, Summary: &c.Summary, Annotations: chunk}
	if c.Text != "" || update {
		output.Text = &c.Text
	}
	return output
}
