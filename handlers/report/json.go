package report

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A document is a report as JSON. Its field names are kept: what is new is added,
// nothing is renamed.
type document struct {
	Repository    string           `json:"repository,omitempty"`
	Pull          int              `json:"pull,omitempty"`
	Base          render.Commit    `json:"base"`
	Head          render.Commit    `json:"head"`
	Conclusion    Conclusion       `json:"conclusion"`
	Verdict       string           `json:"verdict"` // the one line that the comment starts with
	Configuration string           `json:"configuration,omitempty"`
	Layout        string           `json:"layout,omitempty"`
	Targets       int              `json:"targets"`  // of the repository
	Affected      []affected       `json:"affected"` // in the order of the comment
	Problems      []render.Problem `json:"problems"`
	Notices       []string         `json:"notices"`
	Conflicts     []string         `json:"conflicts"`
	Unclaimed     []string         `json:"unclaimed"`
}

// affected is what the document says of one target.
type affected struct {
	Name        string                 `json:"name"` // production/web-app
	Environment render.Environment     `json:"environment"`
	Application render.Application     `json:"application,omitempty"`
	Path        string                 `json:"path"`
	New         bool                   `json:"new,omitempty"`
	Retired     bool                   `json:"retired,omitempty"`
	Conclusion  Conclusion             `json:"conclusion"`
	Problem     *render.Problem        `json:"problem,omitempty"` // why it could not be rendered; no plan then
	Live        preview.Live           `json:"live,omitempty"`
	LiveProblem *render.Problem        `json:"liveProblem,omitempty"` // why live is not compared
	Cluster     string                 `json:"cluster,omitempty"`
	Version     string                 `json:"version,omitempty"`
	Digest      string                 `json:"digest,omitempty"` // of the plan
	Counts      map[preview.Action]int `json:"counts"`
	Drifted     int                    `json:"drifted"`
	Objects     int                    `json:"objects"` // that the head renders
	Tested      int                    `json:"tested"`  // that policies were asked about
	Changes     []preview.Change       `json:"changes"` // without those that are none and of which nothing is to be said
	Findings    []policy.Finding       `json:"findings"`
	Warnings    []string               `json:"warnings"`
}

// JSON returns a report as indented JSON with a line end. Lists are never null. An
// error means that a plan holds a value that is none of JSON's, which is ours.
func JSON(r Report) ([]byte, error) {
	d := document{
		Repository: r.Repository, Pull: r.Pull, Base: r.Base, Head: r.Head,
		Conclusion: r.Conclusion(), Verdict: Verdict(r),
		Configuration: r.Configuration, Layout: r.Layout, Targets: r.Targets,
		Affected: []affected{}, Problems: listed(r.Problems), Notices: listed(r.Notices),
		Conflicts: listed(r.Conflicts), Unclaimed: listed(r.Unclaimed),
	}
	for _, p := range r.Parts {
		d.Affected = append(d.Affected, affectedOf(p))
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("encode report of %s: %w", r.Head.Short(), err)
	}
	return b.Bytes(), nil
}

func affectedOf(p Part) affected {
	a := affected{
		Name: p.Target.String(), Environment: p.Target.Environment, Application: p.Target.Application, Path: p.Target.Path,
		New: p.New, Retired: p.Retired, Conclusion: p.conclusion(), Problem: p.Problem,
		Counts: map[preview.Action]int{}, Objects: p.Objects, Tested: p.Tested,
		Changes: []preview.Change{}, Findings: listed(p.Findings), Warnings: listed(p.Warnings),
	}
	if p.Plan == nil {
		return a
	}
	a.Live, a.LiveProblem, a.Cluster, a.Version, a.Digest = p.Plan.Live, p.Plan.Problem, p.Plan.Cluster, p.Plan.Version, p.Plan.Digest
	a.Counts, a.Drifted = p.Plan.Counts(), p.Plan.Drifted()
	for _, c := range p.Plan.Changes {
		if noteworthy(p, c) {
			a.Changes = append(a.Changes, c)
		}
	}
	return a
}

// listed returns list, empty rather than nil.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
