package github_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// post writes a comment with a token, past the adapter.
func post(w *world, token, path, text string) error {
	content, err := json.Marshal(map[string]string{"body": text})
	if err != nil {
		return err
	}
	return send(w, token, path, string(content))
}

// send creates anything with a token, past the adapter.
func send(w *world, token, path, content string) error {
	r, err := http.NewRequest(http.MethodPost, w.github.APIURL()+path, strings.NewReader(content))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "token "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: w.transport}).Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("post: %s", response.Status)
	}
	return nil
}

func TestPull(t *testing.T) {
	w := newWorld(t, standin.Options{})
	pulls := w.slipway.PullRequests()
	got, err := pulls.Pull(t.Context(), w.where, w.pull)
	w.must(err)
	want := handlers.Pull{
		Number: w.pull, State: "open", Title: "Second", Author: "alice",
		Base: handlers.Ref{Branch: "main", Commit: render.Commit(w.repo.Head("main"))},
		Head: handlers.Ref{Branch: "feature", Commit: w.head},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := pulls.Pull(t.Context(), w.where, 4711); !errors.Is(err, handlers.ErrGone) {
		t.Errorf("no such pull request: %v, want ErrGone", err)
	}
}

// What we wrote into a pull request of our own comes back; what anybody else wrote, a
// robot or a person with our marker, does not.
func TestPullOfOurOwn(t *testing.T) {
	w := newWorld(t, standin.Options{})
	p := w.proposal("2")
	ours := w.propose(p, handlers.ProposalOpened)
	got, err := w.slipway.PullRequests().Pull(t.Context(), w.where, ours.Number)
	w.must(err)
	if strings.TrimSpace(got.Said) != strings.TrimSpace(p.Body) {
		t.Errorf("we said %q, want %q", got.Said, p.Body)
	}
	other, install, err := w.github.InstallApp(owner, standin.Manifest{Name: "Other", Permissions: readManifest(t).Permissions})
	w.must(err)
	stranger, err := github.New(github.Settings{AppID: other.ID, PrivateKey: other.Key, API: w.github.APIURL(), Transport: w.transport, Pace: unpaced})
	w.must(err)
	token, err := stranger.Token(t.Context(), install.ID)
	w.must(err)
	w.must(onBranch(w, "theirs"))
	w.must(send(w, token, "repos/octo/shop/pulls", fmt.Sprintf(`{"title":"Theirs","head":"theirs","base":"main","body":%q}`, p.Body)))
	got, err = w.slipway.PullRequests().Pull(t.Context(), w.where, ours.Number+1)
	w.must(err)
	if got.Said != "" || got.Title != "Theirs" {
		t.Errorf("we are taken to have said %q in %q", got.Said, got.Title)
	}
}

// A pull request from a fork is one, also once the fork has been deleted; and it
// is found by its head, which GitHub does not associate with it. The published
// contract is not checked: it has no null for the repository of a deleted fork.
func TestPullFromAFork(t *testing.T) {
	w := newWorld(t, standin.Options{SkipContract: true})
	w.repo.SetRole("mallory", standin.Read)
	fork, err := w.repo.Fork("mallory")
	w.must(err)
	sha, err := fork.Push("mallory", "theirs", "change", map[string]*string{"a.yaml": standin.Text("a: 9\n")})
	w.must(err)
	number, err := w.repo.OpenPull("mallory", "Theirs", "mallory:theirs", "main")
	w.must(err)
	pulls := w.slipway.PullRequests()
	for _, when := range []string{"while the fork is there", "after it is deleted"} {
		got, err := pulls.Pull(t.Context(), w.where, number)
		w.must(err)
		if !got.FromFork || got.Head.Commit != render.Commit(sha) {
			t.Errorf("%s: from a fork %v, head %s", when, got.FromFork, got.Head.Commit)
		}
		at, err := pulls.PullsAt(t.Context(), w.where, render.Commit(sha))
		w.must(err)
		if !slices.Equal(at, []int{number}) {
			t.Errorf("%s: pull requests at its head %v, want %d", when, at, number)
		}
		fork.Delete()
	}
}

// Several open pull requests may have one head; closed ones are left out.
func TestPullsAt(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.must(onBranch(w, "develop"))
	second, err := w.repo.OpenPull("alice", "Elsewhere", "feature", "develop")
	w.must(err)
	pulls := w.slipway.PullRequests()
	at, err := pulls.PullsAt(t.Context(), w.where, w.head)
	w.must(err)
	if !slices.Equal(at, []int{w.pull, second}) {
		t.Errorf("pull requests %v, want %d and %d", at, w.pull, second)
	}
	w.must(w.repo.Close("alice", second))
	at, err = pulls.PullsAt(t.Context(), w.where, w.head)
	w.must(err)
	if !slices.Equal(at, []int{w.pull}) {
		t.Errorf("pull requests %v, want %d", at, w.pull)
	}
	at, err = pulls.PullsAt(t.Context(), w.where, render.Commit(strings.Repeat("0", 40)))
	if err != nil || at != nil {
		t.Errorf("at no commit: %v, %v", at, err)
	}
}

func onBranch(w *world, branch string) error {
	_, err := w.repo.Push("alice", branch, "start", map[string]*string{"b.yaml": standin.Text("b: 1\n")})
	return err
}

// plan makes the calls of planning a pull request, in the order of package handlers.
func (w *world) plan(checks *github.Checks, comments *github.Comments, text string) {
	w.t.Helper()
	ctx := w.t.Context()
	pulls := w.slipway.PullRequests()
	pull, err := pulls.Pull(ctx, w.where, w.pull)
	w.must(err)
	w.must(checks.Start(ctx, w.where, pull.Head.Commit, "", false))
	_, err = pulls.PullsAt(ctx, w.where, pull.Head.Commit)
	w.must(err)
	w.must(checks.Conclude(ctx, w.where, pull.Head.Commit, []report.Check{
		check("slipway", report.Success, 2), check("slipway / staging", report.Success, 2), check("slipway / production", report.Failure, 2),
	}, false))
	w.must(comments.Publish(ctx, w.where, w.pull, body(text)))
}

// The budget: at most 12 calls for the first plan of a pull request with two
// environments, minting included; 6 for one that changes nothing, none of them a
// write, and those that only look cost nothing of the rate limit.
func TestCallBudget(t *testing.T) {
	w := newWorld(t, standin.Options{})
	checks, comments := w.slipway.Checks(), w.slipway.Comments()
	w.plan(checks, comments, "one")
	first, _ := w.operations()
	w.plan(checks, comments, "one")
	w.operations()
	w.plan(checks, comments, "one")
	var unconditional int
	for _, call := range w.github.Calls() {
		if !call.Conditional {
			unconditional++
		}
	}
	repeated, writes := w.operations()
	t.Logf("first plan: %d calls, repeated: %d calls, %d of them not free", len(first), len(repeated), unconditional)
	if len(first) > 12 {
		t.Errorf("the first plan makes %d calls, want at most 12: %q", len(first), first)
	}
	if len(repeated) > 6 || writes != 0 {
		t.Errorf("a repeated plan makes %d calls with %d writes, want at most 6 and none: %q", len(repeated), writes, repeated)
	}
	if unconditional != 0 {
		t.Errorf("%d calls of a repeated plan cost something of the rate limit", unconditional)
	}
}

// Git is served to an installation's token and to nobody else.
func TestCloneWithToken(t *testing.T) {
	w := newWorld(t, standin.Options{LongTokens: true})
	token, err := w.slipway.Token(t.Context(), w.where.Installation)
	w.must(err)
	for header, want := range map[string]bool{"x-access-token:" + token: true, "x-access-token:wrong": false} {
		user, password, _ := strings.Cut(header, ":")
		r, err := http.NewRequest(http.MethodGet, w.slipway.CloneURL(w.where)+"/info/refs?service=git-upload-pack", nil)
		w.must(err)
		r.SetBasicAuth(user, password)
		response, err := (&http.Client{Transport: w.transport}).Do(r)
		w.must(err)
		response.Body.Close()
		if got := response.StatusCode == http.StatusOK; got != want {
			t.Errorf("answered %s", response.Status)
		}
	}
}

// F2: a token that GitHub forgets between two calls costs one mint.
func TestTokenExpires(t *testing.T) {
	w := newWorld(t, standin.Options{})
	pulls := w.slipway.PullRequests()
	for range 2 {
		_, err := pulls.Pull(t.Context(), w.where, w.pull)
		w.must(err)
		w.github.ExpireTokens()
	}
	all, _ := w.operations()
	mints := 0
	for _, operation := range all {
		if operation == "apps/create-installation-access-token" {
			mints++
		}
	}
	if mints != 2 {
		t.Errorf("minted %d tokens, want 2: %q", mints, all)
	}
}

// F1: limits are told apart from refusals, with the time to come back.
func TestRateLimits(t *testing.T) {
	w := newWorld(t, standin.Options{})
	for name, fault := range map[string]standin.Fault{
		"secondary, 403, with a time":    standin.SecondaryLimit("pulls/get", 403, 1, 17*time.Second),
		"secondary, 429, with a time":    standin.SecondaryLimit("pulls/get", 429, 1, 17*time.Second),
		"secondary, 429, without a time": standin.SecondaryLimit("pulls/get", 429, 1, 0),
		"primary":                        standin.PrimaryLimit("pulls/get", 1),
	} {
		w.restart()
		w.github.Fail(fault)
		_, err := w.slipway.PullRequests().Pull(t.Context(), w.where, w.pull)
		var e *github.Error
		if !errors.Is(err, github.ErrRateLimited) || !errors.As(err, &e) || !e.NotBefore().After(time.Now()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A suspended or removed installation is said to be so.
func TestInstallationEnds(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.install.Suspend()
	if _, err := w.slipway.PullRequests().Pull(t.Context(), w.where, w.pull); !errors.Is(err, github.ErrForbidden) {
		t.Errorf("suspended: %v, want ErrForbidden", err)
	}
	w.install.Unsuspend()
	w.install.Uninstall()
	w.restart()
	if _, err := w.slipway.PullRequests().Pull(t.Context(), w.where, w.pull); !errors.Is(err, handlers.ErrGone) {
		t.Errorf("uninstalled: %v, want ErrGone", err)
	}
}

// E1: whatever fails, no token and no key is in the text of an error or in a log.
func TestErrorsHoldNoSecret(t *testing.T) {
	for _, long := range []bool{false, true} {
		w := newWorld(t, standin.Options{LongTokens: long})
		var texts []string
		for _, fault := range []standin.Fault{
			standin.ServerError("*", 500, 1), {Operation: "*", Drop: true},
			{Operation: "*", Status: 403, Message: "no"}, {Operation: "*", Status: 401, Message: "no", Count: 4},
		} {
			for _, op := range []string{"pulls/get", create, createRun, "apps/create-installation-access-token"} {
				w.restart()
				fault.Operation = op
				w.github.Fail(fault)
				texts = append(texts, fmt.Sprintf("%v %+v", drivers[op](t.Context(), w, w.slipway), fault))
				w.github.Heal()
			}
		}
		for _, secret := range w.github.Secrets() {
			if strings.Contains(strings.Join(texts, "\n"), secret) {
				t.Error("an error holds a secret of GitHub's")
			}
		}
	}
}

func TestConvert(t *testing.T) {
	w := newWorld(t, standin.Options{})
	settings := github.Settings{API: w.github.APIURL(), Transport: w.transport}
	code := w.app.ManifestCode()
	got, err := github.Convert(t.Context(), settings, code)
	w.must(err)
	if got.AppID != w.app.ID || got.PrivateKey != string(w.app.Key) || got.WebhookSecret != "hush" || got.Page == "" {
		t.Errorf("credentials of app %d, want all of %d", got.AppID, w.app.ID)
	}
	if _, err := github.Convert(t.Context(), settings, code); err == nil || strings.Contains(err.Error(), code) {
		t.Errorf("a code used twice: %v", err)
	}
}
