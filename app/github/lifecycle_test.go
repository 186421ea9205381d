package github_test

import (
	"errors"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
)

// B10: what becomes of an installation or a repository between two calls of a job is
// told for what it is, at the first call after it; none of it is worth another try.
func TestEndsInMidJob(t *testing.T) {
	for _, tc := range []struct {
		name   string
		happen func(w *world) error
		read   error // of the pull request
		write  error // of a comment on it
	}{
		{"nothing", func(*world) error { return nil }, nil, nil},
		{"suspended", func(w *world) error { w.install.Suspend(); return nil }, handlers.ErrForbidden, handlers.ErrForbidden},
		{"uninstalled", func(w *world) error { w.install.Uninstall(); return nil }, handlers.ErrGone, handlers.ErrGone},
		{"repository taken away", func(w *world) error { w.install.RemoveRepo(w.repo); return nil }, handlers.ErrGone, handlers.ErrGone},
		{"repository deleted", func(w *world) error { w.repo.Delete(); return nil }, handlers.ErrGone, handlers.ErrGone},
		{"archived", func(w *world) error { w.repo.Archive(); return nil }, nil, handlers.ErrForbidden},
		{"renamed", func(w *world) error { return w.repo.Rename("store") }, handlers.ErrGone, nil}, // the comment follows it
		{"transferred", func(w *world) error { return w.repo.Transfer("elsewhere") }, handlers.ErrGone, handlers.ErrGone},
		{"made private", func(w *world) error { w.repo.SetPublic(); w.repo.SetPrivate(); return nil }, nil, nil},
		{"token expired", func(w *world) error { w.github.ExpireTokens(); return nil }, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, standin.Options{})
			pulls, comments := w.slipway.PullRequests(), w.slipway.Comments()
			_, err := pulls.Pull(t.Context(), w.where, w.pull)
			w.must(err)
			w.must(comments.Publish(t.Context(), w.where, w.pull, body("one")))
			w.must(tc.happen(w))
			if _, err := pulls.Pull(t.Context(), w.where, w.pull); !errors.Is(err, tc.read) || (err == nil) != (tc.read == nil) {
				t.Errorf("read: %v, want %v", err, tc.read)
			}
			if err := comments.Publish(t.Context(), w.where, w.pull, body("two")); !errors.Is(err, tc.write) || (err == nil) != (tc.write == nil) {
				t.Errorf("write: %v, want %v", err, tc.write)
			}
			if tc.write == nil {
				if said := w.repo.Comments(w.pull); len(said) != 1 || said[0].Edits != 1 {
					t.Errorf("%d comments, want one, edited once", len(said))
				}
			}
		})
	}
}

// A write by a repository's old name arrives at the new one, as a write.
func TestWritesFollowARename(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.must(w.repo.Rename("store"))
	w.must(w.slipway.Checks().Conclude(t.Context(), w.where, w.head, []report.Check{check("slipway", report.Success, 1)}, false))
	if runs := w.repo.CheckRuns(string(w.head)); len(runs) != 1 || runs[0].Conclusion != "success" {
		t.Errorf("runs %+v, want one that succeeded", runs)
	}
}

