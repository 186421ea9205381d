package policy

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/render"
)

// A Verdict is what a rule says of one object, before anybody looks for where in the
// tree the object says so.
type Verdict struct {
	Rule    string
	Level   Level
	Message string
	Hint    string
	Field   string // of the object, as the rule gives it
	// Broken is set where the rule could not be evaluated; File and Line are then the
	// rule's own.
	Broken bool
	File   string
	Line   int
}

// A Locate finds where in the tree a field of an object is written; the empty
// field is the object itself. The field reads as policies give it, e.g.
// spec.template.spec.containers[0].image.
type Locate func(object render.Object, field string) (file string, line int)

// Evaluate asks every rule about every object, masked, and returns the findings,
// worst first. locate may be nil: findings then stand at their object's origin. A
// rule that cannot be evaluated for an object gives a finding that denies, never
// silence. An error means that ctx ended, or that a [Runner] is broken.
func (p *Policies) Evaluate(ctx context.Context, objects []render.Object, locate Locate) ([]Finding, error) {
	if len(p.rules) == 0 && len(p.names) == 0 || len(objects) == 0 {
		return nil, ctx.Err()
	}
	inputs := make([]map[string]any, len(objects))
	for i, object := range objects {
		inputs[i] = object.Masked()
	}
	judge := p.Judge
	if p.runner != nil {
		judge = p.elsewhere
	}
	verdicts, err := judge(ctx, inputs)
	if err != nil {
		return nil, err
	}
	perObject := make([][]Finding, len(objects))
	var group errgroup.Group // looking for places reads files
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, said := range verdicts {
		if len(said) == 0 {
			continue
		}
		group.Go(func() error {
			perObject[i] = place(objects[i], said, locate)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	findings := slices.Concat(perObject...)
	sortFindings(findings)
	return findings, ctx.Err()
}

// place makes findings of what was said of one object.
func place(object render.Object, verdicts []Verdict, locate Locate) []Finding {
	findings := make([]Finding, len(verdicts))
	for i, v := range verdicts {
		finding := Finding{Rule: v.Rule, Level: v.Level, Object: object.ID, Message: v.Message, Hint: v.Hint, Broken: v.Broken}
		switch {
		case v.Broken:
			finding.File, finding.Line = v.File, v.Line
			if v.File != "" {
				finding.Hint = "mend the rule, so that it says something of every object or passes it over"
			}
		case locate == nil:
			finding.File, finding.Line = object.Origin.File, object.Origin.Line
		default:
			finding.File, finding.Line = locate(object, v.Field)
		}
		findings[i] = finding
	}
	return findings
}

// stopped is the verdict about an object that policies were kept from judging.
func stopped(why string) Verdict {
	return Verdict{Rule: "policy.stopped", Level: Deny, Message: "the policies " + why + "; this object was not judged", Broken: true}
}

// TooSlow is why policies are stopped that take longer than [MaxTime].
var TooSlow = fmt.Sprintf("took longer than %s over this target", MaxTime)
