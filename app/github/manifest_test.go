package github_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
)

// drivers make each call, one by one.
var drivers = map[string]func(context.Context, *world, *github.App) error{
	"apps/get-authenticated": func(ctx context.Context, _ *world, a *github.App) error { _, err := a.Slug(ctx); return err },
	"apps/create-installation-access-token": func(ctx context.Context, w *world, a *github.App) error {
		_, err := a.Token(ctx, w.where.Installation)
		return err
	},
	"apps/create-from-manifest": func(ctx context.Context, w *world, _ *github.App) error {
		_, err := github.Convert(ctx, github.Settings{API: w.github.APIURL(), Transport: w.transport}, w.app.ManifestCode())
		return err
	},
	"pulls/get": func(ctx context.Context, w *world, a *github.App) error {
		_, err := a.PullRequests().Pull(ctx, w.where, w.pull)
		return err
	},
	"pulls/list": func(ctx context.Context, w *world, a *github.App) error {
		_, err := a.PullRequests().PullsAt(ctx, w.where, w.head)
		return err
	},
	list: func(ctx context.Context, w *world, a *github.App) error { return publish(ctx, w, a.Comments()) },
	create: func(ctx context.Context, w *world, a *github.App) error {
		return publish(ctx, w, a.Comments())
	},
	get: func(ctx context.Context, w *world, a *github.App) error {
		comments := a.Comments()
		return errors.Join(publish(ctx, w, comments), publish(ctx, w, comments))
	},
	update: func(ctx context.Context, w *world, a *github.App) error {
		err := publish(ctx, w, a.Comments())
		for _, comment := range w.repo.Comments(w.pull) {
			w.must(w.repo.EditComment("alice", comment.ID, body("other")))
		}
		return errors.Join(err, publish(ctx, w, a.Comments()))
	},
	remove: func(ctx context.Context, w *world, a *github.App) error {
		err := publish(ctx, w, a.Comments())
		if token, mintErr := a.Token(ctx, w.where.Installation); mintErr == nil {
			_ = post(w, token, fmt.Sprintf("repos/octo/shop/issues/%d/comments", w.pull), body("again"))
		}
		return errors.Join(err, publish(ctx, w, a.Comments()))
	},
	listRuns: func(ctx context.Context, w *world, a *github.App) error {
		return a.Checks().Start(ctx, w.where, w.head, "", false)
	},
	createRun: func(ctx context.Context, w *world, a *github.App) error {
		return a.Checks().Start(ctx, w.where, w.head, "", false)
	},
	updateRun: func(ctx context.Context, w *world, a *github.App) error {
		return errors.Join(a.Checks().Start(ctx, w.where, w.head, "", false),
			a.Checks().Conclude(ctx, w.where, w.head, []report.Check{check("slipway", report.Success, 0)}, false))
	},
	"apps/list-installations": func(ctx context.Context, _ *world, a *github.App) error {
		_, err := a.Repositories().All(ctx)
		return err
	},
	"apps/list-repos-accessible-to-installation": func(ctx context.Context, _ *world, a *github.App) error {
		_, err := a.Repositories().All(ctx)
		return err
	},
	"apps/list-webhook-deliveries": func(ctx context.Context, _ *world, a *github.App) error {
		_, err := a.Redelivery().Missed(ctx)
		return err
	},
	"apps/redeliver-webhook-delivery": func(ctx context.Context, w *world, a *github.App) error {
		w.app.SetWebhook("http://127.0.0.1:1/")
		w.push("lost", fmt.Sprint(w.pull))
		w.must(w.github.WaitIdle(ctx))
		w.app.SetWebhook("")
		return a.Redelivery().Redeliver(ctx, w.github.Deliveries()[0].ID)
	},
	getRole: func(ctx context.Context, w *world, a *github.App) error {
		_, err := a.People().Role(ctx, w.where, "alice")
		return err
	},
	getMember: func(ctx context.Context, w *world, a *github.App) error {
		_, err := a.People().Member(ctx, w.where, "platform", "alice")
		return err
	},
	react: func(ctx context.Context, w *world, a *github.App) error {
		id, err := w.repo.Comment("alice", w.pull, "/plan")
		w.must(err)
		return a.Reactions().React(ctx, w.where, id, "eyes")
	},
	listIssues: func(ctx context.Context, w *world, a *github.App) error {
		_, _, err := a.Issues().Find(ctx, w.where, driftMarker)
		return err
	},
	createIssue: keepIssue, updateIssue: keepIssue,
	listDeployments: mark, createDeployment: mark, listStatuses: mark, createStatus: mark,
	"pulls/list-reviews": func(ctx context.Context, w *world, a *github.App) error {
		_, err := a.Reviews().Approvers(ctx, w.where, w.pull, w.head)
		return err
	},
	pullsOfCommit: func(ctx context.Context, w *world, a *github.App) error {
		_, err := a.History().MergedBy(ctx, w.where, w.head)
		return err
	},
	compare: propose, getCommit: propose, getRef: propose, createTree: propose, createCommit: propose,
	createRef: propose, updateRef: propose, createPull: propose, updatePull: propose,
}

