package report

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

// targetJSON is one target of a status, as programs read it.
type targetJSON struct {
	Target      string                `json:"target"`
	Environment render.Environment    `json:"environment"`
	Application render.Application    `json:"application,omitempty"`
	Health      Health                `json:"health"`
	Message     string                `json:"message,omitempty"`
	Behind      bool                  `json:"behind"`
	Deployed    *inventory.Deployment `json:"deployed"` // null before the first
	Current     *inventory.Deployment `json:"current"`  // null before the first
	Checked     time.Time             `json:"checked,omitzero"`
	Drifted     int                   `json:"drifted"`
	Problem     *render.Problem       `json:"problem,omitempty"`
}

// StatusJSON returns a status as indented JSON with a line end: repository, head and
// targets, which is never null.
func StatusJSON(s StatusReport) ([]byte, error) {
	targets := make([]targetJSON, len(s.Targets))
	for i, t := range s.Targets {
		targets[i] = targetJSON{
			Target: t.Target.String(), Environment: t.Target.Environment, Application: t.Target.Application,
			Health: t.Health, Message: t.Message, Behind: t.Behind, Deployed: t.Deployed, Current: t.Current,
			Checked: t.Checked, Drifted: t.Drifted, Problem: t.Problem,
		}
	}
	return indented(struct {
		Repository string        `json:"repository"`
		Head       render.Commit `json:"head"`
		Targets    []targetJSON  `json:"targets"`
	}{s.Repository, s.Head, targets})
}

// HistoryJSON returns a history as indented JSON with a line end: target, the
// deployed commit (empty before the first) and deployments, the newest first and
// never null.
func HistoryJSON(h HistoryReport) ([]byte, error) {
	deployments := h.Deployments
	if deployments == nil {
		deployments = []inventory.Deployment{}
	}
	return indented(struct {
		Target      string                 `json:"target"`
		Deployed    render.Commit          `json:"deployed"`
		Deployments []inventory.Deployment `json:"deployments"`
	}{h.Target.String(), h.Deployed, deployments})
}

func indented(value any) ([]byte, error) {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return append(content, '\n'), nil
}
