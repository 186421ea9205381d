package github_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
)

const (
	listIssues  = "issues/list-for-repo"
	createIssue = "issues/create"
	updateIssue = "issues/update"
	whoAmI      = "apps/get-authenticated"

	driftMarker = "<!-- slipway:drift staging -->"
)

// issueBody is a body of the tests' issue.
func issueBody(text string) string { return driftMarker + "\n" + text + "\n" }

// keep has the issue say text.
func (w *world) keep(issues *github.Issues, text string) int {
	w.t.Helper()
	number, err := issues.Keep(w.t.Context(), w.where, driftMarker, "Drift: "+text, issueBody(text))
	w.must(err)
	return number
}

// said compares all issues, as “number state title”.
func (w *world) said(want ...string) {
	w.t.Helper()
	var got []string
	for _, issue := range w.repo.Issues() {
		got = append(got, fmt.Sprint(issue.Number, " ", issue.State, " ", issue.Title))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("issues (-want +got):\n%s", diff)
	}
}

// An issue over its life: opened, left alone, edited, closed with a word, opened
// again within the week, and after it a new one. Each with no call too many.
func TestIssue(t *testing.T) {
	w := newWorld(t, standin.Options{})
	clock := time.Now()
	issues := w.slipway.Issues()
	w.slipway.SetClock(func() time.Time { return clock })

	first := w.keep(issues, "one")
	w.expect(whoAmI, listIssues, listIssues, createIssue)
	if again := w.keep(issues, "one"); again != first {
		t.Errorf("kept #%d, want #%d", again, first)
	}
	w.expect(listIssues)
	w.keep(issues, "two")
	w.expect(listIssues, updateIssue)
	number, text, err := issues.Find(t.Context(), w.where, driftMarker)
	if err != nil || number != first || text != issueBody("two") {
		t.Errorf("found #%d with %q, %v", number, text, err)
	}
	w.expect(listIssues)

	w.must(issues.Close(t.Context(), w.where, driftMarker, "It is gone."))
	w.expect(listIssues, list, create, updateIssue)
	w.said(fmt.Sprint(first, " closed Drift: two"))
	if comments := w.repo.Comments(first); len(comments) != 1 || comments[0].Body != "It is gone." {
		t.Errorf("comments %v, want the closing one", comments)
	}
	w.operations()
	w.must(issues.Close(t.Context(), w.where, driftMarker, "It is gone."))
	w.expect(listIssues)
	if number, _, err := issues.Find(t.Context(), w.where, driftMarker); number != 0 || err != nil {
		t.Errorf("found #%d, %v; want none", number, err)
	}

	w.github.Advance(6 * 24 * time.Hour)
	clock = clock.Add(6 * 24 * time.Hour)
	w.operations()
	if again := w.keep(issues, "three"); again != first {
		t.Errorf("within the week: #%d, want #%d", again, first)
	}
	w.said(fmt.Sprint(first, " open Drift: three"))
	w.must(issues.Close(t.Context(), w.where, driftMarker, "It is gone."))
	if comments := w.repo.Comments(first); len(comments) != 2 {
		t.Errorf("%d comments, want one for each end", len(comments))
	}
	w.github.Advance(8 * 24 * time.Hour)
	clock = clock.Add(8 * 24 * time.Hour)
	second := w.keep(issues, "four")
	w.said(fmt.Sprint(first, " closed Drift: three"), fmt.Sprint(second, " open Drift: four"))
}

// E4: a marker in somebody else's issue, in a pull request of ours, or another
// marker, is not the issue; and ours is found behind a hundred pages' worth of others.
func TestIssueTrustsOnlyItsOwn(t *testing.T) {
	w := newWorld(t, standin.Options{SkipContract: true})
	issues := w.slipway.Issues()
	_, err := w.repo.OpenIssue("alice", "Drift: forged", issueBody("0 differences"))
	w.must(err)
	p := w.proposal("one")
	p.Body = issueBody("a pull request")
	proposed, err := w.slipway.Proposals().Propose(t.Context(), w.where, p)
	w.must(err)
	token, err := w.slipway.Token(t.Context(), w.where.Installation)
	w.must(err)
	for i := range 104 {
		content := fmt.Sprintf(`{"title":"Another","body":"<!-- slipway:drift e%d -->\nx"}`, i)
		w.must(send(w, token, "repos/octo/shop/issues", content))
	}
	ours := w.keep(issues, "one")
	if ours == proposed.Number {
		t.Error("a pull request was taken for the issue")
	}
	w.operations()
	if again := w.keep(issues, "one"); again != ours {
		t.Errorf("kept #%d, want #%d", again, ours)
	}
	w.expect(listIssues, listIssues)
	for _, issue := range w.repo.Issues() {
		if issue.Title == "Drift: forged" && issue.Body != issueBody("0 differences") {
			t.Error("somebody else's issue was changed")
		}
	}
	if _, err := issues.Keep(t.Context(), w.where, driftMarker, "x", "no marker"); err == nil {
		t.Error("an issue without its marker was written")
	}
	if _, err := issues.Keep(t.Context(), w.where, "", "x", "no marker"); err == nil {
		t.Error("an issue without a marker was written")
	}
}

