package github_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

const (
	listRuns  = "checks/list-for-ref"
	createRun = "checks/create"
	updateRun = "checks/update"
)

func check(name string, conclusion report.Conclusion, annotations int) report.Check {
	c := report.Check{Name: name, Conclusion: conclusion, Title: name + " title", Summary: "summary", Text: "text"}
	for i := range annotations {
		c.Annotations = append(c.Annotations, report.Annotation{Path: "a.yaml", Line: i + 1, Level: "warning", Title: "t", Message: fmt.Sprint("note ", i)})
	}
	return c
}

// runs prints the newest run of each name: name status conclusion, title, annotations.
func (w *world) runs() []string {
	var all []string
	for _, run := range w.repo.CheckRuns(string(w.head)) {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %q %d", run.Name, run.Status, run.Conclusion, run.Title, len(run.Annotations))))
	}
	return all
}

func (w *world) runsAre(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.runs()); diff != "" {
		w.t.Errorf("check runs (-want +got):\n%s", diff)
	}
}

func (w *world) conclude(again bool, checks ...report.Check) {
	w.t.Helper()
	w.must(w.slipway.Checks().Conclude(w.t.Context(), w.where, w.head, checks, again))
}

// The life of a commit's checks: the gate starts, all conclude, the same again
// costs one read, one that changes costs one write, one that is no longer given
// ends as neutral, once.
func TestConclude(t *testing.T) {
	w := newWorld(t, standin.Options{})
	gate, staging := check("slipway", report.Success, 0), check("slipway / staging", report.Success, 0)
	production := check("slipway / production", report.Failure, 3)

	w.must(w.slipway.Checks().Start(t.Context(), w.where, w.head, "", false))
	w.runsAre(`slipway in_progress  "" 0`)
	w.expect(listRuns, createRun)
	w.must(w.slipway.Checks().Start(t.Context(), w.where, w.head, "", false))
	w.expect(listRuns)

	w.conclude(false, gate, staging, production)
	w.runsAre(`slipway completed success "slipway title" 0`,
		`slipway / production completed failure "slipway / production title" 3`,
		`slipway / staging completed success "slipway / staging title" 0`)
	w.expect(listRuns, updateRun, createRun, createRun)

	w.conclude(false, gate, staging, production)
	w.expect(listRuns)
	w.must(w.slipway.Checks().Start(t.Context(), w.where, w.head, "", false))
	w.expect(listRuns) // it has concluded: no write
	w.must(w.slipway.Checks().Start(t.Context(), w.where, w.head, "", true))
	w.expect(listRuns, createRun) // what it concluded holds no more
	w.must(w.slipway.Checks().Start(t.Context(), w.where, w.head, "", true))
	w.expect(listRuns)
	w.conclude(true, gate)
	w.expect(listRuns, updateRun, createRun, updateRun) // the others are no longer part of it
	w.conclude(false, gate, staging, production)
	w.expect(listRuns, updateRun, updateRun)

	gate.Conclusion = report.ActionRequired
	w.conclude(false, gate, staging, production)
	w.expect(listRuns, updateRun)

	w.conclude(false, gate, staging)
	w.runsAre(`slipway completed action_required "slipway title" 0`,
		`slipway / production completed neutral "Superseded" 0`,
		`slipway / staging completed success "slipway / staging title" 0`)
	w.expect(listRuns, createRun) // a new run: annotations cannot be taken back
	w.conclude(false, gate, staging)
	w.expect(listRuns)
}

