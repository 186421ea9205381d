package github_test

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

const (
	compare      = "repos/compare-commits-with-basehead"
	getCommit    = "git/get-commit"
	getRef       = "git/get-ref"
	createTree   = "git/create-tree"
	createCommit = "git/create-commit"
	createRef    = "git/create-ref"
	updateRef    = "git/update-ref"
	listPulls    = "pulls/list"
	createPull   = "pulls/create"
	updatePull   = "pulls/update"

	promotion = "slipway/promote/staging-to-production"
)

// proposal makes a.yaml of the branch main hold text.
func (w *world) proposal(text string) handlers.Proposal {
	return handlers.Proposal{
		Branch: promotion, Base: "main", Parent: render.Commit(w.repo.Head("main")),
		Title: "Promote " + text, Body: "<!-- slipway:promotion -->\nPromotes " + text + ".\n", Message: "Promote " + text + "\n",
		Files: []handlers.File{{Path: "a.yaml", Content: []byte("a: " + text + "\n")}},
	}
}

// propose proposes, and checks the outcome.
func (w *world) propose(p handlers.Proposal, want handlers.ProposalOutcome) handlers.Proposed {
	w.t.Helper()
	got, err := w.slipway.Proposals().Propose(w.t.Context(), w.where, p)
	w.must(err)
	if got.Outcome != want {
		w.t.Errorf("%s (%s), want %s", got.Outcome, got.Reason, want)
	}
	return got
}

// shows checks that an open pull request of the App shows exactly the proposal.
func (w *world) shows(number int, p handlers.Proposal) {
	w.t.Helper()
	got, _ := w.repo.Pull(number)
	want := standin.Pull{
		Number: number, Title: p.Title, Body: p.Body, Author: "slipway[bot]", State: "open",
		HeadRef: p.Branch, HeadSHA: w.repo.Head(p.Branch), BaseRef: p.Base,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("pull request (-want +got):\n%s", diff)
	}
	if content, err := w.repo.File(p.Branch, "a.yaml"); err != nil || content != string(p.Files[0].Content) {
		w.t.Errorf("a.yaml reads %q, %v", content, err)
	}
	if log := w.git("log", "--format=%an %s %P", string(p.Parent)+".."+p.Branch); log != "slipway[bot] "+strings.TrimSpace(p.Message)+" "+string(p.Parent) {
		w.t.Errorf("commits %q, want one of ours on %s", log, p.Parent)
	}
	if files := w.git("diff", "--name-only", string(p.Parent), p.Branch); files != "a.yaml" {
		w.t.Errorf("changes %q, want a.yaml alone", files)
	}
}

