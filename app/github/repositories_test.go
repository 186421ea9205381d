package github_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
)

const (
	listInstallations = "apps/list-installations"
	listRepositories  = "apps/list-repos-accessible-to-installation"
)

// Every repository of every installation that is served; those of accounts that are
// not served, or that are suspended, are left out. The published contract is not
// checked: the stand-in's validator refuses its second installation, which differs
// from the first in nothing but names.
func TestRepositories(t *testing.T) {
	w := newWorld(t, standin.Options{SkipContract: true})
	for _, name := range []string{"two", "one"} {
		_, err := w.github.AddRepo("many", name, map[string]string{"a.yaml": "a: 1\n"})
		w.must(err)
	}
	many, err := w.app.Install("many")
	w.must(err)
	want := []handlers.Repository{
		{Installation: many.ID, Owner: "many", Name: "one", DefaultBranch: "main"},
		{Installation: many.ID, Owner: "many", Name: "two", DefaultBranch: "main"},
		w.where,
	}
	_, err = w.github.AddRepo("stopped", "one", map[string]string{"a.yaml": "a: 1\n"})
	w.must(err)
	stopped, err := w.app.Install("stopped")
	w.must(err)
	stopped.Suspend()

	got, err := w.slipway.Repositories().All(t.Context())
	w.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect(listInstallations, listRepositories, listRepositories)

	narrow, err := github.New(github.Settings{
		AppID: w.app.ID, PrivateKey: w.app.Key, API: w.github.APIURL(), Transport: w.transport, Accounts: []string{"OCTO"},
	})
	w.must(err)
	got, err = narrow.Repositories().All(t.Context())
	w.must(err)
	if diff := cmp.Diff([]handlers.Repository{w.where}, got); diff != "" {
		t.Errorf("of one account (-want +got):\n%s", diff)
	}
}

// An installation that ends meanwhile hides no other; a GitHub that fails does.
func TestRepositoriesFail(t *testing.T) {
	w := newWorld(t, standin.Options{SkipContract: true})
	_, err := w.github.AddRepo("acme", "one", map[string]string{"a.yaml": "a: 1\n"})
	w.must(err)
	_, err = w.app.Install("acme")
	w.must(err)
	for _, status := range []int{403, 404} {
		w.github.Fail(standin.Fault{Operation: listRepositories, Status: status, Message: "no"})
		got, err := w.slipway.Repositories().All(t.Context())
		if err != nil || len(got) != 1 {
			t.Errorf("answered %d: %v, %v; want those of the other", status, got, err)
		}
	}
	for _, op := range []string{listInstallations, listRepositories} {
		w.github.Fail(standin.ServerError(op, 502, 1))
		if got, err := w.slipway.Repositories().All(t.Context()); !errors.Is(err, github.ErrTemporary) || got != nil {
			t.Errorf("%s answered 502: %v, %v; want ErrTemporary", op, got, err)
		}
	}
}
