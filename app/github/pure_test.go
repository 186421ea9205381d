package github

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// B7: a role of the organisation's own counts as what it grants, whatever its name
// says; nothing exceeds the permission.
func TestGrantRole(t *testing.T) {
	for _, tc := range []struct {
		permission, role string
		triage, maintain bool
		want             handlers.Role
		unknown          bool
	}{
		{permission: "admin", role: "admin", triage: true, maintain: true, want: handlers.RoleAdmin},
		{permission: "write", role: "maintain", triage: true, maintain: true, want: handlers.RoleMaintain},
		{permission: "write", role: "write", triage: true, want: handlers.RoleWrite},
		{permission: "read", role: "triage", triage: true, want: handlers.RoleTriage},
		{permission: "read", role: "read", want: handlers.RoleRead},
		{permission: "none", role: "none", want: handlers.RoleNone},
		{permission: "write", role: "release manager", triage: true, want: handlers.RoleWrite},
		{permission: "write", role: "lead", triage: true, maintain: true, want: handlers.RoleMaintain},
		{permission: "read", role: "helper", triage: true, want: handlers.RoleTriage},
		{permission: "read", role: "auditor", want: handlers.RoleRead},
		{permission: "read", role: "admin", want: handlers.RoleRead},
		{permission: "read", role: "maintain", maintain: true, want: handlers.RoleRead},
		{permission: "none", role: "admin", triage: true, maintain: true, want: handlers.RoleNone},
		{permission: "", role: "admin", unknown: true},
		{permission: "owner", role: "admin", unknown: true},
		{permission: "maintain", role: "maintain", unknown: true},
	} {
		g := grant{Permission: tc.permission, Role: tc.role}
		g.User.Permissions.Triage, g.User.Permissions.Maintain = tc.triage, tc.maintain
		got, ok := g.role()
		if ok == tc.unknown || !tc.unknown && got != tc.want || tc.unknown && got != handlers.RoleNone {
			t.Errorf("%+v: %s, %v", tc, got, ok)
		}
	}
}

