package github

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

func TestTranslate(t *testing.T) {
	a := newApp(t, Settings{})
	rerun := handlers.RerunEvent{Repository: testRepo, Head: testCommit, HeadBranch: "feature"}
	for _, tc := range []struct {
		name, event, body string
		want              handlers.Event
	}{
		{"a pull request", "pull_request", payload("pull_request"), handlers.PullRequestEvent{Action: "opened", Repository: testRepo, Number: 3}},
		{
			"a base that changed", "pull_request",
			strings.Replace(payload("pull_request"), `"opened"`, `"edited","changes":{"base":{"ref":{"from":"main"},"sha":{"from":"x"}}}`, 1),
			handlers.PullRequestEvent{Action: "edited", Repository: testRepo, Number: 3, BaseChanged: true},
		},
		{
			"a title that changed", "pull_request",
			strings.Replace(payload("pull_request"), `"opened"`, `"edited","changes":{"title":{"from":"x"}}`, 1),
			handlers.PullRequestEvent{Action: "edited", Repository: testRepo, Number: 3},
		},
		{"a run again", "check_run", payload("check_run"), rerun},
		{"all again", "check_suite", payload("check_suite"), rerun},
		{"a run that completed", "check_run", strings.Replace(payload("check_run"), "rerequested", "completed", 1), nil},
		{"another App's run", "check_run", strings.Replace(payload("check_run"), `"app":{"id":42}`, `"app":{"id":43}`, 1), nil},
		{"another App's suite", "check_suite", strings.Replace(payload("check_suite"), `"app":{"id":42}`, `"app":{"id":43}`, 1), nil},
		{
			"a merge group", "merge_group", payload("merge_group"),
			handlers.MergeGroupEvent{Action: "checks_requested", Repository: testRepo, Base: testCommit, BaseRef: "refs/heads/main", Head: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		},
		{"a push", "push", payload("push"), handlers.PushEvent{Repository: testRepo, Branch: "main", Head: testCommit}},
		{
			"a push to a branch of a folder", "push", strings.Replace(payload("push"), "refs/heads/main", "refs/heads/a/b", 1),
			handlers.PushEvent{Repository: testRepo, Branch: "a/b", Head: testCommit},
		},
		{
			"a push from somewhere", "push", strings.Replace(payload("push"), `"after"`, `"before":"`+strings.Repeat("b", 40)+`","after"`, 1),
			handlers.PushEvent{Repository: testRepo, Branch: "main", Before: render.Commit(strings.Repeat("b", 40)), Head: testCommit},
		},
		{
			"a new branch", "push", strings.Replace(payload("push"), `"after"`, `"before":"`+strings.Repeat("0", 40)+`","after"`, 1),
			handlers.PushEvent{Repository: testRepo, Branch: "main", Head: testCommit},
		},
		{"a review", "pull_request_review", payload("pull_request_review"), handlers.ReviewEvent{Action: "submitted", Repository: testRepo, Number: 3}},
		{"a tag", "push", strings.Replace(payload("push"), "refs/heads/main", "refs/tags/main", 1), nil},
		{
			"a branch that is deleted", "push",
			strings.Replace(strings.Replace(payload("push"), testCommit, strings.Repeat("0", 40), 1), `"deleted":false`, `"deleted":true`, 1),
			handlers.PushEvent{Repository: testRepo, Branch: "main", Deleted: true},
		},
		{"an event that nobody handles", "star", "not even JSON", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := a.Translate(tc.event, []byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// B5, B8: who said something, and how it came, is told as it is. Only a comment of a
// person who sent it is a person's: no edit by another, no bot, no script of theirs.
func TestTranslateComment(t *testing.T) {
	a := newApp(t, Settings{})
	said := handlers.CommentEvent{
		Action: "created", Repository: testRepo, Number: 3, OnPull: true, Comment: 9, Author: "alice", Person: true, Body: "/plan",
		At: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
	}
	for _, tc := range []struct {
		name     string
		from, to string
		change   func(*handlers.CommentEvent)
	}{
		{"a person's", "", "", func(*handlers.CommentEvent) {}},
		{"on an issue", `,"pull_request":{}`, "", func(e *handlers.CommentEvent) { e.OnPull = false }},
		{"edited", `"created"`, `"edited"`, func(e *handlers.CommentEvent) { e.Action = "edited" }},
		{"deleted", `"created"`, `"deleted"`, func(e *handlers.CommentEvent) { e.Action = "deleted" }},
		{"sent by another person", `"sender":{"login":"alice"`, `"sender":{"login":"bob"`, func(e *handlers.CommentEvent) { e.Person = false }},
		{"sent by a bot", `"sender":{"login":"alice","type":"User"`, `"sender":{"login":"alice","type":"Bot"`, func(e *handlers.CommentEvent) { e.Person = false }},
		{"sent by nobody", `"sender":{"login":"alice","type":"User"}`, `"sender":null`, func(e *handlers.CommentEvent) { e.Person = false }},
		{"a bot's", `"login":"alice","type":"User"`, `"login":"slipway[bot]","type":"Bot"`, func(e *handlers.CommentEvent) {
			e.Person, e.Author = false, "slipway[bot]"
		}},
		{"an organisation's", `"type":"User"`, `"type":"Organization"`, func(e *handlers.CommentEvent) { e.Person = false }},
		{"through an App", `"performed_via_github_app":null`, `"performed_via_github_app":{"id":42}`, func(e *handlers.CommentEvent) { e.Person = false }},
		{"of an account that is gone", `{"login":"alice","type":"User"}`, `null`, func(e *handlers.CommentEvent) { e.Person, e.Author = false, "" }},
		{"of a name that is none", `"login":"alice"`, `"login":"../alice"`, func(e *handlers.CommentEvent) { e.Person, e.Author = false, "../alice" }},
		{"of a member by their own word", `"id":9`, `"id":9,"author_association":"OWNER"`, func(*handlers.CommentEvent) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := said
			tc.change(&want)
			body := payload("issue_comment")
			if changed := strings.ReplaceAll(body, tc.from, tc.to); tc.from != "" && changed == body {
				t.Fatal("the case changes nothing")
			} else if tc.from != "" && !strings.HasPrefix(tc.from, `"sender`) {
				body = changed
			} else if tc.from != "" {
				body = strings.Replace(body, tc.from, tc.to, 1)
			}
			got, err := a.Translate("issue_comment", []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(handlers.Event(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What lacks what an event needs is malformed, and what GitHub adds is no reason to
// lose a delivery.
func TestTranslateMalformed(t *testing.T) {
	a := newApp(t, Settings{})
	for _, tc := range []struct{ event, from, to string }{
		{"push", `"ref":"refs/heads/main"`, `"ref":""`},
		{"push", testCommit, "main"},
		{"issue_comment", `"number":3`, `"number":0`},
		{"issue_comment", `"id":9`, `"id":0`},
		{"issue_comment", `"action":"created"`, `"action":""`},
		{"issue_comment", `"2026-11-20T10:00:00Z"`, `"yesterday"`},
	} {
		body := strings.Replace(payload(tc.event), tc.from, tc.to, 1)
		if body == payload(tc.event) {
			t.Fatalf("%s: no %s in the payload", tc.event, tc.from)
		}
		if event, err := a.Translate(tc.event, []byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with %s: %v, %v; want ErrMalformed", tc.event, tc.to, event, err)
		}
	}
	for _, event := range Events() {
		body := strings.Replace(payload(event), `"name":"shop"`, `"name":"shop","custom_properties":{"team":["a","b"]}`, 1)
		if _, err := a.Translate(event, []byte(body)); err != nil {
			t.Errorf("%s of a repository with a property of several values: %v", event, err)
		}
	}
}

// A8: whatever bytes arrive, an answer is an event, nothing or ErrMalformed.
func FuzzTranslate(f *testing.F) {
	for _, event := range append(Events(), "ping") {
		f.Add(event, []byte(payload(event)))
		f.Add(event, []byte(strings.ReplaceAll(payload(event), "{", "[")))
		f.Add(event, []byte(strings.ReplaceAll(payload(event), `{"id":7}`, "null")))
		for _, example := range examples(f)[event][:1] {
			f.Add(event, []byte(installed(f, example)))
		}
	}
	for _, body := range []string{"", "null", "[]", `{"installation":{"id":1e99}}`, "\xff\xfe", strings.Repeat(`{"a":`, 2000)} {
		f.Add("pull_request", []byte(body))
	}
	a, err := New(Settings{AppID: 42, PrivateKey: testKey()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		checkTranslation(t, a, event, body)
		if got, _ := a.Translate(event, body); got != nil {
			for _, job := range got.Jobs() {
				if strings.ContainsAny(job.Key(), "\n\x00 ") || strings.Contains(job.Key(), "..") && !bytes.Contains(body, []byte("..")) {
					t.Errorf("job key %q", job.Key())
				}
			}
		}
	})
}
