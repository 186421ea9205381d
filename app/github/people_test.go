package github_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
)

const (
	getRole   = "repos/get-collaborator-permission-level"
	getMember = "teams/get-membership-for-user-in-org"
	react     = "reactions/create-for-issue-comment"
)

// The adapter is all that package handlers asks for.
var (
	_ handlers.Comments          = (*github.Comments)(nil)
	_ handlers.PublishedComments = (*github.Comments)(nil)
	_ handlers.People            = (*github.People)(nil)
	_ handlers.Reactions         = (*github.Reactions)(nil)
	_ handlers.Deployments       = (*github.Deployments)(nil)
	_ handlers.History           = (*github.History)(nil)
	_ handlers.Issues            = (*github.Issues)(nil)
	_ handlers.Proposals         = (*github.Proposals)(nil)
	_ handlers.Repositories      = (*github.Repositories)(nil)
)

// B7: each step of GitHub's ladder is told from the next, by one call each time.
func TestRole(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.github.AddUser("stranger")
	people := w.slipway.People()
	for _, role := range []standin.Role{standin.Read, standin.Triage, standin.Write, standin.Maintain, standin.Admin, standin.None} {
		w.repo.SetRole("bob", role)
		got, err := people.Role(t.Context(), w.where, "bob")
		w.must(err)
		if got != handlers.Role(role) {
			t.Errorf("%s is taken for %s", role, got)
		}
		w.expect(getRole)
	}
	if got, err := people.Role(t.Context(), w.where, "stranger"); err != nil || got != handlers.RoleNone {
		t.Errorf("a stranger: %s, %v", got, err)
	}
	w.repo.SetPublic()
	if got, err := people.Role(t.Context(), w.where, "stranger"); err != nil || got != handlers.RoleRead {
		t.Errorf("a stranger to a public repository: %s, %v", got, err)
	}
}

// B7: whatever goes wrong, nobody has a role by it.
func TestRoleFailsClosed(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.github.AddOrg("root-org", "alice")
	w.repo.SetRole("alice", standin.Admin)
	for name, tc := range map[string]struct {
		fault standin.Fault
		want  error
	}{
		"refused":      {standin.Fault{Operation: getRole, Status: 403, Message: "Must have push access to view collaborator permission."}, handlers.ErrForbidden},
		"not found":    {standin.Fault{Operation: getRole, Status: 404, Message: "Not Found"}, handlers.ErrGone},
		"unavailable":  {standin.ServerError(getRole, 503, 1), github.ErrTemporary},
		"cut":          {standin.Fault{Operation: getRole, Drop: true, Count: -1}, github.ErrTemporary},
		"rate limited": {standin.SecondaryLimit(getRole, 403, 1, 0), github.ErrRateLimited},
	} {
		w.restart() // which forgets that GitHub wanted a pause
		people := w.slipway.People()
		w.github.Fail(tc.fault)
		if got, err := people.Role(t.Context(), w.where, "alice"); got != handlers.RoleNone || !errors.Is(err, tc.want) {
			t.Errorf("%s: %s, %v; want no role and %v", name, got, err, tc.want)
		}
		w.github.Heal()
	}
	w.restart()
	people := w.slipway.People()
	_, err := w.slipway.Slug(t.Context())
	w.must(err)
	w.operations()
	for _, name := range []string{"", "..", "alice/permission?x", "alice\n", "ａlice", strings.Repeat("a", 200)} {
		if got, err := people.Role(t.Context(), w.where, name); got != handlers.RoleNone || err == nil {
			t.Errorf("%q: %s, %v; want no role and an error", name, got, err)
		}
	}
	w.expect() // nothing of the kind is asked
	if _, err := people.Role(t.Context(), w.where, "nobody-of-that-name"); !errors.Is(err, handlers.ErrGone) {
		t.Errorf("an account that is not there: %v, want ErrGone", err)
	}
}

// B7: only who accepted is a member; pending, strangers and unknown teams are not,
// and an answer that does not come is an error.
func TestMember(t *testing.T) {
	w := newWorld(t, standin.Options{})
	w.must(w.github.AddTeam(owner, "platform", "alice"))
	w.must(w.github.InviteToTeam(owner, "platform", "bob"))
	w.github.AddUser("stranger")
	people := w.slipway.People()
	for _, tc := range []struct {
		team, login string
		want        bool
	}{
		{"platform", "alice", true}, {"platform", "ALICE", true}, {"platform", "bob", false}, {"platform", "stranger", false},
		{"no-such-team", "alice", false}, {"../../users", "alice", false}, {"", "alice", false}, {"Platform Team", "alice", false},
	} {
		if got, err := people.Member(t.Context(), w.where, tc.team, tc.login); err != nil || got != tc.want {
			t.Errorf("%s in %q: %v, %v; want %v", tc.login, tc.team, got, err, tc.want)
		}
	}
	for status, want := range map[int]error{http.StatusForbidden: handlers.ErrForbidden, http.StatusBadGateway: github.ErrTemporary} {
		w.github.Fail(standin.Fault{Operation: getMember, Status: status, Message: "no"})
		if got, err := people.Member(t.Context(), w.where, "platform", "alice"); got || !errors.Is(err, want) {
			t.Errorf("answered %d: %v, %v; want no member and %v", status, got, err, want)
		}
	}
	if got, err := people.Member(t.Context(), w.where, "platform", "a/b"); got || err == nil {
		t.Errorf("a name that is none: %v, %v", got, err)
	}
	w.install.Uninstall()
	w.restart()
	if got, err := w.slipway.People().Member(t.Context(), w.where, "platform", "alice"); got || !errors.Is(err, handlers.ErrGone) {
		t.Errorf("uninstalled: %v, %v; want ErrGone", got, err)
	}
}

// A reaction is there once, however often it is given.
func TestReact(t *testing.T) {
	w := newWorld(t, standin.Options{})
	id, err := w.repo.Comment("alice", w.pull, "/plan")
	w.must(err)
	reactions := w.slipway.Reactions()
	w.github.Fail(standin.LostAnswer(react, 1))
	if err := reactions.React(t.Context(), w.where, id, "eyes"); !errors.Is(err, github.ErrTemporary) {
		t.Errorf("a lost answer: %v, want ErrTemporary", err)
	}
	for _, reaction := range []string{"eyes", "eyes", "rocket"} {
		w.must(reactions.React(t.Context(), w.where, id, reaction))
	}
	w.expect(react, react, react, react)
	if got := strings.Join(w.repo.Comments(w.pull)[0].Reactions, " "); got != "eyes rocket" {
		t.Errorf("reactions %q, want eyes and rocket", got)
	}
	w.must(w.repo.DeleteComment("alice", id))
	if err := reactions.React(t.Context(), w.where, id, "eyes"); !errors.Is(err, handlers.ErrGone) {
		t.Errorf("on a comment that is gone: %v, want ErrGone", err)
	}
}