// An answer in words that are not known is an error, not a role.
func TestRoleOfAnUnknownPermission(t *testing.T) {
	a := appAt(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"permission":"owner","role_name":"admin"}`)
	})
	if got, err := a.People().Role(t.Context(), testRepo, "alice"); got != handlers.RoleNone || err == nil {
		t.Errorf("%s, %v; want no role and an error", got, err)
	}
}

// A commit is ours when GitHub made it as our bot. A person who amends, rebases or
// forges it makes it theirs; where GitHub signs, the names alone prove nothing.
func TestCommittedBy(t *testing.T) {
	const bot = "slipway[bot]"
	for _, tc := range []struct {
		name, author, committer, reason string
		verified                        bool
		signing, notSigning             bool // whether it is ours where GitHub signs, and where it does not
	}{
		{"ours", bot, bot, "valid", true, true, true},
		{"ours, committed by GitHub", bot, "web-flow", "valid", true, true, true},
		{"ours on a server that does not sign", bot, bot, "unsigned", false, false, true},
		{"with a bad signature", bot, bot, "invalid", false, false, false},
		{"amended", bot, "alice", "unsigned", false, false, false},
		{"amended and signed", bot, "alice", "valid", true, false, false},
		{"a person's", "alice", "alice", "valid", true, false, false},
		{"a person's on the page", "alice", "web-flow", "valid", true, false, false},
		{"a person's, committed as ours", "alice", bot, "unsigned", false, false, false},
		{"nobody's that GitHub knows", "", "", "unsigned", false, false, false},
		{"another bot's", "other[bot]", "other[bot]", "valid", true, false, false},
	} {
		commit := &gogithub.RepositoryCommit{Commit: &gogithub.Commit{Verification: &gogithub.SignatureVerification{Verified: &tc.verified, Reason: &tc.reason}}}
		if tc.author != "" {
			commit.Author, commit.Committer = &gogithub.User{Login: &tc.author}, &gogithub.User{Login: &tc.committer}
		}
		if got := committedBy(commit, bot, true); got != tc.signing {
			t.Errorf("%s, where GitHub signs: %v", tc.name, got)
		}
		if got := committedBy(commit, bot, false); got != tc.notSigning {
			t.Errorf("%s, where it does not: %v", tc.name, got)
		}
	}
	public, err := New(Settings{AppID: 1, PrivateKey: testKey()})
	if err != nil {
		t.Fatal(err)
	}
	if !public.signs() || newApp(t, Settings{API: "https://ghe.example.com/api/v3/"}).signs() {
		t.Error("github.com signs, an Enterprise Server may not")
	}
}

func TestChanges(t *testing.T) {
	file := func(path, content, status string) *gogithub.CommitFile {
		sha := blobName([]byte(content))
		return &gogithub.CommitFile{Filename: &path, SHA: &sha, Status: &status}
	}
	wanted := []handlers.File{{Path: "a", Content: []byte("1\n")}, {Path: "b", Content: []byte("2\n")}}
	for name, tc := range map[string]struct {
		diff []*gogithub.CommitFile
		want bool
	}{
		"the same":        {[]*gogithub.CommitFile{file("b", "2\n", "added"), file("a", "1\n", "modified")}, true},
		"one missing":     {[]*gogithub.CommitFile{file("a", "1\n", "modified")}, false},
		"one too many":    {[]*gogithub.CommitFile{file("a", "1\n", "modified"), file("b", "2\n", "modified"), file("c", "3\n", "added")}, false},
		"another instead": {[]*gogithub.CommitFile{file("a", "1\n", "modified"), file("c", "3\n", "added")}, false},
		"another content": {[]*gogithub.CommitFile{file("a", "1\n", "modified"), file("b", "3\n", "modified")}, false},
		"a removal":       {[]*gogithub.CommitFile{file("a", "1\n", "modified"), file("b", "2\n", "removed")}, false},
		"a rename":        {[]*gogithub.CommitFile{file("a", "1\n", "modified"), file("b", "2\n", "renamed")}, false},
	} {
		if got := changes(tc.diff, wanted); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := blobName(nil); got != "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" { // Git's name of the empty file
		t.Errorf("the empty file is %s", got)
	}
}

// Lists are read to their end, however many pages they have.
func TestAllPages(t *testing.T) {
	a := appAt(t, func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		page = max(page, 1)
		if page < 3 {
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, page+1))
		}
		switch r.URL.Path {
		case "/api/v3/app/installations":
			fmt.Fprintf(w, `[{"id":%d,"account":{"login":"a%d"}}]`, page, page)
		case "/api/v3/installation/repositories":
			fmt.Fprintf(w, `{"repositories":[{"name":"r%d","owner":{"login":"a"},"default_branch":"main"},{"name":"old","owner":{"login":"a"},"archived":true}]}`, page)
		default:
			fmt.Fprintf(w, `[{"number":%d,"state":"open","head":{"sha":%q},"merged_at":"2026-11-20T10:00:00Z"},{"number":%d}]`, 10-page, testCommit, 100+page)
		}
	})
	all, err := a.Repositories().All(t.Context())
	if err != nil || len(all) != 9 || all[0].Name != "r1" || all[8].Name != "r3" {
		t.Errorf("repositories %v, %v; want three of each of three installations", all, err)
	}
	numbers, err := a.History().MergedBy(t.Context(), testRepo, testCommit)
	if got := fmt.Sprint(numbers); err != nil || got != "[7 8 9]" {
		t.Errorf("merged by %s, %v; want 7, 8 and 9", got, err)
	}
	numbers, err = a.PullRequests().PullsAt(t.Context(), testRepo, testCommit)
	if got := fmt.Sprint(numbers); err != nil || got != "[7 8 9]" {
		t.Errorf("open at the commit are %s, %v; want 7, 8 and 9", got, err)
	}
	heads, err := a.PullRequests().Heads(t.Context(), testRepo, time.Now())
	var open []int
	for _, head := range heads {
		if head.Open {
			open = append(open, head.Number)
		}
	}
	if got := fmt.Sprint(open); err != nil || got != "[9 8 7 9]" { // the last is of the closed ones' page
		t.Errorf("heads of open pull requests %s, %v; want 9, 8 and 7", got, err)
	}
}

// What is remembered is bounded, and an absence counts once and for a while.
func TestIDs(t *testing.T) {
	now := time.Now()
	known := newIDs()
	for i := range idsKnown + 5 {
		known.remember(fmt.Sprint(i), int64(i))
	}
	if n := len(known.known); n > idsKnown {
		t.Errorf("remembers %d", n)
	}
	known.absent("a", now)
	known.absent("b", now)
	if !known.wasAbsent("a", now) || known.wasAbsent("a", now) || known.wasAbsent("b", now.Add(2*absence)) || known.wasAbsent("c", now) {
		t.Error("an absence counts once, for a while, and only where somebody looked")
	}
}
