package report_test

import (
	"testing"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A terminal's exit code tells no from not known.
func TestDenied(t *testing.T) {
	planned := func(action preview.Action) []report.Part {
		return []report.Part{{Plan: &preview.Plan{Changes: []preview.Change{{Action: action}}}}}
	}
	for name, test := range map[string]struct {
		report report.Report
		want   bool
	}{
		"nothing":       {report.Report{}, false},
		"update":        {report.Report{Parts: planned(preview.Update)}, false},
		"refused":       {report.Report{Parts: planned(preview.Refused)}, true},
		"unknown":       {report.Report{Parts: planned(preview.Unknown)}, false},
		"no access":     {report.Report{Parts: []report.Part{{Plan: &preview.Plan{Live: preview.LiveRefused}}}}, false},
		"not rendered":  {report.Report{Parts: []report.Part{{Problem: &render.Problem{}}}}, false},
		"denied":        {report.Report{Parts: []report.Part{{Plan: &preview.Plan{}, Findings: []policy.Finding{{Level: policy.Deny}}}}}, true},
		"warned":        {report.Report{Parts: []report.Part{{Plan: &preview.Plan{}, Findings: []policy.Finding{{Level: policy.Warn}}}}}, false},
		"conflict":      {report.Report{Conflicts: []string{"a.yaml"}}, true},
		"misconfigured": {report.Report{Problems: []render.Problem{{}}}, false},
	} {
		if got := test.report.Denied(); got != test.want {
			t.Errorf("%s: denied is %v", name, got)
		}
	}
}
