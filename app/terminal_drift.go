package app

import (
	"context"

	"github.com/slipwayhq/slipway/handlers/report"
)

// DriftOptions ask what has drifted.
type DriftOptions struct {
	Checkout
	Targets []string // environments or targets; all where empty
}

// Drift compares what is deployed with the clusters. It Stands where anything has
// drifted, and Failed where nothing has as far as could be checked.
func Drift(ctx context.Context, o DriftOptions) ([]report.DriftReport, Outcome, error) {
	terminal, checkout, closing, err := o.open(ctx)
	if err != nil {
		return nil, Failed, err
	}
	defer closing()
	reports, err := terminal.Drift(ctx, checkout, o.Targets...)
	if err != nil {
		return nil, Failed, err
	}
	outcome := Done
	for _, r := range reports {
		for _, part := range r.Parts {
			switch {
			case len(part.Objects) > 0:
				outcome = Stands
			case outcome == Done:
				outcome = Failed
			}
		}
	}
	return reports, outcome, nil
}
