// Package policy turns rendered objects into findings by the Rego v1 rules of a
// directory, with conftest's package names and forms (deny, warn, violation). It
// opens no connection and reads no clock.
package policy

import "github.com/slipwayhq/slipway/render"

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
}

// Settings are what a repository says of its policies, in .slipway.yaml.
type Settings struct {
	// Path is the directory of *.rego files (tests *_test.rego), relative to the root.
	Path string `json:"path,omitempty" jsonschema:"default=policies"`
	// Profile picks the built-in rules: none or baseline.
	Profile string `json:"profile,omitempty" jsonschema:"enum=none,enum=baseline,default=baseline"`
	// Rules sets a level per rule: off, info, warn or deny.
	Rules map[string]string `json:"rules,omitempty"`
	// Waivers excuse single objects from a rule, for a reason, until a date.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// A Waiver excuses objects from a rule.
type Waiver struct {
	Rule    string `json:"rule" jsonschema:"required"`
	Object  string `json:"object" jsonschema:"required"` // Kind namespace/name; * matches any part
	Reason  string `json:"reason" jsonschema:"required"`
	Expires string `json:"expires,omitempty" jsonschema:"format=date"` // YYYY-MM-DD
}
