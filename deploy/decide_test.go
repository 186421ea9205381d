package deploy

import (
	"fmt"
	"testing"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

const planDigest = "0123456789abcdef0123456789abcdef"

func ids(kind string, n int) []render.ObjectID {
	var list []render.ObjectID
	for i := range n {
		list = append(list, render.ObjectID{Kind: kind, Namespace: "shop", Name: fmt.Sprint("n", i)})
	}
	return list
}

// planOf is a plan with a created ConfigMap and those changes.
func planOf(action preview.Action, list ...render.ObjectID) *preview.Plan {
	plan := &preview.Plan{Live: preview.LiveCompared, Digest: planDigest, Changes: []preview.Change{
		{ID: render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "new"}, Action: preview.Create},
	}}
	for _, id := range list {
		plan.Changes = append(plan.Changes, preview.Change{ID: id, Action: action, Reason: "because", Hint: "mend it"})
	}
	return plan
}

func TestDecide(t *testing.T) {
	said := func(verb inventory.Verb, digest string) func(*facts) {
		return func(f *facts) {
			f.record.Words = append(f.record.Words, inventory.Word{Verb: verb, Digest: digest, By: "bob"})
		}
	}
	deleting := func(kind string, n, owned int) func(*facts) {
		return func(f *facts) {
			f.deletes, f.owned, f.plan = ids(kind, n), owned, planOf(preview.Delete, ids(kind, n)...)
		}
	}
	manual := func(f *facts) { f.sync.Automatic = false }
	foreign := func(f *facts) { f.foreign = ids("ConfigMap", 1) }
	current := func(state inventory.State, digest string) func(*facts) {
		return func(f *facts) {
			f.record.Current = &inventory.Deployment{State: state, Digest: digest, Plan: "an earlier plan's digest"}
		}
	}
	type change = func(*facts)
	for _, test := range []struct {
		name    string
		changes []change
		want    State
		hint    string
	}{
		{"goes by itself", nil, Applying, ""},
		{"waits where it is not automatic", []change{manual}, Waiting, "/apply production/web"},
		{"goes with a word", []change{manual, said(inventory.Apply, "rendered")}, Applying, ""},
		{"waits with a word for something else", []change{manual, said(inventory.Apply, "other")}, Waiting, "/apply production/web"},
		{"a confirmation applies nothing", []change{manual, said(inventory.Confirm, "rendered")}, Waiting, "/apply production/web"},
		{"first contact waits", []change{foreign}, Waiting, "/apply production/web"},
		{"first contact with a word", []change{foreign, said(inventory.Apply, "rendered")}, Applying, ""},
		{"refused plan", []change{func(f *facts) { f.plan = planOf(preview.Refused, ids("Service", 1)...) }}, Refused, "mend it"},
		{"unknown plan", []change{func(f *facts) { f.plan = planOf(preview.Unknown, ids("Service", 1)...) }}, Refused, "mend it"},
		{"no word helps a refused plan", []change{func(f *facts) { f.plan = planOf(preview.Unknown, ids("Service", 1)...) }, said(inventory.Apply, "rendered")}, Refused, "mend it"},
		{"unreachable", []change{func(f *facts) { f.plan.Live = preview.LiveUnreachable }}, Refused, ""},
		{"offline", []change{func(f *facts) { f.plan.Live = preview.LiveOffline }}, Refused, ""},
		{"two owners", []change{func(f *facts) { f.theirs = []claim{{id: ids("Service", 1)[0]}} }}, Refused, "leave it to one of the two targets"},
		{"replace is not allowed", []change{func(f *facts) { f.plan = planOf(preview.Replace, ids("Job", 1)...) }}, Refused,
			"put the field back as it was, or allow it for the kind: sync.replace: [Job]"},
		{"replace is allowed", []change{func(f *facts) { f.plan = planOf(preview.Replace, ids("Job", 1)...); f.sync.Replace = []string{"Job"} }}, Applying, ""},
		{"replace of a protected kind", []change{func(f *facts) {
			f.plan = planOf(preview.Replace, ids("PersistentVolumeClaim", 1)...)
			f.sync.Replace = []string{"PersistentVolumeClaim"}
		}}, Waiting, "/confirm production/web 0123456789ab"},
		{"a retired target that can delete nothing yet", []change{func(f *facts) { f.retired, f.kept, f.owned = true, "it is handed over", 1 }}, Unchanged, ""},
		{"two of two are no share", []change{deleting("ConfigMap", 2, 2)}, Applying, ""},
		{"three of ten are not more than 30 %", []change{deleting("ConfigMap", 3, 10)}, Applying, ""},
		{"three of nine are", []change{deleting("ConfigMap", 3, 9)}, Waiting, "/confirm production/web 0123456789ab"},
		{"confirmed", []change{deleting("ConfigMap", 3, 9), said(inventory.Confirm, "0123456789ab")}, Applying, ""},
		{"confirmed in full", []change{deleting("ConfigMap", 3, 9), said(inventory.Confirm, planDigest)}, Applying, ""},
		{"confirmed too shortly", []change{deleting("ConfigMap", 3, 9), said(inventory.Confirm, "0123456789a")}, Waiting, "/confirm production/web 0123456789ab"},
		{"another plan confirmed", []change{deleting("ConfigMap", 3, 9), said(inventory.Confirm, "0123456789ac")}, Waiting, "/confirm production/web 0123456789ab"},
		{"confirmed before an interruption", []change{deleting("ConfigMap", 3, 9), said(inventory.Confirm, "an earlier plan's digest"), current(inventory.Applying, "rendered")}, Applying, ""},
		{"confirmed before another's interruption", []change{deleting("ConfigMap", 3, 9), said(inventory.Confirm, "an earlier plan's digest"), current(inventory.Applying, "other")}, Waiting, "/confirm production/web 0123456789ab"},
		{"confirmed before it was superseded", []change{deleting("ConfigMap", 3, 9), said(inventory.Confirm, "an earlier plan's digest"), current(inventory.Superseded, "rendered")}, Waiting, "/confirm production/web 0123456789ab"},
		{"a namespace", []change{deleting("Namespace", 1, 100)}, Waiting, "/confirm production/web 0123456789ab"},
		{"a namespace, applied", []change{deleting("Namespace", 1, 100), said(inventory.Apply, "rendered")}, Waiting, "/confirm production/web 0123456789ab"},
		{"both words are needed", []change{deleting("Namespace", 1, 100), manual, said(inventory.Confirm, planDigest)}, Waiting, "/apply production/web"},
		{"retired", []change{deleting("ConfigMap", 1, 1), func(f *facts) { f.retired, f.digest = true, "" }}, Waiting, "/confirm production/web 0123456789ab"},
		{"retired with nothing left", []change{func(f *facts) { f.retired, f.digest, f.owned = true, "", 1 }}, Applying, ""},
		{"empty, as ever", []change{func(f *facts) { f.empty, f.owned = true, 0 }}, Applying, ""},
		{"empty", []change{deleting("ConfigMap", 1, 1), func(f *facts) { f.empty = true }}, Refused,
			"mend the target's files; to retire it, remove its directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := facts{
				target: render.Target{Environment: "production", Application: "web"}, digest: "rendered", sync: DefaultSync(),
				record: &inventory.Record{}, plan: planOf(preview.None),
			}
			for _, change := range test.changes {
				change(&f)
			}
			d := decide(f)
			if d.state != test.want || d.hint != test.hint {
				t.Errorf("decided %s (%s), hint %q; want %s, hint %q", d.state, d.reason, d.hint, test.want, test.hint)
			}
			if len(d.words) > 0 && d.by != "bob" {
				t.Errorf("words without who said them: %+v", d)
			}
		})
	}
}

