package github_test

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

const (
	listDeployments  = "repos/list-deployments"
	createDeployment = "repos/create-deployment"
	listStatuses     = "repos/list-deployment-statuses"
	createStatus     = "repos/create-deployment-status"
	pullsOfCommit    = "repos/list-pull-requests-associated-with-commit"
)

// states are those of the only deployment.
func (w *world) states() string {
	w.t.Helper()
	all := w.repo.Deployments()
	if len(all) != 1 {
		w.t.Fatalf("%d deployments, want one", len(all))
	}
	return strings.Join(all[0].States, " ")
}

// A deployment over its life, with no call too many, before and after a restart.
func TestMark(t *testing.T) {
	w := newWorld(t, standin.Options{})
	deployments := w.slipway.Deployments()
	mark := func(state handlers.DeploymentState, description string) {
		t.Helper()
		w.must(deployments.Mark(t.Context(), w.where, w.head, "staging", state, description))
	}
	mark(handlers.DeploymentInProgress, "0 of 3")
	w.expect(listDeployments, createDeployment, createStatus)
	mark(handlers.DeploymentInProgress, "0 of 3")
	w.expect(listStatuses)
	mark(handlers.DeploymentInProgress, "2 of 3")
	w.expect(listStatuses, createStatus)
	w.restart()
	deployments = w.slipway.Deployments()
	mark(handlers.DeploymentSuccess, strings.Repeat("ä", 200))
	all, _ := w.operations()
	if got := strings.Join(slices.DeleteFunc(all, func(op string) bool { return strings.HasPrefix(op, "apps/") }), " "); got != listDeployments+" "+listStatuses+" "+createStatus {
		t.Errorf("after a restart: %s", got)
	}
	mark(handlers.DeploymentSuccess, strings.Repeat("ä", 200)) // what was cut is the same
	w.expect(listStatuses)

	got := w.repo.Deployments()[0]
	want := standin.Deployment{
		ID: got.ID, Ref: string(w.head), SHA: string(w.head), Task: "deploy", Creator: "slipway[bot]", Environment: "staging",
		Payload: map[string]any{"slipway": "staging"}, States: []string{"in_progress", "in_progress", "success"},
		LastDescription: strings.Repeat("ä", 140),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// GitHub's own ideas of a deployment, to merge into it and to wait for checks, are off.
func TestMarkAsksForNothingElse(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.must(w.slipway.Checks().Start(t.Context(), w.where, w.head, "", false)) // a check that is not green
	w.must(w.slipway.Deployments().Mark(t.Context(), w.where, w.head, "production", handlers.DeploymentQueued, ""))
	for _, call := range w.github.Calls() {
		if call.Operation != createDeployment {
			continue
		}
		for _, part := range []string{`"auto_merge":false`, `"required_contexts":[]`} {
			if !strings.Contains(call.RequestBody, part) {
				t.Errorf("%s does not say %s", call.RequestBody, part)
			}
		}
		for _, part := range []string{"production_environment", "transient_environment"} {
			if strings.Contains(call.RequestBody, part) {
				t.Errorf("%s says %s", call.RequestBody, part)
			}
		}
	}
	if got := w.states(); got != "queued" {
		t.Errorf("states %s, want queued", got)
	}
}

// F4: an answer that is lost is looked for; one deployment comes of it, and one status.
func TestMarkAfterAFailure(t *testing.T) {
	for _, op := range []string{createDeployment, createStatus} {
		w := newWorld(t, standin.Options{})
		deployments := w.slipway.Deployments()
		mark := func() error {
			return deployments.Mark(t.Context(), w.where, w.head, "staging", handlers.DeploymentSuccess, "done")
		}
		w.github.Fail(standin.LostAnswer(op, 1))
		w.must(mark())
		w.must(mark())
		if got := w.states(); got != "success" {
			t.Errorf("%s lost: states %s, want one success", op, got)
		}
	}
}

// The same commit in another environment, and another commit, are other deployments;
// one that somebody else created is not ours; and ours is found behind a hundred.
func TestMarkFindsItsOwn(t *testing.T) {
	w := newWorld(t, standin.Options{SkipContract: true})
	mark := func(environment string) {
		t.Helper()
		w.must(w.slipway.Deployments().Mark(t.Context(), w.where, w.head, render.Environment("env/"+environment), handlers.DeploymentSuccess, "x"))
	}
	mark("a b&c")
	other, install, err := w.github.InstallApp(owner, standin.Manifest{Name: "Other", Permissions: readManifest(t).Permissions})
	w.must(err)
	stranger, err := github.New(github.Settings{AppID: other.ID, PrivateKey: other.Key, API: w.github.APIURL(), Transport: w.transport, Pace: unpaced})
	w.must(err)
	theirs := w.where
	theirs.Installation = install.ID
	token, err := stranger.Token(t.Context(), install.ID)
	w.must(err)
	for range 105 {
		content := fmt.Sprintf(`{"ref":%q,"environment":"env/a b&c","auto_merge":false,"required_contexts":[]}`, w.head)
		w.must(send(w, token, "repos/octo/shop/deployments", content))
	}
	w.restart()
	w.operations()
	mark("a b&c")
	w.expect(listDeployments, listDeployments, listStatuses)
	mark("other")
	var ours int
	for _, d := range w.repo.Deployments() {
		if d.Creator == "slipway[bot]" {
			ours++
		}
	}
	if ours != 2 {
		t.Errorf("%d deployments of ours, want one per environment", ours)
	}
}

func TestMarkSaysWhatFails(t *testing.T) {
	w := newWorld(t, standin.Options{})
	mark := func(environment string) error {
		return w.slipway.Deployments().Mark(t.Context(), w.where, w.head, render.Environment(environment), handlers.DeploymentSuccess, "x")
	}
	for op, tc := range map[string]struct {
		status int
		want   error
	}{listDeployments: {404, handlers.ErrGone}, createDeployment: {409, github.ErrRejected}, createStatus: {403, handlers.ErrForbidden}} {
		w.github.Fail(standin.Fault{Operation: op, Status: tc.status, Message: "no"})
		if err := mark(path.Base(op)); !errors.Is(err, tc.want) {
			t.Errorf("%s answered %d: %v, want %v", op, tc.status, err, tc.want)
		}
		w.github.Heal()
	}
}

// A deployment that somebody deleted is made again.
func TestMarkAfterADeletion(t *testing.T) {
	w := newWorld(t, standin.Options{})
	deployments := w.slipway.Deployments()
	w.must(deployments.Mark(t.Context(), w.where, w.head, "staging", handlers.DeploymentQueued, "x"))
	w.operations()
	w.github.Fail(standin.Fault{Operation: listStatuses, Status: 404, Message: "Not Found"})
	w.must(deployments.Mark(t.Context(), w.where, w.head, "staging", handlers.DeploymentSuccess, "x"))
	w.expect(listStatuses, listDeployments, listStatuses, createStatus)
}

// What brought a commit: its merged pull request, by the merge commit or by any
// commit of the branch; an open one did not bring anything.
func TestMergedBy(t *testing.T) {
	w := newWorld(t, standin.Options{})
	history := w.slipway.History()
	by := func(sha string) []int {
		t.Helper()
		numbers, err := history.MergedBy(t.Context(), w.where, render.Commit(sha))
		w.must(err)
		return numbers
	}
	if got := by(string(w.head)); got != nil {
		t.Errorf("still open: %v", got)
	}
	for _, method := range []string{"merge", "squash"} {
		w.another()
		sha, err := w.repo.Merge("alice", w.pull, method)
		w.must(err)
		if got := by(sha); !slices.Equal(got, []int{w.pull}) {
			t.Errorf("by %s: %v, want %d", method, got, w.pull)
		}
	}
	sha, err := w.repo.Push("alice", "main", "straight", map[string]*string{"c.yaml": standin.Text("c: 1\n")})
	w.must(err)
	w.operations()
	if got := by(sha); got != nil {
		t.Errorf("pushed past any pull request: %v", got)
	}
	w.expect(pullsOfCommit)
	if _, err := history.MergedBy(t.Context(), w.where, render.Commit(strings.Repeat("0", 40))); !errors.Is(err, github.ErrRejected) {
		t.Errorf("no such commit: %v, want ErrRejected", err)
	}
}

// The newest of all commits is what GitHub was told last; others' do not count.
func TestNewestDeployment(t *testing.T) {
	w := newWorld(t, standin.Options{})
	deployments := w.slipway.Deployments()
	newest := func(want handlers.DeploymentState) {
		t.Helper()
		if got, err := deployments.Newest(t.Context(), w.where, "staging"); err != nil || got != want {
			t.Errorf("the newest deployment is %q, %v; want %q", got, err, want)
		}
	}
	newest("")
	w.must(deployments.Mark(t.Context(), w.where, w.head, "staging", handlers.DeploymentSuccess, "done"))
	newest(handlers.DeploymentSuccess)
	w.must(deployments.Mark(t.Context(), w.where, render.Commit(w.repo.Head("main")), "staging", handlers.DeploymentFailure, "no"))
	w.must(deployments.Mark(t.Context(), w.where, w.head, "production", handlers.DeploymentSuccess, "done"))
	newest(handlers.DeploymentFailure)
	w.restart()
	deployments = w.slipway.Deployments()
	newest(handlers.DeploymentFailure)
}

// TestDescriptionsKeepToTheLimit is about GitHub's 140 characters, of two bytes here:
// one more would have the whole status refused.
func TestDescriptionsKeepToTheLimit(t *testing.T) {
	w := newWorld(t, standin.Options{})
	for _, test := range []struct{ said, kept int }{{139, 139}, {140, 140}, {141, 140}} {
		w.must(w.slipway.Deployments().Mark(t.Context(), w.where, w.head, "staging", handlers.DeploymentSuccess, strings.Repeat("ä", test.said)))
		if got := w.repo.Deployments()[0].LastDescription; got != strings.Repeat("ä", test.kept) {
			t.Errorf("of %d characters %d are kept, want %d", test.said, len(got)/2, test.kept)
		}
	}
}
