package reporttest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

var environments = []string{"dev", "staging", "production"}

// Shared returns a report of n targets in three environments of which a change to a
// shared base adds the same label to each; a few have trouble of their own.
func Shared(n int) report.Report {
	parts := make([]report.Part, n)
	for i := range n {
		application := fmt.Sprintf("app-%03d", i/3)
		target := Target(environments[i%3], application)
		change := Update(application, Field("metadata.labels[team]", nil, "storefront"))
		parts[i] = Part(target, 3, change)
		switch {
		case i == 4:
			parts[i].Findings = []policy.Finding{Finding(policy.Deny, "main.deny_latest_tag", "container `"+application+"` uses the tag latest", change)}
		case i == 8:
			parts[i].Plan.Changes[0].Fields = append(change.Fields, Drift("spec.replicas", int64(5), int64(3), "kubectl-edit"))
		case i == 13:
			parts[i] = report.Part{Target: target, Problem: &render.Problem{
				File: target.Path + "/kustomization.yaml", Line: 7, Message: "no such file: `patch.yaml`", Hint: "add the file, or drop the line"}}
		}
	}
	return New(parts...)
}

// Generate returns a report of n targets of which each has up to objects changes of
// every action, with texts of up to length characters. Equal arguments give equal reports.
func Generate(seed uint64, n, objects, length int) report.Report {
	random := rand.New(rand.NewPCG(seed, 1))
	parts := make([]report.Part, n)
	for i := range n {
		target := Target(environments[random.IntN(3)], fmt.Sprintf("app-%03d", i))
		var changes []preview.Change
		for range random.IntN(objects + 1) {
			changes = append(changes, anyChange(random, length))
		}
		parts[i] = Part(target, random.IntN(4), changes...)
		for _, c := range changes {
			if random.IntN(4) == 0 {
				level := []policy.Level{policy.Deny, policy.Warn, policy.Info}[random.IntN(3)]
				parts[i].Findings = append(parts[i].Findings, Finding(level, "main.rule", anyText(random, length/4+1), c))
			}
		}
		if random.IntN(12) == 0 {
			parts[i] = report.Part{Target: target, Problem: &render.Problem{File: target.Path, Message: anyText(random, length)}}
		}
	}
	r := New(parts...)
	for range random.IntN(n + 1) {
		r.Unclaimed = append(r.Unclaimed, anyText(random, 40))
	}
	return r
}

func anyChange(random *rand.Rand, length int) preview.Change {
	actions := preview.Actions
	c := Update(fmt.Sprintf("object-%d", random.IntN(100000)))
	c.Action = actions[random.IntN(len(actions))]
	switch c.Action {
	case preview.Refused, preview.Unknown:
		c.Reason = anyText(random, length)
	case preview.Create, preview.Update, preview.Replace:
		for range 1 + random.IntN(4) {
			c.Fields = append(c.Fields, Field("spec."+anyText(random, 12), anyText(random, length), anyText(random, length)))
		}
	}
	return c
}

// anyText returns up to length characters, among them line ends, fences, wide
// letters and tags.
func anyText(random *rand.Rand, length int) string {
	pieces := []string{"a", "bc ", "word ", "\n", "`", "```", "é", "界", "<details>", "</details>", "|", "\n\n", "😀", "@team ", "#1 "}
	var b strings.Builder
	for left := random.IntN(length + 1); left > 0; {
		piece := pieces[random.IntN(len(pieces))]
		b.WriteString(piece)
		left -= len(piece)
	}
	return b.String()
}
