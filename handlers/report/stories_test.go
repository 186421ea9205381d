package report_test

import (
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/handlers/report/reporttest"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// What step by step becomes of a merge, a command, a promotion, a drift.

const carrier render.Commit = "4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70"

const planDigest = "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"

// at is a minute of the day on which everything happens.
func at(minute int) time.Time {
	return time.Date(2026, 11, 20, 14, minute, 0, 0, time.FixedZone("", 3600))
}

func object(kind, name string, action preview.Action, state deploy.ObjectState, message string) deploy.ObjectReceipt {
	group := map[string]string{"Deployment": "apps", "CronJob": "batch"}[kind]
	return deploy.ObjectReceipt{ID: reporttest.Object(group, kind, name), Action: action, State: state, Message: message}
}

func receipt(t render.Target, state deploy.State, objects ...deploy.ObjectReceipt) *deploy.Receipt {
	r := &deploy.Receipt{Target: t, Commit: reporttest.Head, State: state, Objects: objects, Started: at(3)}
	if state != deploy.Applying {
		r.Ended = at(5)
	}
	return r
}

func applied(t render.Target) report.TargetDeployment {
	return report.TargetDeployment{Target: t, Receipt: receipt(t, deploy.Applied,
		object("Deployment", "web", preview.Update, deploy.ObjectHealthy, ""), object("Service", "web", preview.None, deploy.ObjectHealthy, ""),
		object("ConfigMap", "web-config-7h2k9f", preview.Create, deploy.ObjectHealthy, ""), object("CronJob", "cleanup", preview.Delete, deploy.ObjectPruned, ""))}
}

func deployment(environments ...report.EnvironmentDeployment) report.DeploymentReport {
	return report.DeploymentReport{Repository: "acme/shop", Pull: 12, Merged: reporttest.Head, Commit: reporttest.Head, Environments: environments}
}

func in(e string, targets ...report.TargetDeployment) report.EnvironmentDeployment {
	return report.EnvironmentDeployment{Name: render.Environment(e), Targets: targets}
}

func begin(targets ...render.Target) []report.TargetDeployment {
	var all []report.TargetDeployment
	for _, t := range targets {
		all = append(all, report.TargetDeployment{Target: t})
	}
	return all
}

func deployments() map[string]report.DeploymentReport {
	applying := receipt(staging, deploy.Applying,
		object("Deployment", "web", preview.Update, deploy.ObjectApplied, "1 of 3 updated"), object("Service", "web", preview.None, deploy.ObjectHealthy, ""),
		object("ConfigMap", "web-config-7h2k9f", preview.Create, deploy.ObjectHealthy, ""), object("CronJob", "cleanup", preview.Delete, deploy.ObjectPending, ""))
	failed := receipt(staging, deploy.Failed,
		object("Deployment", "web", preview.Update, deploy.ObjectUnhealthy, "Pod web-6f7d8-x2x9k: container `web` CrashLoopBackOff: exit code 1, 4 restarts"),
		object("Service", "web", preview.None, deploy.ObjectHealthy, ""))
	failed.Reason, failed.Hint = "Deployment web/web did not become healthy within 5m0s: container web is in CrashLoopBackOff (exit code 1)", "read `kubectl logs -n web web-6f7d8-x2x9k --previous`"
	waiting := receipt(production, deploy.Waiting, object("Deployment", "web", preview.Update, deploy.ObjectPending, ""))
	waiting.Reason = "`automatic: false` holds for `production`"
	cart := reporttest.Target("production", "cart")
	confirm := receipt(cart, deploy.Waiting)
	confirm.Reason, confirm.Hint = "it would delete PersistentVolumeClaim web/data", "look at the plan: what is deleted is gone"
	refused := receipt(cart, deploy.Refused)
	refused.Reason = "Deployment web/cart is refused: admission webhook \"limits\" denied the request: no memory limit"
	kept := applied(production)
	kept.Receipt.By = "alice"
	kept.Receipt.Objects = append(kept.Receipt.Objects, object("ConfigMap", "shared", preview.Delete, deploy.ObjectKept, "it has no ownership mark of this target"))
	stopped := in("production", begin(reporttest.Target("production", "cart"), production)...)
	stopped.StoppedBy = "staging"
	carried := deployment(in("staging", applied(staging)), in("production", kept))
	carried.Commit, carried.Carrier = carrier, 15
	problem := deployment()
	problem.Problems = []render.Problem{{File: ".slipway.yaml", Line: 3, Message: "unknown key `enviroments`", Hint: "write `environments`"}}
	return map[string]report.DeploymentReport{
		"applying": deployment(in("staging", report.TargetDeployment{Target: staging, Receipt: applying}), in("production", begin(production)...)),
		"applied":  deployment(in("staging", applied(staging)), in("production", kept)),
		"carried":  carried,
		"failed":   deployment(in("dev", report.TargetDeployment{Target: dev, External: true}), in("staging", report.TargetDeployment{Target: staging, Receipt: failed}), stopped),
		"waiting": deployment(in("staging", applied(staging)), in("production",
			report.TargetDeployment{Target: cart, Receipt: confirm, Command: report.ConfirmCommand(cart, planDigest)},
			report.TargetDeployment{Target: production, Receipt: waiting, Command: report.ApplyCommand(production)})),
		"refused": deployment(in("production", report.TargetDeployment{Target: cart, Receipt: refused},
			report.TargetDeployment{Target: production, Problem: &render.Problem{Message: "cluster `europe` did not answer: i/o timeout", Hint: "it is tried again by itself"}})),
		"superseded":  deployment(in("staging", report.TargetDeployment{Target: staging, Receipt: receipt(staging, deploy.Superseded, object("Deployment", "web", preview.Update, deploy.ObjectApplied, ""))})),
		"problem":     problem,
		"300-targets": manyDeployments(300),
	}
}

// manyDeployments has all states among n targets.
func manyDeployments(n int) report.DeploymentReport {
	var targets []report.TargetDeployment
	states := []deploy.State{deploy.Applied, deploy.Applied, deploy.Applied, deploy.Unchanged, deploy.Failed, deploy.Applying, deploy.Waiting}
	for i := range n {
		t := reporttest.Target("staging", fmt.Sprintf("app-%03d", i))
		state := states[i%len(states)]
		objects := []deploy.ObjectReceipt{object("Deployment", t.String(), preview.Update, deploy.ObjectHealthy, ""), object("Service", "web", preview.None, deploy.ObjectHealthy, "")}
		if state == deploy.Failed || state == deploy.Applying {
			objects[0].State, objects[0].Message = deploy.ObjectApplied, fmt.Sprintf("%d of 9 updated", i%9)
		}
		target := report.TargetDeployment{Target: t, Receipt: receipt(t, state, objects...)}
		if state != deploy.Applied {
			target.Receipt.Reason = "the reason of " + t.String()
		}
		if state == deploy.Waiting {
			target.Command = report.ApplyCommand(t)
		}
		target.Receipt.Ended = at(i % 60)
		targets = append(targets, target)
	}
	return deployment(in("staging", targets...))
}

func statusReport() report.StatusReport {
	healthy := &inventory.Deployment{Commit: reporttest.Base, State: inventory.Healthy, Started: at(1), Ended: at(4)}
	failed := &inventory.Deployment{Commit: reporttest.Head, State: inventory.Failed, Reason: "container `web` is in CrashLoopBackOff", Started: at(9), Ended: at(14)}
	return report.StatusReport{Repository: "acme/shop", Head: reporttest.Head, Targets: []report.TargetStatus{
		{Target: dev, External: true, Health: report.Healthy},
		{Target: staging, Deployed: healthy, Current: failed, Behind: true, Health: report.Unhealthy, Message: "1 of 3 replicas", Checked: at(30)},
		{Target: reporttest.Target("staging", "cart"), Deployed: healthy, Current: healthy, Health: report.Healthy, Checked: at(30)},
		{Target: reporttest.Target("production", "cart"), Deployed: healthy, Current: healthy, Health: report.Progressing, Message: "Deployment cart: 2 of 3 available", Checked: at(30), Drifted: 2},
		{Target: production, Problem: &render.Problem{Message: "cluster `europe` did not answer: i/o timeout", Hint: "ask its operator"}},
		{Target: reporttest.Target("production", "new"), Health: report.HealthUnknown},
	}}
}

func replies() map[string]report.CommandReply {
	status := statusReport()
	reply := func(results ...report.CommandResult) report.CommandReply {
		return report.CommandReply{Comment: 4711, Results: results}
	}
	refused := func(command string, p *render.Problem) report.CommandResult {
		return report.CommandResult{Command: command, State: report.CommandRefused, Problem: p}
	}
	return map[string]report.CommandReply{
		"reply-reasons": reply(
			report.CommandResult{Command: "/promote dev→staging", State: report.CommandRefused, Problem: &render.Problem{Message: "nothing is promoted, for 2 reasons"}, Reasons: []render.Problem{
				*report.NothingDeployed(render.Target{Environment: "dev", Application: "web"}), {Message: "there is no application cart in staging", Hint: "there are: `web`"}}},
			report.CommandResult{Command: "/promote staging→production", State: report.CommandDone, Message: "#15 carries web onwards.", Link: "https://github.com/acme/shop/pull/15", LinkText: "#15", Reasons: []render.Problem{
				{Message: "there is no application cart in production"}}}),
		"reply-done": reply(report.CommandResult{Command: "/promote staging→production web", State: report.CommandDone,
			Message: "carries `1.4.2` of `web` to `production`:", Link: "https://github.com/acme/shop/pull/13", LinkText: "pull request 13"}),
		"reply-working": reply(report.CommandResult{Command: "/plan", State: report.CommandWorking, Message: "planning `9b2e7f1`"},
			report.CommandResult{Command: "/apply production/web", State: report.CommandAccepted, Message: "begins when the plan is there"}),
		"reply-refused": reply(
			refused("/apply production/web", report.NotAllowed([]string{"maintain", "team:platform"}, "production", "write")),
			refused("/apply production/web", report.NotAllowed([]string{"maintain"}, "production", "")),
			refused("/apply production/web", report.NotAllowed(nil, "production", "admin")),
			refused("/plan", report.NotLookedUp()),
			refused("/apply staging/web", report.StalePlan(reporttest.Base, reporttest.Head)),
			refused("/apply staging/web", report.NoPlan()),
			refused("/promote stagin→production", report.UnknownName("environment", "stagin", []string{"dev", "production", "staging"})),
			refused("/promote qa→production", report.UnknownName("environment", "qa", []string{"dev", "production", "staging"})),
			refused("/promote staging→staging", report.SameEnvironment("staging")),
			refused("/promote dev→staging", report.NothingDeployed(dev)),
			refused("/confirm production/web 000000000000", report.StaleDigest(production, "000000000000", planDigest)),
			refused("/apply staging/web", report.NothingWaits(staging))),
		"reply-help": reply(report.CommandResult{Command: "/help", State: report.CommandDone, Help: []report.VerbHelp{
			{Usage: "/plan", Does: "plan this pull request again", Example: "/plan"},
			{Usage: "/apply [target…]", Does: "apply what waits for a person's word", Example: "/apply production/web", Needs: "write"},
			{Usage: "/promote <from>→<to> [application…]", Does: "open the pull request that carries what is healthy onwards", Example: "/promote staging→production web", Needs: "write, or team:platform"},
		}}),
		"reply-status": reply(report.CommandResult{Command: "/status", State: report.CommandDone, Status: &status}),
	}
}

func promotions() map[string]report.PromotionReport {
	web := report.CarriedApplication{
		Application: "web", Commit: reporttest.Head, HealthySince: at(5),
		Images: []report.CarriedImage{{Containers: []string{"Deployment web/web: container web", "CronJob web/cleanup: container web"},
			Old: "ghcr.io/acme/web:1.4.1", New: "ghcr.io/acme/web:1.4.2"}},
		Files:      []string{"apps/web/overlays/production/kustomization.yaml"},
		NotCarried: []string{"Deployment web/web: `spec.replicas` is 2 in `staging`, 5 in `production`"},
	}
	cart := report.CarriedApplication{
		Application: "cart", Commit: reporttest.Base, HealthySince: at(1),
		Images: []report.CarriedImage{
			{Old: "registry.example:5000/cart", New: "registry.example:5000/cart:2.0@sha256:" + planDigest},
			{Old: "docker.io/library/redis:7", New: "ghcr.io/acme/redis:7"},
		},
		Files: []string{"apps/cart/overlays/production/patch.yaml"},
	}
	one := report.PromotionReport{From: "staging", To: "production", Application: "web", Carried: []report.CarriedApplication{web},
		Askers: []report.Asker{{Login: "bob", At: "https://github.com/acme/shop/pull/12#issuecomment-4711"}, {Login: "carol", At: "https://github.com/acme/shop/pull/14#issuecomment-4712"}}, RepositoryURL: "https://github.com/acme/shop"}
	all := report.PromotionReport{From: "staging", To: "production", Carried: []report.CarriedApplication{cart, web}, Askers: []report.Asker{{Login: "bob"}}}
	return map[string]report.PromotionReport{"promotion": one, "promotion-all": all}
}

func drifts() map[string]report.DriftReport {
	web := report.DriftPart{Target: production, Cluster: "europe", Commit: reporttest.Base, Digest: "one", Since: at(15), Objects: []report.DriftedObject{
		{ID: reporttest.Object("apps", "Deployment", "web"), Origin: render.Origin{File: "apps/web/base/deployment.yaml", Line: 1}, Fields: []report.DriftedField{
			{Kind: report.DriftExtra, Path: "metadata.labels[debug]", Pointer: "/metadata/labels/debug", Live: "true", Manager: "kubectl-label", At: at(2)},
			{Kind: report.DriftChanged, Path: "spec.replicas", Pointer: "/spec/replicas", Git: int64(3), Live: int64(5), Manager: "kubectl-edit", At: at(3)},
			{Kind: report.DriftChanged, Path: "spec.template.spec.containers[web].image", Pointer: "/spec/template/spec/containers/[name=web]/image", Git: "ghcr.io/acme/web:1.4.1", Live: "ghcr.io/acme/web:1.4.2-rc1", Manager: "kubectl-set"},
		}},
		{ID: reporttest.Object("", "ConfigMap", "nginx"), Origin: render.Origin{File: "apps/web/base/kustomization.yaml", Line: 9}, Fields: []report.DriftedField{
			{Kind: report.DriftChanged, Path: "data[nginx.conf]", Pointer: "/data/nginx.conf", Git: nginxBefore, Live: nginxAfter, Manager: "kubectl-edit", At: at(7)},
		}},
		{ID: reporttest.Object("", "Service", "web"), Origin: render.Origin{File: "apps/web/base/service.yaml", Line: 1}, Missing: true},
	}}
	secret := report.DriftPart{Target: reporttest.Target("production", "cart"), Cluster: "europe", Commit: reporttest.Head, Digest: "two", Since: at(30), Objects: []report.DriftedObject{
		{ID: reporttest.Object("", "Secret", "cart"), Origin: render.Origin{File: "apps/cart/base/secret.yaml", Line: 4}, Fields: []report.DriftedField{
			{Kind: report.DriftChanged, Path: "data[password]", Pointer: "/data/password", Git: "(masked 3f9d0c41)", Live: "(masked 7be28d96)", At: at(4)},
		}},
	}}
	unreachable := secret
	unreachable.Problem = &render.Problem{Message: "cluster `europe` did not answer: i/o timeout", Hint: "ask its operator"}
	unreachable.LastChecked, unreachable.FailingSince = at(30), at(45)
	partly := web
	partly.Problem = &render.Problem{Message: "Secret web could not be compared: secrets is forbidden", Hint: "grant the target's service account this verb on this resource"}
	partly.Unknown, partly.LastChecked, partly.FailingSince = []render.ObjectID{reporttest.Object("", "Secret", "web")}, at(30), at(45)
	never := report.DriftPart{Target: reporttest.Target("production", "new"), Cluster: "asia", Problem: &render.Problem{Message: "forbidden: cannot list deployments.apps"}}
	return map[string]report.DriftReport{
		"drift-issue":       {Repository: "acme/shop", Environment: "production", Targets: 4, Parts: []report.DriftPart{secret, web}},
		"drift-unreachable": {Repository: "acme/shop", Environment: "production", Targets: 4, Parts: []report.DriftPart{unreachable, never}},
		"drift-partly":      {Repository: "acme/shop", Environment: "production", Targets: 4, Parts: []report.DriftPart{secret, partly}},
		"drift-none":        {Repository: "acme/shop", Environment: "production", Targets: 4},
	}
}

func history() report.HistoryReport {
	return report.HistoryReport{Target: production, Deployed: reporttest.Base, Deployments: []inventory.Deployment{
		{Commit: reporttest.Head, State: inventory.Failed, Reason: "container web is in CrashLoopBackOff", Started: at(9), Ended: at(14)},
		{Commit: reporttest.Base, State: inventory.Healthy, By: "alice", Started: at(1), Ended: at(4)},
		{Commit: carrier, State: inventory.Superseded, Started: at(0)},
	}}
}
