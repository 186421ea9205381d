package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// An Outcome says how a verb ended that did what it could.
type Outcome string

// The outcomes.
const (
	Done   Outcome = "done"   // all is as it was asked for
	Stands Outcome = "stands" // something stands against it, or waits for a person
	Failed Outcome = "failed" // it was begun and did not end well
)

// ApplyOptions ask for targets to be brought to what a commit says.
type ApplyOptions struct {
	Checkout
	Targets   []string          // environments or targets; all where empty
	Confirmed map[string]string // digests of plans that may delete, by target
	DryRun    bool
	// Agree asks the person, once the plan is shown, whether to go on.
	Agree func(question string) (bool, error)

	Out, Progressing  io.Writer // what came of it; lines about what goes on
	Colour, Colourful bool      // of the one and of the other
}

// Apply shows the plan, asks, and applies.
func Apply(ctx context.Context, o ApplyOptions) (Outcome, error) {
	terminal, checkout, closing, err := o.open(ctx)
	if err != nil {
		return Failed, err
	}
	defer closing()
	intent, err := terminal.Foresee(ctx, checkout, o.Targets, o.Confirmed)
	o.stage("")
	if err != nil {
		return Failed, err
	}
	if len(intent.Report.Parts) > 0 {
		o.print(strings.TrimSuffix(report.Text(intent.Report, o.Colour), "Nothing was applied.\n"))
	}
	if denied := intent.Denied(); denied != nil {
		o.print(denied.Error() + "\n")
		return Stands, nil
	}
	ready := intent.Ready()
	o.print(foreseenText(intent.Foreseen, ready))
	if len(ready) == 0 || o.DryRun {
		o.print("Nothing was applied.\n")
		return outcomeOf(intent.Foreseen, len(intent.Foreseen)), nil
	}
	agreed, err := o.Agree(question(ready))
	if err != nil {
		return Failed, err
	}
	if !agreed {
		o.print("Nothing was applied.\n")
		return Stands, nil
	}
	receipts, err := intent.Apply(ctx, o.teller())
	if len(receipts) > 0 {
		o.print(report.ReceiptText(receipts, o.Colour))
	}
	for _, foreseen := range intent.Foreseen {
		if !slices.ContainsFunc(receipts, func(r deploy.Receipt) bool { return r.Target == foreseen.Target }) {
			o.print(fmt.Sprintf("%s has not begun: what comes before it did not end well\n", foreseen.Target))
		}
	}
	if err != nil {
		return Failed, err
	}
	return outcomeOf(receipts, len(intent.Foreseen)), nil
}

func (o *ApplyOptions) stage(text string) {
	if o.Checkout.Progress != nil {
		o.Checkout.Progress(text)
	}
}

func (o *ApplyOptions) print(text string) { fmt.Fprint(o.Out, text) }

// question names what is about to be applied.
func question(ready []render.Target) string {
	const shown = 5
	var names []string
	for _, target := range ready[:min(shown, len(ready))] {
		names = append(names, target.String())
	}
	text := strings.Join(names, ", ")
	if len(ready) > shown {
		text += fmt.Sprintf(" and %d more", len(ready)-shown)
	}
	return "Apply " + text + "?"
}

// foreseenText says of each target what applying would come to.
func foreseenText(foreseen []deploy.Receipt, ready []render.Target) string {
	var b strings.Builder
	for _, r := range foreseen {
		problem := render.Problem{Message: r.Reason, Hint: r.Hint}
		switch {
		case slices.Contains(ready, r.Target):
			fmt.Fprintf(&b, "%s would be applied\n", r.Target)
		case r.State == deploy.Applying:
			fmt.Fprintf(&b, "%s would not begin: something stands against what comes before it\n", r.Target)
		case r.Reason == "":
			fmt.Fprintf(&b, "%s is %s\n", r.Target, r.State)
		default:
			fmt.Fprintf(&b, "%s is %s: %s\n", r.Target, r.State, problem.Error())
		}
	}
	return b.String()
}

// outcomeOf sums up receipts, of which there should be so many.
func outcomeOf(receipts []deploy.Receipt, wanted int) Outcome {
	outcome := Done
	if len(receipts) < wanted {
		outcome = Stands
	}
	for _, r := range receipts {
		switch r.State {
		case deploy.Failed:
			return Failed
		case deploy.Refused:
			if isUnknown(r) {
				return Failed
			}
			outcome = Stands
		case deploy.Applied, deploy.Unchanged, deploy.Applying: // what would be applied stands against nothing
		default:
			outcome = Stands
		}
	}
	return outcome
}

// isUnknown reports whether a target was refused for want of knowledge: it does not
// render, or its cluster could not be asked.
func isUnknown(r deploy.Receipt) bool {
	return r.Plan == nil || r.Plan.Live != preview.LiveCompared || r.Plan.Counts()[preview.Unknown] > 0
}

// tellEvery is how often a target's line is printed while nothing but counts change.
const tellEvery = time.Second

// teller prints a line when a target's state changes, and from time to time between.
func (o *ApplyOptions) teller() func(deploy.Receipt) {
	type said struct {
		state deploy.State
		line  string
		at    time.Time
	}
	var mu sync.Mutex
	last := map[render.Target]said{}
	return func(r deploy.Receipt) {
		mu.Lock()
		defer mu.Unlock()
		line, before := report.ProgressText(r, o.Colourful), last[r.Target]
		if line == before.line || r.State == before.state && time.Since(before.at) < tellEvery {
			return
		}
		last[r.Target] = said{r.State, line, time.Now()}
		fmt.Fprintln(o.Progressing, line)
	}
}
