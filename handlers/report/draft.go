package report

import (
	"fmt"

	"github.com/slipwayhq/slipway/deploy"
)

func (d DeploymentReport) top() string {
	return fmt.Sprintf("### Deployment of %s\n", code(d.Commit.Short()))
}

func (r CommandReply) body() string { return "" }

func (p PromotionReport) title() string {
	return fmt.Sprintf("Promote to %s", visible(string(p.To)))
}

func (p PromotionReport) body() string { return PromotionMarker(p.From, p.To, p.Application) + "\n" }

func (d DriftReport) title() string { return "Drift in " + visible(string(d.Environment)) }

func (d DriftReport) body() string { return d.Marker() + "\n" }

// Digest is equal as long as what drifted, and what could not be checked, is.
func (d DriftReport) Digest() string { return "0000000000000000" }

// DriftClosed returns the comment with which a drift issue is closed.
func DriftClosed(d DriftReport) string { return "" }

// StatusText returns what runs where for a terminal.
func StatusText(s StatusReport, colour bool) string { return "" }

// HistoryText returns what a target has run for a terminal.
func HistoryText(h HistoryReport, colour bool) string { return "" }

// ReceiptText returns receipts for a terminal, table and verdict last.
func ReceiptText(receipts []deploy.Receipt, colour bool) string { return "" }

// ProgressText returns one line about an apply that is under way.
func ProgressText(r deploy.Receipt, colour bool) string { return "" }

// DriftText returns what has drifted for a terminal.
func DriftText(reports []DriftReport, colour bool) string { return "" }