// Two replicas that opened the issue at the same moment: the oldest stays.
func TestIssueRemovesDuplicates(t *testing.T) {
	w := newWorld(t, standin.Options{})
	issues := w.slipway.Issues()
	first := w.keep(issues, "one")
	token, err := w.slipway.Token(t.Context(), w.where.Installation)
	w.must(err)
	w.must(send(w, token, "repos/octo/shop/issues", fmt.Sprintf(`{"title":"Drift: one","body":%q}`, issueBody("one"))))
	if kept := w.keep(issues, "one"); kept != first {
		t.Errorf("kept #%d, want the oldest, #%d", kept, first)
	}
	w.said(fmt.Sprint(first, " open Drift: one"), fmt.Sprint(first+1, " closed Drift: one"))
}

// F4: no answer that is lost makes a second issue or a second closing comment.
func TestIssueAfterAFailure(t *testing.T) {
	w := newWorld(t, standin.Options{})
	issues := w.slipway.Issues()
	w.github.Fail(standin.LostAnswer(createIssue, 1))
	if _, err := issues.Keep(t.Context(), w.where, driftMarker, "Drift: one", issueBody("one")); err != nil {
		t.Fatalf("got %v, want it to be found", err)
	}
	number := w.keep(issues, "one")
	w.said(fmt.Sprint(number, " open Drift: one"))
	for _, op := range []string{create, updateIssue} {
		w.keep(issues, "one")
		w.github.Fail(standin.LostAnswer(op, 1))
		closing := "Gone, " + op
		if err := issues.Close(t.Context(), w.where, driftMarker, closing); errors.Is(err, github.ErrTemporary) != (op == updateIssue) {
			t.Errorf("%s lost: %v", op, err)
		}
		w.must(issues.Close(t.Context(), w.where, driftMarker, closing))
		var said int
		for _, comment := range w.repo.Comments(number) {
			if comment.Body == closing {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%s lost: the closing comment is there %d times", op, said)
		}
		w.said(fmt.Sprint(number, " closed Drift: one"))
	}
}

// Issues that are switched off are said to be so; nothing is open there, and there
// is nothing to close.
func TestIssuesSwitchedOff(t *testing.T) {
	w := newWorld(t, standin.Options{})
	issues := w.slipway.Issues()
	off := standin.Fault{Status: 410, Count: -1, Message: "Issues are disabled for this repo"}
	for _, op := range []string{createIssue, listIssues} {
		off.Operation = op
		w.github.Fail(off)
		_, err := issues.Keep(t.Context(), w.where, driftMarker, "Drift", issueBody("one"))
		if !errors.Is(err, handlers.ErrNoIssues) || errors.Is(err, handlers.ErrGone) || !strings.Contains(err.Error(), "octo/shop") {
			t.Errorf("%s answered 410: %v, want ErrNoIssues", op, err)
		}
	}
	if number, _, err := issues.Find(t.Context(), w.where, driftMarker); number != 0 || err != nil {
		t.Errorf("found #%d, %v", number, err)
	}
	w.must(issues.Close(t.Context(), w.where, driftMarker, "x"))
}

// A locked conversation takes no comment, and is closed all the same.
func TestCloseLockedIssue(t *testing.T) {
	w := newWorld(t, standin.Options{})
	issues := w.slipway.Issues()
	number := w.keep(issues, "one")
	w.github.Fail(standin.Fault{Operation: create, Status: 403, Message: "Unable to create comment because issue is locked."})
	w.must(issues.Close(t.Context(), w.where, driftMarker, "x"))
	w.said(fmt.Sprint(number, " closed Drift: one"))
	for status, want := range map[int]error{403: handlers.ErrForbidden, 404: handlers.ErrGone, 500: github.ErrTemporary} {
		w.github.Fail(standin.Fault{Operation: listIssues, Status: status, Message: "no"})
		if err := issues.Close(t.Context(), w.where, driftMarker, "x"); !errors.Is(err, want) {
			t.Errorf("answered %d: %v, want %v", status, err, want)
		}
	}
}

// The open issues of ours that begin so: not closed ones, not a person's who copies the line.
func TestOpenIssues(t *testing.T) {
	w := newWorld(t, standin.Options{})
	issues := w.slipway.Issues()
	for _, environment := range []string{"b", "a", "gone"} {
		marker := "<!-- slipway:drift " + environment + " -->"
		_, err := issues.Keep(t.Context(), w.where, marker, "Drift", marker+"\ntext")
		w.must(err)
	}
	w.must(issues.Close(t.Context(), w.where, "<!-- slipway:drift gone -->", "closed"))
	_, err := issues.Keep(t.Context(), w.where, "<!-- slipway:other -->", "Other", "<!-- slipway:other -->\ntext")
	w.must(err)
	_, err = w.repo.OpenIssue("alice", "Mine", "<!-- slipway:drift mine -->\ntext")
	w.must(err)
	got, err := issues.Open(t.Context(), w.where, "<!-- slipway:drift ")
	w.must(err)
	if diff := cmp.Diff([]string{"<!-- slipway:drift a -->", "<!-- slipway:drift b -->"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
