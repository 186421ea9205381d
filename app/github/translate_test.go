package github

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers"
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

// A8: whatever bytes arrive, an answer is an event, nothing or ErrMalformed.
func FuzzTranslate(f *testing.F) {
	for _, event := range append(Events(), "ping") {
		f.Add(event, []byte(payload(event)))
		f.Add(event, []byte(strings.ReplaceAll(payload(event), "{", "[")))
		f.Add(event, []byte(strings.ReplaceAll(payload(event), `{"id":7}`, "null")))
	}
	a, err := New(Settings{AppID: 42, PrivateKey: testKey()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		got, err := a.Translate(event, body)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("error %v is not ErrMalformed", err)
		}
		if got != nil {
			for _, job := range got.Jobs() {
				if strings.ContainsAny(job.Key(), "\n\x00 ") || strings.Contains(job.Key(), "..") && !bytes.Contains(body, []byte("..")) {
					t.Errorf("job key %q", job.Key())
				}
			}
		}
	})
}