// What the gate concluded of one pull request is nothing said of another with the same
// head, nor of the same one into another branch: it is in progress until that is known.
// What is the same conclusion is kept, and costs no write.
func TestAConclusionIsOfWhatItIsAbout(t *testing.T) {
	w := newWorld(t, standin.Options{})
	start := func(about string, want ...string) {
		t.Helper()
		w.must(w.slipway.Checks().Start(t.Context(), w.where, w.head, about, false))
		w.expect(want...)
	}
	shared := func(want bool) {
		t.Helper()
		now, err := w.slipway.Checks().Gate(t.Context(), w.where, w.head)
		w.must(err)
		if now.Shared != want {
			t.Errorf("the gate is of several: %v", now.Shared)
		}
		w.expect(listRuns)
	}
	gate := check("slipway", report.Success, 0)
	gate.About = []string{"#7 into loose"}
	w.conclude(false, gate)
	w.expect(listRuns, createRun)
	start("#7 into loose", listRuns)
	start("", listRuns)
	shared(false)
	start("#7 into main", listRuns, createRun)
	w.runsAre(`slipway in_progress  "" 0`)
	start("#7 into main", listRuns) // once

	gate.About = []string{"#7 into main", "#8 into main"}
	w.conclude(false, gate)
	w.expect(listRuns, updateRun)
	w.conclude(false, gate)
	w.expect(listRuns)
	shared(true)
	start("#7 into main", listRuns)
	start("#8 into main", listRuns)
	start("#9 into main", listRuns, createRun)

	gate.About = nil // closed, or gone: of nobody's any more
	w.conclude(false, gate)
	w.expect(listRuns, updateRun)
	start("#7 into main", listRuns, createRun)

	for n := range 30 { // however many there are, the id stays short
		gate.About = append(gate.About, fmt.Sprintf("#%d into %s", n, strings.Repeat("a-long-name/", 20)))
	}
	w.conclude(false, gate)
	if id := w.repo.CheckRuns(string(w.head))[0].ExternalID; len(id) > 200 {
		t.Errorf("the external id has %d characters: %s", len(id), id)
	}
}

// A text that is no more is emptied, not left standing.
func TestConcludeEmptiesText(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.conclude(false, check("slipway", report.Success, 0))
	shorter := check("slipway", report.Success, 0)
	shorter.Text = ""
	w.conclude(false, shorter)
	if got := w.repo.CheckRuns(string(w.head))[0].Text; got != "" {
		t.Errorf("text %q, want none", got)
	}
}

// Asked to run again, a run concludes anew although it says the same: GitHub
// leaves the old run as it was.
func TestConcludeAgain(t *testing.T) {
	w := newWorld(t, standin.Options{})
	gate := check("slipway", report.Success, 2)
	w.conclude(false, gate)
	w.must(w.repo.RerequestCheck("alice", string(w.head), "slipway"))
	w.operations()
	w.conclude(true, gate)
	w.expect(listRuns, createRun)
	if got := w.repo.AllCheckRuns(string(w.head)); len(got) != 2 || got[1].Conclusion != "success" || len(got[1].Annotations) != 2 {
		t.Errorf("runs %+v, want a second one that concluded", got)
	}
}

// E6: annotations go fifty at a time, and only the last request concludes.
func TestConcludeManyAnnotations(t *testing.T) {
	w := newWorld(t, standin.Options{})
	for _, tc := range []struct {
		annotations int
		calls       []string
	}{
		{50, []string{listRuns, createRun}},
		{51, []string{listRuns, createRun, updateRun}},
		{120, []string{listRuns, createRun, updateRun, updateRun}},
	} {
		w.another()
		gate := check("slipway", report.Failure, tc.annotations)
		w.conclude(false, gate)
		w.runsAre(fmt.Sprintf(`slipway completed failure "slipway title" %d`, tc.annotations))
		w.expect(tc.calls...)
		w.conclude(false, gate)
		w.expect(listRuns)
	}
}

