package app

import (
	"context"

	"github.com/slipwayhq/slipway/handlers/report"
)

// StatusOptions ask what runs where.
type StatusOptions struct {
	Checkout
	Targets []string // environments or targets; all where empty
}

// Status reads the records of the targets' clusters.
func Status(ctx context.Context, o StatusOptions) (report.StatusReport, error) {
	terminal, checkout, closing, err := o.open(ctx)
	if err != nil {
		return report.StatusReport{}, err
	}
	defer closing()
	return terminal.Status(ctx, checkout, o.Targets...)
}

// HistoryOptions ask what a target has run.
type HistoryOptions struct {
	Checkout
	Target string
}

// History reads the record of one target.
func History(ctx context.Context, o HistoryOptions) (report.HistoryReport, error) {
	terminal, checkout, closing, err := o.open(ctx)
	if err != nil {
		return report.HistoryReport{}, err
	}
	defer closing()
	return terminal.History(ctx, checkout, o.Target)
}
