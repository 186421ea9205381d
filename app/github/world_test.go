package github_test

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway"
	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// manifest is what the tests read of app.yml.
type manifest struct {
	Name        string            `json:"name"`
	Permissions map[string]string `json:"default_permissions"`
	Events      []string          `json:"default_events"`
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	var m manifest
	if err := yaml.Unmarshal(slipway.Manifest, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// A world is GitHub with one repository, a pull request by alice, and the App
// installed with what app.yml declares.
type world struct {
	t         *testing.T
	github    *standin.Server
	repo      *standin.Repo
	app       *standin.App
	install   *standin.Installation
	slipway   *github.App
	where     handlers.Repository
	pull      int
	head      render.Commit
	transport *http.Transport
}

const owner = "octo"

// unpaced lets a test write as fast as it can.
var unpaced = github.Pace{CreationsPerMinute: -1, CreationsPerHour: -1, PointsPerMinute: -1}

func newWorld(t *testing.T, options standin.Options) *world {
	t.Helper()
	return newWorldWith(t, options, readManifest(t).Permissions)
}

func newWorldWith(t *testing.T, options standin.Options, permissions map[string]string) *world {
	t.Helper()
	w := &world{t: t, github: standin.StartTest(t, options), transport: http.DefaultTransport.(*http.Transport).Clone()}
	t.Cleanup(w.transport.CloseIdleConnections)
	w.github.AddOrg(owner)
	w.github.AddUser("alice")
	var err error
	w.repo, err = w.github.AddRepo(owner, "shop", map[string]string{"a.yaml": "a: 1\n"})
	w.must(err)
	w.repo.SetRole("alice", standin.Write)
	m := readManifest(t)
	if !maps.Equal(permissions, m.Permissions) {
		m.Events = nil // GitHub would refuse those that the permissions do not cover
	}
	w.app, w.install, err = w.github.InstallApp(owner, standin.Manifest{Name: m.Name, Permissions: permissions, Events: m.Events, Secret: "hush"})
	w.must(err)
	w.head = w.push("feature", "a: 2\n")
	w.pull, err = w.repo.OpenPull("alice", "Second", "feature", "main")
	w.must(err)
	w.where = handlers.Repository{Installation: w.install.ID, Owner: owner, Name: "shop", DefaultBranch: "main"}
	w.restart()
	w.github.ResetCalls()
	return w
}

// another opens a pull request that nothing was said on yet, and restarts.
func (w *world) another() {
	w.t.Helper()
	branch := fmt.Sprint("feature-", w.pull)
	w.head = w.push(branch, branch)
	var err error
	w.pull, err = w.repo.OpenPull("alice", branch, branch, "main")
	w.must(err)
	w.restart()
	w.github.ResetCalls()
}

// restart forgets everything that the adapter has in memory, tokens included.
func (w *world) restart() {
	w.t.Helper()
	w.restartWith(func(*github.Settings) {})
}

// restartWith does so with other settings.
func (w *world) restartWith(change func(*github.Settings)) {
	w.t.Helper()
	settings := github.Settings{
		AppID: w.app.ID, PrivateKey: w.app.Key, WebhookSecret: "hush", Pace: unpaced,
		Web: w.github.URL, API: w.github.APIURL(), Transport: w.transport,
	}
	change(&settings)
	var err error
	w.slipway, err = github.New(settings)
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) push(branch, content string) render.Commit {
	w.t.Helper()
	sha, err := w.repo.Push("alice", branch, "change", map[string]*string{"a.yaml": standin.Text(content)})
	w.must(err)
	return render.Commit(sha)
}

// operations returns the calls since the last look, and forgets them.
func (w *world) operations() (all []string, writes int) {
	for _, call := range w.github.Calls() {
		all = append(all, call.Operation)
		if call.Write() {
			writes++
		}
	}
	w.github.ResetCalls()
	return all, writes
}

// expect compares the calls since the last look, minting apart.
func (w *world) expect(want ...string) {
	w.t.Helper()
	all, _ := w.operations()
	var got []string
	for _, operation := range all {
		if operation != "apps/create-installation-access-token" {
			got = append(got, operation)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		w.t.Errorf("calls %q, want %q", got, want)
	}
}

func body(text string) string { return report.Marker + "\n" + text + "\n" }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