// Interrupted between two requests, the rest is appended and nothing repeated;
// when the report has changed meanwhile, the run is ended and a new one takes
// its place. No run is left in progress.
func TestConcludeAfterAnInterruption(t *testing.T) {
	w := newWorld(t, standin.Options{})
	gate := check("slipway", report.Failure, 120)
	interrupt := func(c report.Check) {
		t.Helper()
		w.github.Fail(standin.ServerError(updateRun, 502, 1))
		err := w.slipway.Checks().Conclude(t.Context(), w.where, w.head, []report.Check{c}, false)
		if !errors.Is(err, github.ErrTemporary) {
			t.Fatalf("got %v, want ErrTemporary", err)
		}
	}
	interrupt(gate)
	w.conclude(false, gate)
	w.runsAre(`slipway completed failure "slipway title" 120`)
	if got := len(w.repo.AllCheckRuns(string(w.head))); got != 1 {
		t.Errorf("%d runs, want one", got)
	}

	w.head = w.push("feature", "a: 3\n")
	interrupt(gate)
	w.conclude(false, check("slipway", report.Success, 0))
	w.runsAre(`slipway completed success "slipway title" 0`)
	for _, run := range w.repo.AllCheckRuns(string(w.head)) {
		if run.Status != "completed" {
			t.Errorf("run %d is left %s", run.ID, run.Status)
		}
	}
}

// F4: a 502 after a write that succeeded costs no second run.
func TestConcludeAfterALostAnswer(t *testing.T) {
	w := newWorld(t, standin.Options{})
	gate := check("slipway", report.Success, 1)
	w.github.Fail(standin.LostAnswer(createRun, 1))
	if err := w.slipway.Checks().Conclude(t.Context(), w.where, w.head, []report.Check{gate}, false); err != nil {
		t.Fatalf("got %v, want it to be found", err)
	}
	w.operations()
	w.conclude(false, gate)
	w.expect(listRuns)
	if got := len(w.repo.AllCheckRuns(string(w.head))); got != 1 {
		t.Errorf("%d runs, want one", got)
	}
}

// B15: a run of the same name by another App is not ours, and ours is found
// among more than a page of them.
func TestConcludeKnowsItsOwnRuns(t *testing.T) {
	w := newWorld(t, standin.Options{SkipContract: true})
	other, install, err := w.github.InstallApp(owner, standin.Manifest{Name: "Other", Permissions: readManifest(t).Permissions, Events: readManifest(t).Events})
	w.must(err)
	stranger, err := github.New(github.Settings{AppID: other.ID, PrivateKey: other.Key, API: w.github.APIURL(), Transport: w.transport, Pace: unpaced})
	w.must(err)
	theirs := w.where
	theirs.Installation = install.ID
	w.must(stranger.Checks().Conclude(t.Context(), theirs, w.head, []report.Check{check("slipway", report.Success, 0)}, false))

	var many []report.Check
	for i := range 130 {
		many = append(many, check(fmt.Sprintf("slipway / %03d", i), report.Success, 0))
	}
	w.operations()
	w.conclude(false, append(many, check("slipway", report.Failure, 0))...)
	if got := len(w.repo.AllCheckRuns(string(w.head))); got != 132 {
		t.Errorf("%d runs, want 130 and two gates", got)
	}
	w.operations()
	w.conclude(false, append(many, check("slipway", report.Failure, 0))...)
	w.expect(listRuns, listRuns)
}

func TestConcludeLinks(t *testing.T) {
	w := newWorld(t, standin.Options{})
	checks := w.slipway.Checks()
	checks.DetailsURL = func(repo handlers.Repository, commit render.Commit, name string) string {
		return "https://slipway.example.com/" + repo.String() + "/" + commit.Short()
	}
	w.must(checks.Conclude(t.Context(), w.where, w.head, []report.Check{check("slipway", report.Success, 0)}, false))
	if got, want := w.repo.CheckRuns(string(w.head))[0].DetailsURL, "https://slipway.example.com/octo/shop/"+w.head.Short(); got != want {
		t.Errorf("details at %q, want %q", got, want)
	}
}

// A commit that is nowhere is refused by GitHub, and said to be so.
func TestConcludeOnNoCommit(t *testing.T) {
	w := newWorld(t, standin.Options{})
	err := w.slipway.Checks().Start(t.Context(), w.where, render.Commit(strings.Repeat("0", 40)), "", false)
	if !errors.Is(err, github.ErrRejected) {
		t.Errorf("got %v, want ErrRejected", err)
	}
}
