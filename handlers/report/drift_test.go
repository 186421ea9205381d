package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// TestIgnoreRulesAreYAML reads the configuration that a drift issue proposes as a
// parser of YAML does: whatever names and pointers are, it says exactly these.
func TestIgnoreRulesAreYAML(t *testing.T) {
	for _, s := range []string{"web", "12", "true", "null", "~", "a: b", "- a", "# a", "{a}", "[a, b]", "a, b", "'", `"`, "é", "*a", "&a", "!a", "%", "@a", "=", "on", "1e3", "2026-11-20", "/spec/containers/[name=web]/image", "/a~1b/c~0d", "a\\b", "?", "? a", "|", ">", ": ", strings.Repeat("long ", 16)} {
		id := render.ObjectID{Group: s, Kind: s, Namespace: s, Name: s}
		d := report.DriftReport{Environment: render.Environment(s), Parts: []report.DriftPart{{Target: production, Objects: []report.DriftedObject{
			{ID: id, Fields: []report.DriftedField{{Kind: report.DriftChanged, Path: "x", Pointer: "/" + s, Git: 1, Live: 2}}}}}}}
		_, body := report.DriftIssue(d)
		_, text, _ := strings.Cut(body, "```yaml\n")
		text, _, _ = strings.Cut(text, "\n```")
		var got map[string]map[string]map[string]map[string][]map[string]any
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%q: %v in\n%s", s, err, text)
			continue
		}
		rule := map[string]any{"group": s, "kind": s, "namespace": s, "name": s, "field": "/" + s}
		want := map[string]map[string]map[string]map[string][]map[string]any{"environments": {s: {"drift": {"ignore": {rule}}}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s, diff)
		}
	}
}

// TestNothingIsDeployedThatIsNot reads the verdict of each mixture of states.
func TestNothingIsDeployedThatIsNot(t *testing.T) {
	for _, state := range []deploy.State{deploy.Applying, deploy.Waiting, deploy.Refused, deploy.Failed, deploy.Held, deploy.Superseded} {
		r := receipt(staging, state, object("Deployment", "web", preview.Update, deploy.ObjectApplied, ""))
		comment := report.Deployment(deployment(in("staging", report.TargetDeployment{Target: staging, Receipt: r}, applied(dev))))
		if !strings.Contains(comment, "1 of 2 targets deployed") || strings.Contains(comment, "### ✅") {
			t.Errorf("%s reads as\n%s", state, comment)
		}
	}
	for _, target := range []report.TargetDeployment{{Target: staging}, {Target: staging, External: true}, {Target: staging, Problem: &render.Problem{Message: "x"}}} {
		if text := report.Deployment(deployment(in("staging", target))); strings.Contains(text, "### ✅ 1 target") {
			t.Errorf("%+v reads as\n%s", target, text)
		}
	}
	if text := report.DriftText([]report.DriftReport{drifts()["drift-unreachable"]}, false); strings.Contains(text, "No drift") {
		t.Errorf("a check that could not run reads as\n%s", text)
	}
}