// keepIssue has an issue opened and edited.
func keepIssue(ctx context.Context, w *world, a *github.App) error {
	for _, text := range []string{"one", fmt.Sprint("two ", w.pull)} {
		if _, err := a.Issues().Keep(ctx, w.where, driftMarker, "Drift", driftMarker+"\n"+text); err != nil {
			return err
		}
	}
	return nil
}

// mark has a deployment created and its statuses compared.
func mark(ctx context.Context, w *world, a *github.App) error {
	for _, state := range []handlers.DeploymentState{handlers.DeploymentInProgress, handlers.DeploymentSuccess} {
		if err := a.Deployments().Mark(ctx, w.where, w.head, "staging", state, "x"); err != nil {
			return err
		}
	}
	return nil
}

// propose has a pull request opened and changed.
func propose(ctx context.Context, w *world, a *github.App) error {
	for _, text := range []string{"one", "two"} {
		p := w.proposal(text)
		p.Branch += fmt.Sprint(w.pull)
		if _, err := a.Proposals().Propose(ctx, w.where, p); err != nil {
			return err
		}
	}
	return nil
}

func publish(ctx context.Context, w *world, comments *github.Comments) error {
	return comments.Publish(ctx, w.where, w.pull, body("one"))
}

// app.yml declares what the code uses, no more and no less; with exactly that,
// every call works.
func TestManifestDeclaresWhatIsUsed(t *testing.T) {
	m := readManifest(t)
	if diff := cmp.Diff(github.Permissions(), m.Permissions); diff != "" {
		t.Errorf("permissions: code against app.yml (-code +app.yml):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(github.Events())), slices.Sorted(slices.Values(m.Events))); diff != "" {
		t.Errorf("events: code against app.yml (-code +app.yml):\n%s", diff)
	}
	w := newWorld(t, standin.Options{})
	for _, op := range github.Operations() {
		drive := drivers[op.ID]
		if drive == nil {
			t.Errorf("%s has no driver", op.ID)
			continue
		}
		w.another()
		if err := drive(t.Context(), w, w.slipway); err != nil {
			t.Errorf("%s with the permissions of app.yml: %v", op.ID, err)
		}
		if all, _ := w.operations(); !slices.Contains(all, op.ID) {
			t.Errorf("its driver never calls %s: %q", op.ID, all)
		}
	}
}

// either are calls that GitHub allows by another permission as well, which app.yml
// declares for others.
var either = map[string]string{
	list: "issues", get: "issues", create: "issues", update: "issues", remove: "issues", react: "issues",
	listIssues: "pull_requests", pullsOfCommit: "contents",
}

// Each permission of a call is needed: with one level less, the call is forbidden.
func TestManifestDeclaresNoMoreThanNeeded(t *testing.T) {
	less := map[string]string{"write": "read", "read": ""}
	worlds := map[string]*world{}
	for _, op := range github.Operations() {
		if op.Permission == "" {
			continue
		}
		granted := op.Permission + ":" + less[op.Access] + " without " + either[op.ID]
		w := worlds[granted]
		if w == nil {
			permissions := maps.Clone(readManifest(t).Permissions)
			delete(permissions, either[op.ID])
			permissions[op.Permission] = less[op.Access]
			if permissions[op.Permission] == "" {
				delete(permissions, op.Permission)
			}
			w = newWorldWith(t, standin.Options{}, permissions)
			worlds[granted] = w
		}
		w.another()
		if err := drivers[op.ID](t.Context(), w, w.slipway); !errors.Is(err, github.ErrForbidden) {
			t.Errorf("%s with %q: %v, want ErrForbidden", op.ID, granted, err)
		}
	}
}
