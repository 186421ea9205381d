package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// gates are the gates by commit, and what was concluded.
type gates struct {
	at      map[render.Commit]Gate
	asked   int
	written []string
	started []string // what starts were about
	about   [][]string
}

func (g *gates) Start(_ context.Context, _ Repository, commit render.Commit, about string, _ bool) error {
	g.started = append(g.started, about)
	if g.at == nil {
		g.at = map[render.Commit]Gate{}
	}
	if g.at[commit].Started.IsZero() {
		g.at[commit] = Gate{Started: noon}
	}
	return nil
}

func (g *gates) Conclude(_ context.Context, _ Repository, commit render.Commit, checks []report.Check, _ bool) error {
	g.written, g.about = append(g.written, fmt.Sprint(commit, " ", checks[0].Conclusion, " ", checks[0].Title)), append(g.about, checks[0].About)
	g.at[commit] = Gate{Started: noon, Concluded: true}
	return nil
}

func (g *gates) Gate(_ context.Context, _ Repository, commit render.Commit) (Gate, error) {
	g.asked++
	return g.at[commit], nil
}

// inserted is a queue that only keeps.
type inserted []Job

func (q *inserted) Insert(_ context.Context, jobs ...Job) error {
	*q = append(*q, jobs...)
	return nil
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func pullAt(number int, state string, head render.Commit) Pull {
	return Pull{Number: number, State: state, Base: Ref{Branch: "main"}, Head: Ref{Commit: head}}
}

// What is in progress on a commit that nobody plans any more is concluded: a closed
// pull request's, and that of a head that a push replaced. A gate that others wait for
// is theirs.
func TestNothingStaysInProgress(t *testing.T) {
	running, over := Gate{Started: noon}, Gate{Started: noon, Concluded: true}
	shared := Gate{Started: noon, Concluded: true, Shared: true}
	for _, tc := range []struct {
		name    string
		pulls   openPulls
		at      map[render.Commit]Gate
		written []string
		jobs    []Job
	}{
		{"closed while it was planned", openPulls{}, map[render.Commit]Gate{"abc": running}, []string{"abc cancelled Closed before it was planned"}, nil},
		{"closed after it was planned", openPulls{}, map[render.Commit]Gate{"abc": over}, nil, nil},
		{"closed before anything was said", openPulls{}, nil, nil, nil},
		{"another has the head, and both were judged", openPulls{8: pullAt(8, "open", "abc")}, map[render.Commit]Gate{"abc": shared}, nil, []Job{PlanHead{Head: "abc"}}},
		{"another had the head", openPulls{}, map[render.Commit]Gate{"abc": shared}, nil, nil},
		{"another has the head", openPulls{8: pullAt(8, "open", "abc")}, map[render.Commit]Gate{"abc": running}, nil, []Job{PlanPull{Number: 8, Missing: true}}},
	} {
		checks, queue := &gates{at: tc.at}, new(inserted)
		w := &Worker{Checks: checks, Queue: queue, Pulls: tc.pulls}
		if err := w.dismiss(t.Context(), Repository{}, "abc", closed()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.written, checks.written); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.jobs, []Job(*queue)); diff != "" {
			t.Errorf("%s: jobs (-want +got):\n%s", tc.name, diff)
		}
	}
	checks := &gates{at: map[render.Commit]Gate{"old": running, "older": over, "new": running}}
	w := &Worker{Checks: checks, Pulls: openPulls{}}
	w.concluded.add(Repository{}, "known")
	if err := w.replaced(t.Context(), PlanPull{Before: []render.Commit{"older", "known", "old", "new"}}, "new"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"old failure Superseded by new"}, checks.written); diff != "" {
		t.Errorf("replaced heads (-want +got):\n%s", diff)
	}
	if checks.asked != 2 {
		t.Errorf("asked about %d heads, want the two that are not known", checks.asked)
	}
}

