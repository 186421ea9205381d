// Package reporttest turns a few words into reports for tests: parts with changes
// and findings, as the planner would make them.
package reporttest

import (
	"fmt"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// The commits of every report of this package.
const (
	Base render.Commit = "1f0c4a7d2b9e8f6a5c3d1e0b7a9c8d6e5f4a3b2c"
	Head render.Commit = "9b2e7f1a4c6d8e0f3a5b7c9d1e2f4a6b8c0d2e4f"
)

// New returns a report of pull request 12 of acme/shop with the parts.
func New(parts ...report.Part) report.Report {
	return report.Report{
		Repository: "acme/shop", Pull: 12, Base: Base, Head: Head, BaseRef: "main", HeadRef: "bump-web",
		Configuration: ".slipway.yaml", Parts: parts, Targets: max(6, len(parts)),
	}
}

// Target returns a target of the layout apps/{application}/overlays/{environment}.
func Target(environment, application string) render.Target {
	return render.Target{
		Environment: render.Environment(environment), Application: render.Application(application),
		Path: fmt.Sprintf("apps/%s/overlays/%s", application, environment),
	}
}

// Part returns a part of the target with a plan against a cluster named as its
// environment; besides the changes, the plan has unchanged objects.
func Part(target render.Target, unchanged int, changes ...preview.Change) report.Part {
	plan := &preview.Plan{
		Target: target, Cluster: string(target.Environment), Version: "v1.36.3", Live: preview.LiveCompared,
		Changes: changes, Digest: "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92",
	}
	for i := range unchanged {
		plan.Changes = append(plan.Changes, preview.Change{
			ID:     render.ObjectID{Kind: "ConfigMap", Namespace: "web", Name: fmt.Sprintf("unchanged-%d", i+1)},
			Action: preview.None, APIVersion: "v1",
		})
	}
	objects := len(plan.Changes) - plan.Counts()[preview.Delete]
	return report.Part{Target: target, Plan: plan, Objects: objects, Tested: objects}
}

// Object returns the id of an object in namespace web.
func Object(group, kind, name string) render.ObjectID {
	return render.ObjectID{Group: group, Kind: kind, Namespace: "web", Name: name}
}

// Update returns an update of a Deployment of namespace web.
func Update(name string, fields ...preview.Field) preview.Change {
	return preview.Change{
		ID: Object("apps", "Deployment", name), APIVersion: "apps/v1", Action: preview.Update,
		Origin: render.Origin{File: "apps/" + name + "/base/deployment.yaml", Line: 1}, Fields: fields,
	}
}

// Field returns a difference that the pull request makes.
func Field(path string, before, after any) preview.Field {
	return preview.Field{Path: path, Old: before, New: after, Source: preview.FromPullRequest}
}

// Image returns the difference of a container's image from one tag to another.
func Image(container, before, after string) preview.Field {
	name := "ghcr.io/acme/" + container + ":"
	return Field("spec.template.spec.containers["+container+"].image", name+before, name+after)
}

// Drift returns a difference that was there before, made by a manager.
func Drift(path string, live, wanted any, manager string) preview.Field {
	return preview.Field{Path: path, Old: live, New: wanted, Source: preview.FromDrift, Managers: []string{manager}}
}

// Admission returns what admission makes of a field of a new object.
func Admission(path string, before, after any) preview.Field {
	return preview.Field{Path: path, Old: before, New: after, Source: preview.FromAdmission}
}

// Finding returns a finding of a rule on a change's object, at its place.
func Finding(level policy.Level, rule, message string, c preview.Change) policy.Finding {
	return policy.Finding{Rule: rule, Level: level, Object: c.ID, File: c.Origin.File, Line: c.Origin.Line, Message: message}
}
