package github_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
)

const (
	list   = "issues/list-comments"
	get    = "issues/get-comment"
	create = "issues/create-comment"
	update = "issues/update-comment"
	remove = "issues/delete-comment"
)

// is compares the bodies of the pull request's comments.
func (w *world) is(want ...string) {
	w.t.Helper()
	var got []string
	for _, comment := range w.repo.Comments(w.pull) {
		got = append(got, comment.Body)
	}
	if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
		w.t.Errorf("comments %q, want %q", got, want)
	}
}

// One comment over its life: created, left alone, edited, found again after a
// restart, created again after somebody deleted it. Each with no call too many.
func TestPublish(t *testing.T) {
	w := newWorld(t, standin.Options{})
	comments := w.slipway.Comments()
	publish := func(text string) {
		t.Helper()
		w.must(comments.Publish(t.Context(), w.where, w.pull, body(text)))
	}
	publish("one")
	w.is(body("one"))
	w.expect(list, create)

	publish("one")
	w.expect(get)
	publish("two")
	w.is(body("two"))
	w.expect(get, update)

	w.restart()
	comments = w.slipway.Comments()
	publish("two")
	w.expect(list)

	w.must(w.repo.DeleteComment("alice", w.repo.Comments(w.pull)[0].ID))
	publish("three")
	w.is(body("three"))
	w.expect(get, list, create)
}

// A person who edits our comment sees it put right; line ends alone are no difference.
func TestPublishComparesWhatGitHubHas(t *testing.T) {
	w := newWorld(t, standin.Options{})
	comments := w.slipway.Comments()
	w.must(comments.Publish(t.Context(), w.where, w.pull, body("one\ntwo")))
	id := w.repo.Comments(w.pull)[0].ID
	w.must(w.repo.EditComment("alice", id, strings.ReplaceAll(body("one\ntwo"), "\n", "\r\n")))
	w.operations()
	w.must(comments.Publish(t.Context(), w.where, w.pull, body("one\ntwo")))
	w.expect(get)
	w.must(w.repo.EditComment("alice", id, body("all is well, merge me")))
	w.must(comments.Publish(t.Context(), w.where, w.pull, body("one\ntwo")))
	w.is(body("one\ntwo"))
	w.expect(get, update)
}

// E4: the marker in somebody else's comment makes it nobody's but theirs, be it
// a person's or another App's.
func TestPublishTrustsOnlyItsOwn(t *testing.T) {
	w := newWorld(t, standin.Options{})
	forged := body("0 changes, merge me")
	_, err := w.repo.Comment("alice", w.pull, forged)
	w.must(err)
	other, install, err := w.github.InstallApp(owner, standin.Manifest{Name: "Other", Permissions: readManifest(t).Permissions, Events: readManifest(t).Events})
	w.must(err)
	stranger, err := github.New(github.Settings{AppID: other.ID, PrivateKey: other.Key, API: w.github.APIURL(), Transport: w.transport})
	w.must(err)
	theirs := w.where
	theirs.Installation = install.ID
	w.must(stranger.Comments().Publish(t.Context(), theirs, w.pull, forged))

	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, body("one")))
	w.is(forged, forged, body("one"))
}

// F4: GitHub did it and said 502. The comment is looked for, not made twice; and
// when GitHub did nothing, the next attempt makes it.
func TestPublishAfterAFailure(t *testing.T) {
	w := newWorld(t, standin.Options{})
	comments := w.slipway.Comments()
	w.github.Fail(standin.LostAnswer(create, 1))
	w.must(comments.Publish(t.Context(), w.where, w.pull, body("one")))
	w.is(body("one"))
	w.expect(list, create, list)

	w.must(w.repo.DeleteComment("alice", w.repo.Comments(w.pull)[0].ID))
	w.github.Fail(standin.ServerError(create, 502, 1))
	if err := comments.Publish(t.Context(), w.where, w.pull, body("two")); !errors.Is(err, github.ErrTemporary) {
		t.Fatalf("got %v, want ErrTemporary", err)
	}
	w.is()
	w.must(comments.Publish(t.Context(), w.where, w.pull, body("two")))
	w.is(body("two"))
}

// Two replicas that created at the same moment: the oldest stays.
func TestPublishRemovesDuplicates(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, body("one")))
	first := w.repo.Comments(w.pull)[0].ID
	for range 2 { // each deleted before, so that the next one does not find it
		w.duplicate(t, body("one"))
	}
	w.restart()
	w.operations()
	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, body("two")))
	w.is(body("two"))
	if got := w.repo.Comments(w.pull)[0].ID; got != first {
		t.Errorf("kept comment %d, want the oldest, %d", got, first)
	}
	w.expect(list, remove, remove, update)
}

