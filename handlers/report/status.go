package report

import (
	"time"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

// A StatusReport is what runs where, target by target.
type StatusReport struct {
	Repository string
	Head       render.Commit // the branch's head; may be empty
	// Targets are in environment order, then by application.
	Targets []TargetStatus
}

// A Health says how what is live in a target is doing.
type Health string

// The healths of a target.
const (
	Healthy       Health = "healthy"
	Progressing   Health = "progressing"
	Unhealthy     Health = "unhealthy"
	HealthUnknown Health = "unknown"
)

// A TargetStatus is what is known of one target.
type TargetStatus struct {
	Target   render.Target
	Deployed *inventory.Deployment // the last that became healthy; nil before the first
	Current  *inventory.Deployment // the newest, whatever became of it; nil before the first
	Behind   bool                  // the branch's head renders something else than is deployed
	Health   Health                // now
	Message  string                // why it is not healthy; masked
	// Checked is when drift was looked for last; zero where it never was. Drifted
	// counts the objects that had drifted then.
	Checked time.Time
	Drifted int
	// Problem says why nothing is known, e.g. that the cluster did not answer.
	Problem *render.Problem
	// External is set where another engine applies.
	External bool
}

// A HistoryReport is what a target has run.
type HistoryReport struct {
	Target      render.Target
	Deployments []inventory.Deployment // newest first
	Deployed    render.Commit          // what runs now; may be empty
}