// A head is kept with its job before its gate is shown as in progress, once; and a pull
// request that closed concludes what a push replaced before.
func TestBegunHeadsAreKept(t *testing.T) {
	running := Gate{Started: noon}
	var kept []Job
	ctx := WithNoting(t.Context(), func(_ context.Context, job Job) error {
		kept = append(kept, job)
		return errors.New("the process ends")
	})
	checks := &gates{at: map[render.Commit]Gate{}}
	w := &Worker{Checks: checks, Pulls: openPulls{1: pullAt(1, "open", "new")}}
	if err := w.planPull(ctx, PlanPull{Number: 1, Before: []render.Commit{"old"}}); err == nil {
		t.Error("planned although the head could not be kept")
	}
	if diff := cmp.Diff([]Job{PlanPull{Number: 1, Before: []render.Commit{"old", "new"}}}, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if len(checks.at) > 0 {
		t.Errorf("shown as in progress before it was kept: %v", checks.at)
	}
	if _, err := w.begun(ctx, PlanPull{Before: []render.Commit{"new"}}, "new"); err != nil || len(kept) != 1 {
		t.Errorf("kept again: %v", err)
	}
	checks.at = map[render.Commit]Gate{"old": running, "new": running}
	w.Pulls = noHeads{openPulls{1: pullAt(1, "closed", "new")}}
	if err := w.planPull(t.Context(), PlanPull{Number: 1, Before: []render.Commit{"old"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new cancelled Closed before it was planned", "old failure Superseded by new"}, checks.written); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	checks.at, checks.written = map[render.Commit]Gate{"old": running, "new": running}, nil
	w.Pulls = noHeads{openPulls{1: pullAt(1, "open", "new")}}
	if err := w.GiveUp(t.Context(), PlanPull{Number: 1, Before: []render.Commit{"old"}}, nil); err != nil {
		t.Fatal(err)
	}
	if len(checks.written) != 2 || checks.written[1] != "old failure Superseded by new" {
		t.Errorf("a plan that was given up wrote %q, want the replaced head's end, too", checks.written)
	}
}

// What the clock began is gone on with although the gate has concluded: the comment
// comes after it.
func TestWhatTheClockBeganIsFinished(t *testing.T) {
	w := &Worker{Checks: &gates{at: map[render.Commit]Gate{"new": {Started: noon, Concluded: true}}}}
	for want, before := range map[bool][]render.Commit{false: {"old"}, true: {"old", "new"}} {
		if got, err := w.missing(t.Context(), PlanPull{Number: 1, Missing: true, Before: before}, pullAt(1, "open", "new")); err != nil || got != want {
			t.Errorf("begun %v: something to do: %v, %v", before, got, err)
		}
	}
}

// A plan that ends its process whenever it is worked is a failed check that says so.
func TestAPlanThatEndsItsProcessIsToldOf(t *testing.T) {
	for cause, want := range map[error]string{
		fmt.Errorf("%w, 5 times", ErrEndsProcess): "new failure Slipway cannot plan this",
		errors.New("no such luck"):                "new failure Slipway could not finish this plan",
	} {
		checks := &gates{at: map[render.Commit]Gate{"new": {Started: noon}}}
		w := &Worker{Checks: checks, Pulls: openPulls{1: pullAt(1, "open", "new")}}
		if err := w.GiveUp(t.Context(), PlanPull{Number: 1}, cause); err != nil || len(checks.written) != 1 || checks.written[0] != want {
			t.Errorf("%v: wrote %q, %v, want %q", cause, checks.written, err, want)
		}
	}
}

// noHeads are pull requests of which none is open.
type noHeads struct{ openPulls }

func (noHeads) PullsAt(context.Context, Repository, render.Commit) ([]int, error) { return nil, nil }

// The sweep finds each pull request on which something is missing, and no other; what
// it has seen once costs nothing again.
func TestSweepOfPulls(t *testing.T) {
	now := noon.Add(time.Hour)
	checks := &gates{at: map[render.Commit]Gate{
		"said": {Started: noon, Concluded: true}, "fresh": {Started: now.Add(-time.Minute)}, "stuck": {Started: noon},
		"ended": {Started: noon}, "done": {Started: noon, Concluded: true},
		"twins": {Started: noon, Concluded: true},
	}}
	w := &Worker{Checks: checks, Planner: &Planner{Now: func() time.Time { return now }}, Published: saidOn{9}, Pulls: openPulls{
		1: pullAt(1, "open", "new"), 2: pullAt(2, "open", "said"), 3: pullAt(3, "open", "fresh"), 4: pullAt(4, "open", "stuck"),
		5: pullAt(5, "closed", "ended"), 6: pullAt(6, "closed", "done"), 7: pullAt(7, "closed", "none"),
		8: pullAt(8, "open", "twins"), 9: pullAt(9, "open", "twins"),
	}}
	want := []Job{PlanPull{Number: 1, Missing: true}, PlanPull{Number: 4, Missing: true}, PlanPull{Number: 5, Missing: true}, PlanPull{Number: 8}}
	for i, asked := range []int{8, 4} {
		checks.asked = 0
		got, err := w.unreported(t.Context(), Repository{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sweep %d (-want +got):\n%s", i, diff)
		}
		if checks.asked != asked {
			t.Errorf("sweep %d asked about %d heads, want %d", i, checks.asked, asked)
		}
	}
}

// saidOn are pull requests that have a comment.
type saidOn []int

func (s saidOn) Published(_ context.Context, _ Repository, number int, _ string) (string, time.Time, error) {
	if slices.Contains(s, number) {
		return "said", noon, nil
	}
	return "", time.Time{}, nil
}

// The clock's plan gives way to whatever else asks for one, and interrupts none.
func TestMissingPlansAreModest(t *testing.T) {
	if !(PlanPull{Missing: true}).Follows(PlanPull{}) || (PlanPull{}).Follows(PlanPull{Missing: true}) {
		t.Error("the clock's plan must follow, a push must not")
	}
	asked := PlanPull{Again: true, Before: []render.Commit{"a"}}
	got := PlanPull{Missing: true, Before: []render.Commit{"b"}}.Absorb(asked)
	if diff := cmp.Diff(PlanPull{Again: true, Before: []render.Commit{"a", "b"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// limit is an error that says when to come back.
type limit struct{ error }

func (limit) NotBefore() time.Time { return noon.Add(time.Hour) }

// What GitHub's limits delayed says so; what failed for another reason does not.
func TestDelaysAreTold(t *testing.T) {
	var d delays
	job := PlanPull{Number: 1}
	d.note(job, fmt.Errorf("plan: %w", limit{errors.New("limited")}), noon)
	d.note(job, limit{errors.New("limited")}, noon.Add(3*time.Minute))
	if diff := cmp.Diff([]string{"GitHub's limits delayed this by 4 min."}, d.notice(job, noon.Add(4*time.Minute))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := d.notice(job, noon.Add(30*time.Second)); got != nil {
		t.Errorf("a short delay: %q", got)
	}
	d.note(job, nil, noon.Add(5*time.Minute))
	if got := d.notice(job, noon.Add(9*time.Minute)); got != nil {
		t.Errorf("after it was done: %q", got)
	}
}

// missed is what GitHub has of deliveries; asked is what it was asked for.
type missed struct {
	all   []MissedDelivery
	fails map[int64]error
	asked []int64
}

func (m *missed) Missed(context.Context) ([]MissedDelivery, error) { return m.all, nil }

func (m *missed) Redeliver(_ context.Context, id int64) error {
	m.asked = append(m.asked, id)
	return m.fails[id]
}

// Each delivery is asked for again, later and later, and not for ever; trouble with one
// is not another's, but a limit ends the repair, to be gone on with.
func TestRepair(t *testing.T) {
	d := func(id int64, attempts int, ago time.Duration) MissedDelivery {
		return MissedDelivery{ID: id, Attempts: attempts, Last: noon.Add(-ago)}
	}
	for _, tc := range []struct {
		name  string
		all   []MissedDelivery
		fails map[int64]error
		asked []int64
		err   bool
	}{
		{"the first at once", []MissedDelivery{d(1, 1, 0)}, nil, []int64{1}, false},
		{"the second after a minute", []MissedDelivery{d(1, 2, 59*time.Second), d(2, 2, time.Minute)}, nil, []int64{2}, false},
		{"not for ever", []MissedDelivery{d(1, 7, 48*time.Hour)}, nil, nil, false},
		{"one is gone", []MissedDelivery{d(2, 1, 0), d(1, 1, 0)}, map[int64]error{2: ErrGone}, []int64{2, 1}, false},
		{"a limit", []MissedDelivery{d(2, 1, 0), d(1, 1, 0)}, map[int64]error{2: limit{errors.New("limited")}}, []int64{2}, true},
	} {
		m := &missed{all: tc.all, fails: tc.fails}
		w := &Worker{Deliveries: m, Planner: &Planner{Now: func() time.Time { return noon }}, Log: slog.New(slog.DiscardHandler)}
		if err := w.repair(t.Context()); (err != nil) != tc.err {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !slices.Equal(m.asked, tc.asked) {
			t.Errorf("%s: asked for %v, want %v", tc.name, m.asked, tc.asked)
		}
	}
}