// A clock that is off costs one call: GitHub's own is learnt from its refusal.
func TestClockSkew(t *testing.T) {
	for _, off := range []time.Duration{-20 * time.Minute, -3 * time.Minute, 20 * time.Minute} {
		w := newWorld(t, standin.Options{Now: func() time.Time { return time.Now().Add(off) }})
		for range 2 {
			if _, err := w.slipway.PullRequests().Pull(t.Context(), w.where, w.pull); err != nil {
				t.Fatalf("GitHub's clock is %s ahead: %v", off, err)
			}
			w.github.ExpireTokens()
		}
		refused := 0
		for _, call := range w.github.Calls() {
			if call.Operation == "apps/create-installation-access-token" && call.Status == 401 {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("GitHub's clock is %s ahead: %d tokens were refused, want one", off, refused)
		}
	}
}

// With the pace on, what bursts stays within GitHub's limits; without it, it does not.
func TestPaceIsKeptOverTheWire(t *testing.T) {
	for _, paced := range []bool{true, false} {
		w := newWorld(t, standin.Options{Limits: standin.Limits{CreationsPerMinute: 20}})
		w.restartWith(func(s *github.Settings) {
			s.Pace.Patience = time.Millisecond
			if paced {
				s.Pace.CreationsPerMinute = 20
			}
		})
		comment, err := w.repo.Comment("alice", w.pull, "/plan")
		w.must(err)
		told := 0
		for i := range 30 {
			err := w.slipway.Reactions().React(t.Context(), w.where, comment, []string{"eyes", "rocket"}[i%2])
			var e *github.Error
			if errors.As(err, &e) && errors.Is(err, github.ErrRateLimited) && e.NotBefore().After(time.Now()) {
				told++
			} else {
				w.must(err)
			}
		}
		if over := w.github.Limited(); (over == 0) != paced {
			t.Errorf("paced %v: %d calls were over GitHub's limit", paced, over)
		}
		if told == 0 {
			t.Errorf("paced %v: nobody was told to come back", paced)
		}
	}
}

// What arrived in the end is left alone; what did not is asked for again until it did,
// also by a process that starts anew.
func TestRedelivery(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.app.SetWebhook("http://127.0.0.1:1/")
	comment, err := w.repo.Comment("alice", w.pull, "/plan")
	w.must(err)
	_, err = w.repo.OpenIssue("alice", "of no interest", "")
	w.must(err)
	w.must(w.github.WaitIdle(t.Context()))
	missed := func(r *github.Redelivery) (events []string, newest int64) {
		t.Helper()
		all, err := r.Missed(t.Context())
		w.must(err)
		for _, m := range all {
			events = append(events, m.Event)
			newest = max(newest, m.ID)
		}
		return events, newest
	}
	r := w.slipway.Redelivery()
	events, id := missed(r)
	if len(events) != 1 || events[0] != "issue_comment" {
		t.Fatalf("missed %q, want the comment alone", events)
	}
	w.must(r.Redeliver(t.Context(), id)) // in vain, since nobody listens yet
	w.must(w.github.WaitIdle(t.Context()))
	all, err := r.Missed(t.Context())
	w.must(err)
	if len(all) != 1 || all[0].Attempts != 2 {
		t.Errorf("missed %+v, want one with two attempts", all)
	}
	sent := w.translated()
	if events, id = missed(w.slipway.Redelivery()); len(events) != 1 {
		t.Errorf("a new process finds %q", events)
	}
	w.must(r.Redeliver(t.Context(), id))
	sent("the comment", handlers.CommentEvent{
		Action: "created", Repository: w.where, Number: w.pull, OnPull: true, Comment: comment, Author: "alice", Person: true, Body: "/plan",
		At: w.repo.Comments(w.pull)[0].Created.UTC().Truncate(time.Hour),
	})
	for name, r := range map[string]*github.Redelivery{"this process": r, "another": w.slipway.Redelivery()} {
		if events, _ = missed(r); len(events) != 0 {
			t.Errorf("%s still misses %q", name, events)
		}
	}
	w.github.Advance(4 * 24 * time.Hour)
	if err := r.Redeliver(t.Context(), id); !errors.Is(err, handlers.ErrGone) {
		t.Errorf("after four days: %v, want ErrGone", err)
	}
}

// More attempts than a page are read by cursor, once.
func TestManyDeliveries(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.app.SetWebhook("http://127.0.0.1:1/")
	for range 120 {
		_, err := w.repo.Comment("alice", w.pull, "hello")
		w.must(err)
	}
	w.must(w.github.WaitIdle(t.Context()))
	w.github.ResetCalls()
	r := w.slipway.Redelivery()
	for range 2 {
		all, err := r.Missed(t.Context())
		w.must(err)
		if len(all) != 120 {
			t.Errorf("missed %d, want 120", len(all))
		}
		for i := range all[1:] {
			if all[i].First.Before(all[i+1].First) {
				t.Fatal("not the newest first")
			}
		}
	}
}
