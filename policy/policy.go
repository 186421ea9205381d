// Package policy turns rendered objects into findings by the Rego v1 rules of a
// directory, with conftest's package names and forms (deny, warn, violation). It
// opens no connection and reads no clock.
package policy

import (
	"cmp"
	"maps"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// A Level says how serious a finding is.
type Level string

// The levels, worst first. Only Deny fails a check.
const (
	Deny Level = "deny"
	Warn Level = "warn"
	Info Level = "info"
)

// Off, as a rule's level in [Settings], silences the rule; no finding has it.
const Off Level = "off"

// A Finding is one policy result.
type Finding struct {
	Rule    string          `json:"rule"` // package and rule, e.g. main.deny_latest_tag
	Level   Level           `json:"level"`
	Object  render.ObjectID `json:"object"`
	File    string          `json:"file,omitempty"` // in the tree
	Line    int             `json:"line,omitempty"` // 1-based; 0 where unknown
	Message string          `json:"message"`
	Hint    string          `json:"hint,omitempty"`
	// Broken is set where the rule could not be evaluated for the object. The level
	// is then Deny, and File and Line are those of the rule.
	Broken bool `json:"broken,omitempty"`
	// Waived is set where a waiver excuses the object. The level is then Info.
	Waived *Waived `json:"waived,omitempty"`
}

// Waived says why a finding does not count.
type Waived struct {
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`    // who answers for it, in their own words
	Until  string `json:"until,omitempty"` // the last day on which it holds, YYYY-MM-DD; empty for good
}

// order sorts levels worst first.
var order = map[Level]int{Deny: 0, Warn: 1, Info: 2}

// sortFindings puts the worst first, then orders by file, line, object, rule and
// message, so that equal findings are always said in the same order.
func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(order[a.Level], order[b.Level]),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			a.Object.Compare(b.Object),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Hint, b.Hint),
		)
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
