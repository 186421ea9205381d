package github_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers/report"
)

// B13: the word for an outsider's commit is kept on that commit for that pull
// request, is there for another process, is left alone by the report's own checks,
// and is no other run: neither one that takes its name nor another App's.
func TestAllowances(t *testing.T) {
	w := newWorld(t, standin.Options{})
	allowed := func(app *github.App, number int) string {
		t.Helper()
		by, err := app.Allowances().Allowed(t.Context(), w.where, number, w.head)
		w.must(err)
		return by
	}
	// An environment may be called as the run is: that is a report's check, no word.
	w.conclude(false, check("slipway", report.Success, 0), check(report.AllowedCheckName(1), report.Neutral, 0))
	if by := allowed(w.slipway, 1); by != "" {
		t.Errorf("a report's check counts as the word of %q", by)
	}
	other, install, err := w.github.InstallApp(owner, standin.Manifest{Name: "Other", Permissions: readManifest(t).Permissions, Events: readManifest(t).Events})
	w.must(err)
	stranger, err := github.New(github.Settings{AppID: other.ID, PrivateKey: other.Key, API: w.github.APIURL(), Transport: w.transport, Pace: unpaced})
	w.must(err)
	theirs := w.where
	theirs.Installation = install.ID
	w.must(stranger.Allowances().Allow(t.Context(), theirs, 2, w.head, "mallory"))
	if by := allowed(w.slipway, 2); by != "" {
		t.Errorf("another App's run counts as the word of %q", by)
	}

	w.operations()
	w.must(w.slipway.Allowances().Allow(t.Context(), w.where, 3, w.head, "alice"))
	w.expect(listRuns, createRun)
	w.must(w.slipway.Allowances().Allow(t.Context(), w.where, 3, w.head, "bob"))
	w.expect(listRuns)
	w.conclude(false, check("slipway", report.Success, 0))
	if by := allowed(w.slipway, 3); by != "alice" {
		t.Errorf("allowed by %q, want alice, who was first", by)
	}
	if by := allowed(w.slipway, 4); by != "" {
		t.Errorf("the word for #3 counts for #4: %q", by)
	}
	if err := w.slipway.Allowances().Allow(t.Context(), w.where, 5, w.head, "alice by bob"); err == nil {
		t.Error("what is no person's name was kept as one")
	}
}

// What cannot be looked up is nobody's word.
func TestAllowancesFailClosed(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.must(w.slipway.Allowances().Allow(t.Context(), w.where, 1, w.head, "alice"))
	w.github.Fail(standin.ServerError("checks/list-for-ref", 502, 9))
	if by, err := w.slipway.Allowances().Allowed(t.Context(), w.where, 1, w.head); err == nil || by != "" {
		t.Errorf("allowed by %q, %v; want an error and nobody", by, err)
	}
}

// B3: an approval counts of the very head, while it stands, and of a person.
func TestApprovers(t *testing.T) {
	w := newWorld(t, standin.Options{})
	for _, login := range []string{"bob", "carol", "dave", "erin"} {
		w.github.AddUser(login)
		w.repo.SetRole(login, standin.Write)
		w.must(w.repo.Review(login, w.pull, "APPROVE", ""))
	}
	_, err := w.github.AddApp(owner, standin.Manifest{Name: "helper", Secret: "of helper", Permissions: map[string]string{"pull_requests": "write"}})
	w.must(err)
	w.repo.SetRole("helper[bot]", standin.Write)
	w.must(w.repo.Review("helper[bot]", w.pull, "APPROVE", "")) // a robot is nobody
	w.must(w.repo.Review("carol", w.pull, "COMMENT", "one more thing"))
	w.must(w.repo.Review("dave", w.pull, "REQUEST_CHANGES", "not so"))
	approvers := func() []string {
		t.Helper()
		all, err := w.slipway.Reviews().Approvers(t.Context(), w.where, w.pull, w.head)
		w.must(err)
		return all
	}
	if diff := cmp.Diff([]string{"bob", "carol", "erin"}, approvers()); diff != "" {
		t.Errorf("approvers (-want +got):\n%s", diff)
	}
	for range 100 { // the last word may stand on another page
		w.must(w.repo.Review("bob", w.pull, "COMMENT", "hm"))
	}
	w.must(w.repo.Review("erin", w.pull, "REQUEST_CHANGES", "oh"))
	if diff := cmp.Diff([]string{"bob", "carol"}, approvers()); diff != "" {
		t.Errorf("approvers over two pages (-want +got):\n%s", diff)
	}
	w.head = w.push("elsewhere", "another head")
	if got := approvers(); len(got) > 0 {
		t.Errorf("%v approved another head", got)
	}
}
