package handlers

import (
	"context"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// A Stage is a part of a job's work that figures and traces tell apart.
type Stage string

// The stages that are watched. Those of Git and of what is published are watched where
// they are implemented.
const (
	StageRender  Stage = "render"
	StagePolicy  Stage = "policy"
	StagePreview Stage = "preview"
	StageApply   Stage = "apply"
	StageDrift   Stage = "drift"
	// StageLease has outcomes only: one each time that a target has another writer.
	StageLease Stage = "lease"
	// StageRepair has outcomes only: one for each head whose gate the clock found
	// missing, or in progress for too long.
	StageRepair Stage = "repair"
)

// The outcomes of stages that have no type of their own.
const (
	LeaseWaited   = "waited"
	RepairMissing = "missing"
	RepairStuck   = "stuck"
)

// A Watcher is told how work goes. It must be quick, and safe for concurrent use; it
// is never told what a file or an object holds.
type Watcher interface {
	// Begin tells that a stage begins, of a target or of all where that is zero. The
	// result is for what the stage does; end is called once, with what ended it, nil
	// where it went well.
	Begin(ctx context.Context, stage Stage, target render.Target) (inner context.Context, end func(error))
	// Outcome tells how one plan, apply or drift check came out, in one of few words:
	// a [preview.Live], a [deploy.State], a [DriftOutcome], or one of those above.
	Outcome(ctx context.Context, stage Stage, outcome string)
}

// A DriftOutcome says how a drift check of an environment came out.
type DriftOutcome string

// The outcomes of drift checks.
const (
	DriftNone   DriftOutcome = "none"
	DriftFound  DriftOutcome = "drifted"
	DriftFailed DriftOutcome = "failed" // of something, nobody knows
)

// begin tells the watcher, if there is one, that a stage begins.
func (p *Planner) begin(ctx context.Context, stage Stage, target render.Target) (context.Context, func(error)) {
	if p.Watcher == nil {
		return ctx, func(error) {}
	}
	return p.Watcher.Begin(ctx, stage, target)
}

// outcome tells the watcher, if there is one, how something came out.
func (p *Planner) outcome(ctx context.Context, stage Stage, outcome string) {
	if p != nil && p.Watcher != nil {
		p.Watcher.Outcome(ctx, stage, outcome)
	}
}

// driftOutcome sums up a check. whole says why nothing is known of the environment.
func driftOutcome(d report.DriftReport, whole *render.Problem) DriftOutcome {
	outcome := DriftNone
	for _, part := range d.Parts {
		if part.Problem != nil {
			return DriftFailed
		}
		if len(part.Objects) > 0 {
			outcome = DriftFound
		}
	}
	if whole != nil {
		return DriftFailed
	}
	return outcome
}

// repairOf says what is wrong with a gate that did not conclude.
func repairOf(gate Gate) string {
	if gate.Started.IsZero() {
		return RepairMissing
	}
	return RepairStuck
}

// watched tells the watcher, too, when a target's lease is somebody else's.
func (p *Planner) watched(ctx context.Context, progress func(deploy.Receipt)) func(deploy.Receipt) {
	return func(receipt deploy.Receipt) {
		if receipt.AwaitsLease() {
			p.outcome(ctx, StageLease, LeaseWaited)
		}
		progress(receipt)
	}
}