// git reads the repository on GitHub's disk.
func (w *world) git(args ...string) string {
	w.t.Helper()
	out, err := exec.Command("git", append([]string{"-C", w.repo.Dir()}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newProposals is a world where the App knows its name and main has another file.
func newProposals(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, standin.Options{})
	_, err := w.slipway.Slug(t.Context())
	w.must(err)
	w.push("other", "z: 1\n")
	_, err = w.repo.Push("alice", "main", "another file", map[string]*string{"b.yaml": standin.Text("b: 1\n")})
	w.must(err)
	w.operations()
	return w
}

// A pull request over its life, each time with no call too many.
func TestPropose(t *testing.T) {
	w := newProposals(t)
	one := w.proposal("one")
	first := w.propose(one, handlers.ProposalOpened)
	w.expect(compare, getCommit, createTree, createCommit, createRef, createPull)
	w.shows(first.Number, one)

	same := w.propose(one, handlers.ProposalSame)
	w.expect(compare, listPulls)
	if same.Number != first.Number {
		t.Errorf("#%d, want #%d", same.Number, first.Number)
	}
	head := w.repo.Head(promotion)
	reworded := one
	reworded.Body += "And says so.\n"
	w.propose(reworded, handlers.ProposalUpdated)
	w.expect(compare, listPulls, updatePull)
	if w.repo.Head(promotion) != head {
		t.Error("the branch moved for a word in the text")
	}
	two := w.proposal("two")
	if got := w.propose(two, handlers.ProposalUpdated); got.Number != first.Number {
		t.Errorf("#%d, want #%d", got.Number, first.Number)
	}
	w.expect(compare, listPulls, createTree, createCommit, getRef, updateRef, updatePull)
	w.shows(first.Number, two)

	w.must(w.repo.EditTitle("alice", first.Number, "Alice's")) // a person's title is put right
	w.propose(two, handlers.ProposalUpdated)
	w.shows(first.Number, two)
}

// The base moves: what does not concern the proposal leaves it as it is, what
// might conflict brings it onto the new base.
func TestProposeWhenTheBaseMoves(t *testing.T) {
	w := newProposals(t)
	number := w.propose(w.proposal("one"), handlers.ProposalOpened).Number
	head := w.repo.Head(promotion)
	_, err := w.repo.Push("alice", "main", "unrelated", map[string]*string{"c.yaml": standin.Text("c: 1\n")})
	w.must(err)
	w.operations()
	w.propose(w.proposal("one"), handlers.ProposalSame)
	w.expect(compare, listPulls, compare)
	if w.repo.Head(promotion) != head {
		t.Error("the branch moved")
	}
	_, err = w.repo.Push("alice", "main", "the same line", map[string]*string{"a.yaml": standin.Text("a: by hand\n")})
	w.must(err)
	one := w.proposal("one")
	w.propose(one, handlers.ProposalUpdated)
	w.shows(number, one)
}

// A branch with a person's commit is left alone, whether they added to ours, replaced
// it, or had the name first; also when they push between our look and our write.
func TestProposeLeavesPeopleAlone(t *testing.T) {
	theirs := map[string]*string{"a.yaml": standin.Text("a: alice's\n")}
	for name, tc := range map[string]struct {
		opened bool // a pull request of ours is there
		act    func(w *world) (string, error)
		fault  string // the call that they come before
	}{
		"added to it":            {true, func(w *world) (string, error) { return w.repo.Push("alice", promotion, "mine", theirs) }, ""},
		"replaced it":            {true, func(w *world) (string, error) { return w.repo.ForcePush("alice", promotion, "main", "mine", theirs) }, ""},
		"had it first":           {false, func(w *world) (string, error) { return w.repo.Push("alice", promotion, "mine", theirs) }, ""},
		"came before the update": {true, func(w *world) (string, error) { return w.repo.Push("alice", promotion, "mine", theirs) }, getRef},
		"came before the branch": {false, func(w *world) (string, error) { return w.repo.Push("alice", promotion, "mine", theirs) }, createRef},
		"came before the commit": {true, func(w *world) (string, error) { return w.repo.Push("alice", promotion, "mine", theirs) }, createCommit},
		"came with the same text": {false, func(w *world) (string, error) {
			return w.repo.Push("alice", promotion, "mine", map[string]*string{"a.yaml": standin.Text("a: two\n")})
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newProposals(t)
			number := 0
			if tc.opened {
				number = w.propose(w.proposal("one"), handlers.ProposalOpened).Number
			}
			var sha string
			act := func() {
				var err error
				sha, err = tc.act(w)
				w.must(err)
			}
			if tc.fault != "" {
				w.github.Fail(standin.Fault{Operation: tc.fault, Meanwhile: act})
			} else {
				act()
			}
			got := w.propose(w.proposal("two"), handlers.ProposalNotOurs)
			if got.Number != number || !strings.Contains(got.Reason, "alice") || !strings.Contains(got.Reason, sha[:7]) {
				t.Errorf("#%d: %q, want #%d, alice and her commit %s", got.Number, got.Reason, number, sha[:7])
			}
			if head := w.repo.Head(promotion); head != sha {
				t.Errorf("the branch is at %s, want hers, %s", head, sha)
			}
		})
	}
}

// A branch without a common history cannot be compared; it is not ours.
func TestProposeOnAForeignHistory(t *testing.T) {
	w := newProposals(t)
	tree := w.git("rev-parse", "main^{tree}")
	orphan := w.git("-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", tree, "-m", "orphan")
	w.git("update-ref", "refs/heads/"+promotion, orphan)
	w.propose(w.proposal("one"), handlers.ProposalNotOurs)
	if head := w.repo.Head(promotion); head != orphan {
		t.Errorf("the branch is at %s, want %s", head, orphan)
	}
}

// What ended is not taken up: a pull request that was closed, or merged in any way,
// whether or not its branch was deleted, is followed by a new one.
func TestProposeAfterTheEnd(t *testing.T) {
	merge := func(method string) func(*world, int) error {
		return func(w *world, number int) error { _, err := w.repo.Merge("alice", number, method); return err }
	}
	for name, end := range map[string]func(*world, int) error{
		"closed":   func(w *world, number int) error { return w.repo.Close("alice", number) },
		"merged":   merge("merge"),
		"squashed": merge("squash"),
		"rebased":  merge("rebase"),
		"merged, deleted": func(w *world, number int) error {
			return errors.Join(merge("merge")(w, number), w.repo.DeleteBranch("alice", promotion))
		},
		"deleted, unmerged": func(w *world, number int) error { return w.repo.DeleteBranch("alice", promotion) },
	} {
		for _, text := range []string{"one", "two"} {
			t.Run(name+", then "+text, func(t *testing.T) {
				w := newProposals(t)
				first := w.propose(w.proposal("one"), handlers.ProposalOpened).Number
				w.must(end(w, first))
				_, err := w.repo.Push("alice", "main", "back", map[string]*string{"a.yaml": standin.Text("a: 1\n")})
				w.must(err)
				next := w.proposal(text)
				got := w.propose(next, handlers.ProposalOpened)
				if got.Number <= first {
					t.Fatalf("#%d, want a new one after #%d", got.Number, first)
				}
				w.shows(got.Number, next)
				w.operations()
				w.propose(next, handlers.ProposalSame)
				if _, writes := w.operations(); writes != 0 {
					t.Errorf("%d writes, want none", writes)
				}
			})
		}
	}
}

// Somebody opens the pull request first: it is adopted and says what is proposed.
func TestProposeAdopts(t *testing.T) {
	w := newProposals(t)
	var theirs int
	w.github.Fail(standin.Fault{Operation: createPull, Meanwhile: func() {
		var err error
		theirs, err = w.repo.OpenPull("alice", "Hers", promotion, "main")
		w.must(err)
	}})
	one := w.proposal("one")
	if got := w.propose(one, handlers.ProposalUpdated); got.Number != theirs {
		t.Errorf("#%d, want #%d", got.Number, theirs)
	}
	if got, _ := w.repo.Pull(theirs); got.Title != one.Title || got.Body != one.Body {
		t.Errorf("it says %q, %q", got.Title, got.Body)
	}
}

// What is longer than GitHub takes is cut, and what was cut is the same.
func TestProposeKeepsToTheLimits(t *testing.T) {
	w := newProposals(t)
	p := w.proposal("one")
	p.Title, p.Body = strings.Repeat("ä", 300), p.Body+strings.Repeat("ä", 70000)
	number := w.propose(p, handlers.ProposalOpened).Number
	got, _ := w.repo.Pull(number)
	if len([]rune(got.Title)) != 256 || len([]rune(got.Body)) != 65536 {
		t.Errorf("%d and %d characters", len([]rune(got.Title)), len([]rune(got.Body)))
	}
	w.propose(p, handlers.ProposalSame)
}

// The budget: from the comment to the pull request and the answer, minting and the
// App's own name included, at most 12 calls.
func TestPromotionBudget(t *testing.T) {
	w := newWorld(t, standin.Options{})
	ctx, reply := t.Context(), "<!-- slipway:reply 7 -->"
	id, err := w.repo.Comment("alice", w.pull, "/promote staging→production")
	w.must(err)
	w.operations()
	comments := w.slipway.Comments()
	text, _, err := comments.Published(ctx, w.where, w.pull, reply)
	w.must(err)
	w.must(w.slipway.Reactions().React(ctx, w.where, id, "eyes"))
	_, err = w.slipway.People().Role(ctx, w.where, "alice")
	w.must(err)
	done := w.propose(w.proposal("one"), handlers.ProposalOpened)
	w.must(comments.Publish(ctx, w.where, w.pull, fmt.Sprintf("%s\nOpened #%d.", reply, done.Number)))
	w.must(w.slipway.Reactions().React(ctx, w.where, id, "rocket"))
	all, _ := w.operations()
	if text != "" || len(all) > 12 {
		t.Errorf("%d calls, want at most 12: %q", len(all), all)
	}
	t.Logf("%d calls", len(all))
}
