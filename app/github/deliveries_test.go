package github_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// GitHub's own deliveries, signed and in their full shape, become events.
func TestDeliveriesArrive(t *testing.T) {
	w := newWorld(t, standin.Options{})
	var mu sync.Mutex
	var got []handlers.Event
	hook, err := w.slipway.Webhook(func(_ context.Context, _ string, event handlers.Event) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, event)
		return nil
	}, quiet())
	w.must(err)
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)
	w.app.SetWebhook(server.URL + "/webhook")

	before, head := w.head, w.push("feature", "a: 5\n")
	w.must(w.github.WaitIdle(t.Context()))
	w.head = head
	w.must(w.slipway.Checks().Conclude(t.Context(), w.where, head, []report.Check{check("slipway", report.Success, 0)}, false))
	w.must(w.repo.RerequestCheck("alice", string(head), "slipway"))
	w.must(w.github.WaitIdle(t.Context()))
	w.must(w.repo.RerequestSuite("alice", string(head), "slipway"))
	w.must(w.github.WaitIdle(t.Context()))

	rerun := handlers.RerunEvent{Repository: w.where, Head: head, HeadBranch: "feature"}
	want := []handlers.Event{
		handlers.PushEvent{Repository: w.where, Branch: "feature", Before: before, Head: head},
		handlers.PullRequestEvent{Action: "synchronize", Repository: w.where, Number: w.pull, Before: before},
		rerun, rerun,
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, d := range w.github.Deliveries() {
		if d.Status != http.StatusAccepted && d.Status != 502 { // 502 before there was a webhook
			t.Errorf("%s.%s answered %d", d.Event, d.Action, d.Status)
		}
	}
}

// translated returns a check of what was translated of GitHub's deliveries since the
// last check: pushes and comments, the time of these cut to the hour.
func (w *world) translated() func(what string, want ...handlers.Event) {
	var mu sync.Mutex
	var got []handlers.Event
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			w.t.Error(err)
		}
		event, err := w.slipway.Translate(r.Header.Get("X-GitHub-Event"), payload)
		if err != nil {
			w.t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case handlers.CommentEvent:
			e.At = e.At.Truncate(time.Hour)
			got = append(got, e)
		case handlers.PushEvent:
			got = append(got, e)
		}
	}))
	w.t.Cleanup(server.Close)
	w.must(w.github.WaitIdle(w.t.Context()))
	w.app.SetWebhook(server.URL)
	return func(what string, want ...handlers.Event) {
		w.t.Helper()
		w.must(w.github.WaitIdle(w.t.Context()))
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		got = nil
	}
}

// B5, B8: what GitHub really sends of pushes and comments, told as it is.
func TestTranslateDeliveries(t *testing.T) {
	w := newWorld(t, standin.Options{})
	sent := w.translated()
	w.repo.SetRole("bob", standin.Maintain)
	id, err := w.repo.Comment("alice", w.pull, "/plan")
	w.must(err)
	said := handlers.CommentEvent{
		Action: "created", Repository: w.where, Number: w.pull, OnPull: true, Comment: id, Author: "alice", Person: true, Body: "/plan",
		At: w.repo.Comments(w.pull)[0].Created.UTC().Truncate(time.Hour),
	}
	sent("a person's comment", said)
	w.must(w.repo.EditComment("alice", id, "/apply"))
	edited := said
	edited.Action, edited.Body = "edited", "/apply"
	sent("her edit", edited)
	w.must(w.repo.EditComment("bob", id, "/apply staging"))
	edited.Body, edited.Person = "/apply staging", false
	sent("an edit by another", edited)
	w.must(w.repo.DeleteComment("bob", id))
	edited.Action = "deleted"
	sent("a deletion by another", edited)

	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, body("/apply")))
	sent("our own comment", handlers.CommentEvent{
		Action: "created", Repository: w.where, Number: w.pull, OnPull: true, Comment: w.repo.Comments(w.pull)[0].ID,
		Author: "slipway[bot]", Body: body("/apply"), At: said.At,
	})
	number, err := w.repo.OpenIssue("alice", "Not a pull request", "x")
	w.must(err)
	id, err = w.repo.Comment("alice", number, "/plan")
	w.must(err)
	on := said
	on.Number, on.OnPull, on.Comment = number, false, id
	sent("on an issue", on)

	before := render.Commit(w.repo.Head("main"))
	head := w.push("main", "a: 7\n")
	sent("a push", handlers.PushEvent{Repository: w.where, Branch: "main", Before: before, Head: head})
	head = w.push("a/branch", "a: 8\n")
	sent("a new branch", handlers.PushEvent{Repository: w.where, Branch: "a/branch", Head: head})
	w.must(w.repo.DeleteBranch("alice", "a/branch"))
	sent("a deleted branch", handlers.PushEvent{Repository: w.where, Branch: "a/branch", Deleted: true})
}
