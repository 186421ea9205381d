package github_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
)

// unclear are the ways in which GitHub can leave open whether it did what it was asked.
var unclear = map[string]standin.Fault{
	"502 after success":           {Status: 502, AfterWrite: true, Message: "Bad Gateway"},
	"connection cut after it":     {Drop: true, AfterWrite: true},
	"502 before anything is done": {Status: 502, Message: "Bad Gateway"},
	"connection cut before it":    {Drop: true},
}

// F4: whatever was made although its answer was lost is not made again, neither by
// the same call nor by the next try of the job; what was not made is.
func TestNothingIsMadeTwice(t *testing.T) {
	for _, tc := range []struct {
		op   string
		make func(w *world) error
		made func(w *world) []string
	}{
		{create, func(w *world) error {
			return w.slipway.Comments().Publish(w.t.Context(), w.where, w.pull, body("one"))
		}, func(w *world) (made []string) {
			for _, c := range w.repo.Comments(w.pull) {
				made = append(made, c.Body)
			}
			return made
		}},
		{createRun, func(w *world) error { return w.slipway.Checks().Start(w.t.Context(), w.where, w.head, "", false) }, runsMade},
		{createRun, func(w *world) error {
			return w.slipway.Checks().Conclude(w.t.Context(), w.where, w.head, []report.Check{check("slipway", report.Success, 51)}, false)
		}, runsMade},
		{createRun, func(w *world) error {
			return w.slipway.Allowances().Allow(w.t.Context(), w.where, w.pull, w.head, "alice")
		}, runsMade},
		{createIssue, func(w *world) error {
			_, err := w.slipway.Issues().Keep(w.t.Context(), w.where, driftMarker, "Drift", driftMarker+"\none")
			return err
		}, func(w *world) (made []string) {
			for _, i := range w.repo.Issues() {
				made = append(made, i.Title)
			}
			return made
		}},
		{createDeployment, markOnce, deploymentsMade},
		{createStatus, markOnce, deploymentsMade},
		{createPull, proposeOnce, pullsMade},
		{createRef, proposeOnce, pullsMade},
	} {
		for name, fault := range unclear {
			t.Run(tc.op+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, standin.Options{})
				fault.Operation = tc.op
				w.github.Fail(fault)
				err := tc.make(w)
				if (err == nil) != fault.AfterWrite || err != nil && !errors.Is(err, github.ErrTemporary) {
					t.Errorf("the first try: %v", err)
				}
				w.must(tc.make(w)) // as a job is that failed, or comes again
				w.restart()
				w.must(tc.make(w))
				if made := tc.made(w); len(made) != 1 {
					t.Errorf("made %d times: %q", len(made), made)
				}
			})
		}
	}
}

func runsMade(w *world) (made []string) {
	for _, run := range w.repo.AllCheckRuns(string(w.head)) {
		made = append(made, fmt.Sprint(run.Name, " ", run.Status, " ", len(run.Annotations)))
	}
	return made
}

func markOnce(w *world) error {
	return w.slipway.Deployments().Mark(w.t.Context(), w.where, w.head, "staging", handlers.DeploymentSuccess, "x")
}

// deploymentsMade are deployments and their statuses.
func deploymentsMade(w *world) (made []string) {
	for _, d := range w.repo.Deployments() {
		made = append(made, strings.Join(d.States, " and ")) // one state is one word
		if len(d.States) != 1 {
			made = append(made, "another status")
		}
	}
	return made
}

func proposeOnce(w *world) error {
	_, err := w.slipway.Proposals().Propose(w.t.Context(), w.where, w.proposal("one"))
	return err
}

func pullsMade(w *world) (made []string) {
	for _, p := range w.repo.Pulls() {
		if p.Author == "slipway[bot]" {
			made = append(made, p.Title)
		}
	}
	return made
}

// A re-run whose answer is lost concludes one new run, not two.
func TestRerunIsNotMadeTwice(t *testing.T) {
	w := newWorld(t, standin.Options{})
	checks := w.slipway.Checks()
	said := []report.Check{check("slipway", report.Success, 0), check("slipway / staging", report.Success, 0)}
	w.must(checks.Conclude(t.Context(), w.where, w.head, said, false))
	w.must(checks.Start(t.Context(), w.where, w.head, "", true))
	w.github.Fail(standin.LostAnswer(createRun, 1))
	w.must(checks.Conclude(t.Context(), w.where, w.head, said, true))
	if made := runsMade(w); len(made) != 4 {
		t.Errorf("%d runs after one re-run of two: %q", len(made), made)
	}
}

// A closing comment whose answer is lost is said once, and a reaction is one.
func TestNothingIsSaidTwice(t *testing.T) {
	w := newWorld(t, standin.Options{})
	number, err := w.slipway.Issues().Keep(t.Context(), w.where, driftMarker, "Drift", driftMarker+"\none")
	w.must(err)
	w.github.Fail(standin.LostAnswer(create, 1))
	w.must(w.slipway.Issues().Close(t.Context(), w.where, driftMarker, "gone"))
	if said := w.repo.Comments(number); len(said) != 1 {
		t.Errorf("closed with %d comments", len(said))
	}
	id, err := w.repo.Comment("alice", w.pull, "/plan")
	w.must(err)
	w.github.Fail(standin.LostAnswer(react, 1))
	for range 2 {
		err = w.slipway.Reactions().React(t.Context(), w.where, id, "eyes")
	}
	w.must(err)
	if given := w.repo.Comments(w.pull)[0].Reactions; !slices.Equal(given, []string{"eyes"}) {
		t.Errorf("reactions %q, want one", given)
	}
}

// An answer that takes too long is unclear as well.
func TestTimeoutIsUnclear(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.transport.ResponseHeaderTimeout = 50 * time.Millisecond
	w.github.Fail(standin.Fault{Operation: create, Delay: 10 * time.Second})
	if err := w.slipway.Comments().Publish(t.Context(), w.where, w.pull, body("one")); !errors.Is(err, github.ErrTemporary) {
		t.Errorf("got %v, want a temporary failure", err)
	}
}