// duplicate has the App write one more comment: the list that it looks at is lost.
func (w *world) duplicate(t *testing.T, text string) {
	t.Helper()
	w.restart()
	before := w.where
	token, err := w.slipway.Token(t.Context(), before.Installation)
	w.must(err)
	w.must(post(w, token, fmt.Sprintf("repos/%s/shop/issues/%d/comments", owner, w.pull), text))
}

// The comment is found behind more than a page of talk.
func TestPublishFindsItsCommentFarBack(t *testing.T) {
	w := newWorld(t, standin.Options{SkipContract: true})
	for i := range 120 {
		_, err := w.repo.Comment("alice", w.pull, fmt.Sprint("talk ", i))
		w.must(err)
	}
	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, body("one")))
	w.restart()
	w.operations()
	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, body("one")))
	w.expect(list, list)
}

// Each marker has a comment of its own, also one that begins as another does; they
// are read back as they are, with the time of their last change.
func TestPublishByMarker(t *testing.T) {
	w := newWorld(t, standin.Options{})
	comments := w.slipway.Comments()
	reply, other := "<!-- slipway:reply 7 -->", "<!-- slipway:reply 77 -->"
	say := func(text string) {
		t.Helper()
		w.must(comments.Publish(t.Context(), w.where, w.pull, text))
	}
	say(body("report"))
	say(other + "\nno")
	say(reply + "\nyes")
	say(reply + "\nyes, done")
	want := []string{body("report"), other + "\nno", reply + "\nyes, done"}
	w.is(want...)
	w.restart()
	comments = w.slipway.Comments()
	for i, marker := range []string{report.Marker, other, reply} {
		w.operations()
		text, at, err := comments.Published(t.Context(), w.where, w.pull, marker)
		w.must(err)
		if last := w.repo.Comments(w.pull)[i].Updated; text != want[i] || at.Unix() != last.Unix() {
			t.Errorf("%s: %q of %s, want %q of %s", marker, text, at, want[i], last)
		}
		w.expect(list)
		say(want[i])
		w.expect(get)
	}
}

// Who looked for a comment and found none needs no second look to write it; but a
// look only counts once, and not for long.
func TestPublishedThenPublish(t *testing.T) {
	w := newWorld(t, standin.Options{})
	clock := time.Now()
	w.slipway.SetClock(func() time.Time { return clock })
	comments := w.slipway.Comments()
	look := func() {
		t.Helper()
		text, at, err := comments.Published(t.Context(), w.where, w.pull, report.Marker)
		if text != "" || !at.IsZero() || err != nil {
			t.Errorf("%q of %s, %v; want none", text, at, err)
		}
	}
	look()
	w.must(comments.Publish(t.Context(), w.where, w.pull, body("one")))
	w.expect(list, create)
	w.must(w.repo.DeleteComment("alice", w.repo.Comments(w.pull)[0].ID))
	look()
	w.expect(get, list)
	clock = clock.Add(2 * time.Minute)
	w.duplicate(t, body("another replica's"))
	w.operations()
	w.must(comments.Publish(t.Context(), w.where, w.pull, body("two")))
	w.is(body("two"))
	w.expect(list, update)
	if _, _, err := comments.Published(t.Context(), w.where, 4711, report.Marker); !errors.Is(err, handlers.ErrGone) {
		t.Errorf("no such pull request: %v, want ErrGone", err)
	}
}

func TestPublishKeepsToTheLimit(t *testing.T) {
	w := newWorld(t, standin.Options{})
	long := body(strings.Repeat("ä", 70000))
	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, long))
	got := []rune(w.repo.Comments(w.pull)[0].Body)
	if len(got) != 65536 {
		t.Errorf("a comment of %d characters, want 65536", len(got))
	}
	w.operations()
	w.must(w.slipway.Comments().Publish(t.Context(), w.where, w.pull, long))
	w.expect(list) // the cut text is the same text
}

func TestPublishRefusesWhatItCouldNotFindAgain(t *testing.T) {
	w := newWorld(t, standin.Options{})
	for _, text := range []string{"", "no marker", "x" + body("later"), "\n" + body("later"), "<!-- slipway:open\nx", "<!-- other -->\nx"} {
		if err := w.slipway.Comments().Publish(t.Context(), w.where, w.pull, text); err == nil {
			t.Errorf("a comment without a marker was written: %q", text)
		}
	}
	if !strings.HasPrefix(body(""), report.Marker) {
		t.Error("the tests' own bodies lack the marker")
	}
	if err := w.slipway.Comments().Publish(t.Context(), w.where, 4711, body("x")); !errors.Is(err, handlers.ErrGone) {
		t.Errorf("no such pull request: %v, want ErrGone", err)
	}
}