func TestSettled(t *testing.T) {
	object := render.NewObject(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}}, render.Origin{}, nil)
	sealed := render.NewObject(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s"},
		"data": map[string]any{"a": "ENC[AES256_GCM,data:aGVsbG8=,iv:AAAA,tag:BBBB,type:str]"}, "sops": map[string]any{"mac": "x"}}, render.Origin{}, nil)
	entry := inventory.Entry{ObjectID: render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "a"}}
	leftover := inventory.Entry{ObjectID: render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "b"}}
	healthy := &inventory.Deployment{Digest: "x", State: inventory.Healthy}
	failed := inventory.Deployment{Digest: "x", State: inventory.Failed, Reason: "crash"}
	whole := func() *inventory.Record {
		return &inventory.Record{Objects: []inventory.Entry{entry}, Deployed: healthy, Current: healthy, History: []inventory.Deployment{*healthy}}
	}
	for _, test := range []struct {
		name   string
		change func(*inventory.Record, *Request)
		want   State
	}{
		{"deployed", func(*inventory.Record, *Request) {}, Unchanged},
		{"another digest", func(_ *inventory.Record, r *Request) { r.Rendered.Digest = "y" }, ""},
		{"an object is not recorded", func(r *inventory.Record, _ *Request) { r.Objects = nil }, ""},
		{"the namespace is another", func(_ *inventory.Record, r *Request) { r.Namespace = "moved" }, ""},
		{"something is left to prune", func(r *inventory.Record, _ *Request) { r.Objects = append(r.Objects, leftover) }, ""},
		{"something is left to prune, and something is encrypted", func(r *inventory.Record, q *Request) {
			r.Objects, q.Rendered.Objects = append(r.Objects, leftover), append(q.Rendered.Objects, sealed)
		}, ""},
		{"something is left and stays", func(r *inventory.Record, q *Request) { r.Objects = append(r.Objects, leftover); q.Sync.Prune = false }, Unchanged},
		{"interrupted", func(r *inventory.Record, _ *Request) {
			r.Current = &inventory.Deployment{Digest: "x", State: inventory.Applying}
		}, ""},
		{"a newer one was interrupted", func(r *inventory.Record, _ *Request) {
			r.Current = &inventory.Deployment{Digest: "y", State: inventory.Superseded}
		}, ""},
		{"somebody wants it again", func(r *inventory.Record, _ *Request) {
			r.Words = []inventory.Word{{Verb: inventory.Apply, Digest: "x"}}
		}, ""},
		{"it failed", func(r *inventory.Record, _ *Request) { r.Current, r.History = &failed, []inventory.Deployment{failed} }, Held},
		{"it failed, and others came", func(r *inventory.Record, _ *Request) {
			r.Current = &inventory.Deployment{Digest: "y", State: inventory.Healthy}
			r.History = []inventory.Deployment{{Digest: "y", State: inventory.Healthy}, failed}
		}, Held},
		{"it failed, and was well later", func(r *inventory.Record, _ *Request) { r.History = []inventory.Deployment{*healthy, failed} }, Unchanged},
		{"retired, with objects", func(_ *inventory.Record, r *Request) { r.Rendered = nil }, ""},
		{"retired, without", func(r *inventory.Record, q *Request) { q.Rendered, r.Objects = nil, nil }, Unchanged},
	} {
		t.Run(test.name, func(t *testing.T) {
			record := whole()
			request := Request{Namespace: "shop", Sync: DefaultSync(), Rendered: &render.Rendered{Digest: "x", Objects: []render.Object{object}}}
			test.change(record, &request)
			if d := settled(record, request); d.state != test.want {
				t.Errorf("settled says %q (%s), want %q", d.state, d.reason, test.want)
			}
		})
	}
	if d := settled(nil, Request{Rendered: &render.Rendered{}}); d.state != "" {
		t.Errorf("without a record: %q", d.state)
	}
}
