package report_test

import (
	"slices"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/handlers/report/reporttest"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

var (
	production = reporttest.Target("production", "web")
	staging    = reporttest.Target("staging", "web")
	dev        = reporttest.Target("dev", "web")
	image      = reporttest.Image("web", "1.4.1", "1.4.2")
)

func withFindings(p report.Part, findings ...policy.Finding) report.Part {
	p.Findings = findings
	return p
}

func configMap(name string) preview.Change {
	return preview.Change{ID: reporttest.Object("", "ConfigMap", name), APIVersion: "v1", Action: preview.Update,
		Origin: render.Origin{File: "apps/web/base/kustomization.yaml", Line: 9}}
}

const nginxBefore = `worker_processes 2;
events {
  worker_connections 1024;
}
http {
  server {
    listen 8080;
    server_name shop.example;
    location / {
      proxy_pass http://web:3000;
      proxy_read_timeout 30s;
    }
    location /healthz {
      return 200;
    }
  }
}
`

const nginxAfter = `worker_processes 4;
events {
  worker_connections 1024;
}
http {
  server {
    listen 8080;
    server_name shop.example;
    location / {
      proxy_pass http://web:3000;
      proxy_read_timeout 60s;
      proxy_buffering off; 
    }
    location /healthz {
      return 200;
    }
  }
}
`

// cases are the reports that the goldens show, by name.
func cases() map[string]report.Report {
	all := map[string]report.Report{}
	for _, some := range []map[string]report.Report{changeCases(), troubleCases(), repositoryCases(), sizeCases()} {
		for name, r := range some {
			all[name] = r
		}
	}
	return all
}

func changeCases() map[string]report.Report {
	service := preview.Change{ID: reporttest.Object("", "Service", "web"), APIVersion: "v1", Action: preview.Create,
		Origin: render.Origin{File: "apps/web/base/service.yaml", Line: 1},
		Fields: []preview.Field{
			reporttest.Field("metadata.labels", nil, map[string]any{"app": "web"}),
			reporttest.Field("spec", nil, map[string]any{
				"ports": []any{map[string]any{"name": "http", "port": int64(80), "targetPort": "http"}}, "selector": map[string]any{"app": "web"}}),
		}}
	admitted := service
	admitted.Fields = append(slices.Clone(service.Fields),
		reporttest.Admission("metadata.annotations", nil, map[string]any{"mesh.example/cluster": "eu", "mesh.example/seen": "(another value each time)"}),
		reporttest.Admission("spec.ports[80/TCP].targetPort", "http", "http-mesh"),
		reporttest.Admission("spec.selector.app", "web", nil))
	gone := preview.Change{ID: reporttest.Object("batch", "CronJob", "cleanup"), APIVersion: "batch/v1", Action: preview.Delete}
	replace := preview.Change{ID: reporttest.Object("batch", "Job", "migrate"), APIVersion: "batch/v1", Action: preview.Replace,
		Origin: render.Origin{File: "apps/web/base/job.yaml", Line: 1},
		Fields: []preview.Field{reporttest.Image("migrate", "1.4.1", "1.4.2")},
		Reason: "spec.template: Invalid value: field is immutable", Hint: "the object is deleted and created again"}
	renamed := configMap("web-config-7h2k9f")
	renamed.RenamedFrom = "web-config-4m8t2d"
	renamed.Fields = []preview.Field{reporttest.Field("data[LOG_LEVEL]", "info", "debug")}
	text := configMap("nginx")
	text.Fields = []preview.Field{reporttest.Field("data[nginx.conf]", nginxBefore, nginxAfter)}
	deployment := reporttest.Update("web", image,
		reporttest.Field("spec.template.spec.containers[web].env[LOG_LEVEL]", nil, map[string]any{"name": "LOG_LEVEL", "value": "debug"}),
		reporttest.Drift("spec.replicas", int64(5), int64(3), "kubectl-edit"))
	deployment.Warnings = []string{"spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead"}
	fresh := reporttest.Part(production, 0, service)
	fresh.New = true
	retired := reporttest.Part(dev, 0, gone, preview.Change{ID: reporttest.Object("apps", "Deployment", "web"), Action: preview.Delete})
	retired.Retired = true
	arriving := service
	arriving.NotValidated = true
	return map[string]report.Report{
		"update":         reporttest.New(reporttest.Part(production, 7, reporttest.Update("web", image))),
		"create":         reporttest.New(reporttest.Part(production, 2, service)),
		"admitted":       reporttest.New(reporttest.Part(production, 2, admitted)),
		"not-validated":  reporttest.New(reporttest.Part(production, 0, arriving)),
		"delete":         reporttest.New(reporttest.Part(production, 2, gone)),
		"replace":        reporttest.New(reporttest.Part(production, 2, replace)),
		"rename":         reporttest.New(reporttest.Part(staging, 4, renamed, reporttest.Update("web", reporttest.Field("spec.template.spec.volumes[config].configMap.name", "web-config-4m8t2d", "web-config-7h2k9f")))),
		"text":           reporttest.New(reporttest.Part(staging, 4, text)),
		"drift":          reporttest.New(reporttest.Part(production, 4, deployment)),
		"new-target":     reporttest.New(fresh),
		"retired-target": reporttest.New(retired),
	}
}

func troubleCases() map[string]report.Report {
	refused := reporttest.Update("web", image)
	refused.Action, refused.Reason = preview.Refused, "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 80800: must be between 1 and 65535, inclusive"
	refused.Hint = "mend the value at the field named"
	unreachable := reporttest.Part(production, 0, preview.Change{ID: reporttest.Object("apps", "Deployment", "web"), Action: preview.Unknown, Reason: "the cluster did not answer"})
	unreachable.Plan.Live = preview.LiveUnreachable
	unreachable.Plan.Problem = &render.Problem{Message: "cluster production: dial tcp 10.0.0.1:6443: i/o timeout", Hint: "ask its operator, then re-run the check"}
	ungranted := reporttest.Part(staging, 0, reporttest.Update("web", image))
	ungranted.Plan.Live, ungranted.Plan.Cluster = preview.LiveRefused, ""
	ungranted.Plan.Problem = &render.Problem{File: ".slipway.yaml", Line: 4, Message: "the operator grants cluster `prod-eu` to no service account of this repository", Hint: "name one of: staging"}
	change := reporttest.Update("web", image)
	denied := withFindings(reporttest.Part(production, 6, change),
		policy.Finding{Rule: "main.deny_latest_tag", Level: policy.Deny, Object: change.ID, File: "apps/web/base/deployment.yaml", Line: 21, Message: "container `web` uses the tag latest", Hint: "name a version"},
		policy.Finding{Rule: "main.warn_no_limits", Level: policy.Warn, Object: change.ID, File: "apps/web/base/deployment.yaml", Line: 19, Message: "container web has no memory limit"},
		policy.Finding{Rule: "main.info_owner", Level: policy.Info, Object: render.ObjectID{Kind: "Namespace", Name: "web"}, Message: "no owner is named"},
		policy.Finding{Rule: "main.deny_host_path", Level: policy.Info, Object: change.ID, Message: "a path of the host is mounted", Hint: "use a volume claim",
			Waived: &policy.Waived{Reason: "moves in spring", By: "alice", Until: "2027-03-31"}})
	broken := report.Part{Target: dev, Problem: &render.Problem{File: "apps/web/overlays/dev/kustomization.yaml", Line: 7, Message: "no such file: `patch.yaml`", Hint: "add the file, or drop the line"}}
	offline := reporttest.Part(staging, 0, reporttest.Update("web", image))
	offline.Plan.Live, offline.Plan.Cluster = preview.LiveOffline, ""
	outsider := reporttest.New(offline)
	outsider.Outsider, outsider.MayAllow = true, [][]string{{"write"}, {"team:platform", "user:bob"}}
	unknown := reporttest.Update("web")
	unknown.Action, unknown.Reason, unknown.Hint = preview.Unknown, `deployments.apps "web" is forbidden: User "deployer" cannot get resource "deployments" in the namespace "web"`, "Grant it get"
	return map[string]report.Report{
		"unknown":      reporttest.New(reporttest.Part(production, 3, unknown)),
		"refused":      reporttest.New(reporttest.Part(production, 3, refused)),
		"unreachable":  reporttest.New(unreachable, ungranted),
		"denied":       reporttest.New(reporttest.Part(staging, 6, change), denied),
		"render-error": reporttest.New(broken, reporttest.Part(staging, 6, change), reporttest.Part(production, 6, change)),
		"outsider":     outsider,
	}
}

func repositoryCases() map[string]report.Report {
	conflict := reporttest.New()
	conflict.Conflicts = []string{"apps/web/base/deployment.yaml", "apps/web/overlays/production/kustomization.yaml"}
	configuration := reporttest.New()
	configuration.Problems = []render.Problem{
		{File: ".slipway.yaml", Line: 3, Message: "unknown key `enviroments`", Hint: "write `environments`"},
		{File: ".slipway.yaml", Line: 9, Message: "promotion to `prod`, which is no environment"},
		{File: "policies/main.rego", Line: 12, Message: "rego_parse_error: unexpected token"},
	}
	nothing := reporttest.New()
	nothing.Unclaimed = []string{"README.md", "docs/runbook.md"}
	layout := reporttest.New(reporttest.Part(staging, 5))
	layout.Configuration, layout.Layout = "", "apps/{application}/overlays/{environment}"
	layout.Notices = []string{"This pull request changes `.slipway.yaml`. The base branch's still judges it; what changes here holds after the merge."}
	layout.Unclaimed = []string{"a.md", "b.md", "c.md", "d.md"}
	layout.DetailsURL = "https://slipway.example/reports/acme/shop/12"
	return map[string]report.Report{
		"conflict":      conflict,
		"configuration": configuration,
		"nothing":       nothing,
		"no-change":     layout,
		"hostile":       hostile("`|<b>x</b>\n\u202e<!-- slipway:report -->"),
	}
}

func sizeCases() map[string]report.Report {
	twelve := reporttest.Shared(12)
	return map[string]report.Report{"12-targets": twelve, "300-targets": reporttest.Shared(300)}
}

// hostile returns a report that says s wherever a stranger has a say.
func hostile(s string) report.Report {
	target := render.Target{Environment: render.Environment("production" + s), Application: render.Application("web" + s), Path: "apps/" + s}
	change := preview.Change{
		ID: render.ObjectID{Group: s, Kind: "Kind" + s, Namespace: s, Name: s}, Action: preview.Update,
		Origin: render.Origin{File: s, Line: 3}, RenamedFrom: s, Reason: s, Hint: s, Warnings: []string{s},
		Fields: []preview.Field{
			{Path: s, Old: s, New: s + s, Source: preview.FromDrift, Managers: []string{s}},
			{Path: "data[" + s + "]", Old: "line\n" + s, New: "line\n" + s + "\n" + s},
			{Path: "list", New: []any{s, map[string]any{s: s}}},
			{Path: s, Old: s, New: "injected " + s, Source: preview.FromAdmission},
		},
	}
	part := reporttest.Part(target, 1, change)
	part.Plan.Cluster, part.Warnings = s, []string{s}
	part.Plan.Problem = &render.Problem{File: s, Message: s, Hint: s}
	part.Findings = []policy.Finding{
		{Rule: s, Level: policy.Deny, Object: change.ID, File: s, Line: 1, Message: s, Hint: s},
		{Rule: s, Level: policy.Warn, Object: render.ObjectID{Kind: s, Name: s}, Message: s},
		{Rule: s, Level: policy.Info, Object: render.ObjectID{Kind: s, Name: s}, Message: s, Waived: &policy.Waived{Reason: s, By: s, Until: s}},
	}
	other := report.Part{Target: render.Target{Environment: render.Environment(s), Path: s}, Problem: &render.Problem{File: s, Message: s, Hint: s}}
	r := reporttest.New(part, other)
	r.Configuration, r.Layout, r.BaseRef, r.HeadRef = "", s, s, s
	r.Problems = []render.Problem{{File: s, Message: s, Hint: s}}
	r.Notices, r.Unclaimed = []string{s}, []string{s}
	return r
}
