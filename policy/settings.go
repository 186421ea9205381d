package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/render"
)

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
	Object  string `json:"object" jsonschema:"required"` // see [ParsePattern]
	Reason  string `json:"reason" jsonschema:"required"`
	By      string `json:"by,omitempty"`                               // who answers for it
	Expires string `json:"expires,omitempty" jsonschema:"format=date"` // YYYY-MM-DD
}

// Apply returns the findings as the settings have them, sorted: rules have the
// levels that are set for them, those that are off are gone, and waived findings
// are Info and say who waived them and why. A waiver holds through the day
// on which it expires, in UTC, by the date that the caller passes in; where it has
// expired the finding stands, and its hint says so. The findings passed in are not
// changed. What could not be evaluated is never silenced.
func (s Settings) Apply(findings []Finding, today time.Time) []Finding {
	date := today.UTC().Format(time.DateOnly)
	kept := make([]Finding, 0, len(findings))
	for _, finding := range findings {
		if !finding.Broken {
			level := Level(s.Rules[finding.Rule])
			if level == Off {
				continue
			}
			if level != "" {
				finding.Level = level
			}
			s.waive(&finding, date)
		}
		kept = append(kept, finding)
	}
	sortFindings(kept)
	return kept
}

// waive applies the first waiver that holds, or notes that one has expired.
func (s Settings) waive(finding *Finding, date string) {
	for _, waiver := range s.Waivers {
		pattern, err := ParsePattern(waiver.Object)
		if err != nil || waiver.Rule != finding.Rule || !pattern.Match(finding.Object) {
			continue
		}
		if waiver.Expires != "" && waiver.Expires < date {
			finding.Hint = strings.TrimPrefix(finding.Hint+"; its waiver expired on "+waiver.Expires, "; ")
			continue
		}
		finding.Level = Info
		finding.Waived = &Waived{Reason: waiver.Reason, By: waiver.By, Until: waiver.Expires}
		return
	}
}

// Mistakes returns a problem for each level and waiver of a rule that there is not:
// a waiver of a rule whose name is misspelt would otherwise do nothing, unnoticed.
// file is the configuration's path.
func (s Settings) Mistakes(file string, rules []string) []render.Problem {
	var problems []render.Problem
	add := func(where, rule string) {
		if slices.Contains(rules, rule) {
			return
		}
		hint := "there are no rules"
		if len(rules) > 0 {
			hint = "known are: " + strings.Join(rules, ", ")
		}
		problems = append(problems, render.Problem{File: file, Message: fmt.Sprintf("%s names the rule %q, which there is not", where, rule), Hint: hint})
	}
	for _, rule := range sortedKeys(s.Rules) {
		add("policies.rules", rule)
	}
	for _, waiver := range s.Waivers {
		add("policies.waivers", waiver.Rule)
	}
	return problems
}
