package report

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A group is targets of which the same is to be said: applying does the same to
// each, but for the target's own names.
type group struct {
	parts []Part // at least one, in the report's order
	rank  int    // 0 is what a reader must see first
}

// first is the part that the group is shown by.
func (g group) first() Part { return g.parts[0] }

// grouped puts parts of which the same is to be said together, in the order of
// each group's first part.
func grouped(parts []Part) []group {
	var groups []group
	at := map[string]int{}
	for _, p := range parts {
		key := likeness(p)
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, group{rank: rank(p)})
		}
		groups[i].parts = append(groups[i].parts, p)
	}
	return groups
}

// rank orders parts by how much harm not seeing them does.
func rank(p Part) int {
	t := count(p)
	switch {
	case p.conclusion() == Failure:
		return 0
	case t.actions[preview.Delete]+t.actions[preview.Replace] > 0:
		return 1
	case t.findings[policy.Warn]+t.drifted > 0:
		return 2
	case t.changing > 0:
		return 3
	default:
		return 4
	}
}

// byRank returns the indices of groups, those to be seen first first.
func byRank(groups []group) []int {
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return groups[a].rank - groups[b].rank })
	return order
}

// likeness is equal for parts of which the same is to be said. The names of the
// target's own application and environment, standing as words of their own, are
// replaced before comparing, so that web/web and api/api can be alike.
func likeness(p Part) string {
	type finding struct {
		Rule, Message, Hint, File string
		Line                      int
		Level                     policy.Level
		Object                    render.ObjectID
	}
	said := struct {
		New, Retired bool
		Problem      *render.Problem
		Live         preview.Live
		LiveProblem  *render.Problem
		Changes      []preview.Change
		Findings     []finding
		Warnings     []string
	}{New: p.New, Retired: p.Retired, Problem: p.Problem, Warnings: p.Warnings}
	if p.Plan != nil {
		said.Live, said.LiveProblem = p.Plan.Live, p.Plan.Problem
		for _, c := range p.Plan.Changes {
			if noteworthy(p, c) {
				said.Changes = append(said.Changes, c)
			}
		}
	}
	for _, f := range p.Findings {
		said.Findings = append(said.Findings, finding{f.Rule, f.Message, f.Hint + waivedWords(f.Waived), f.File, f.Line, f.Level, f.Object})
	}
	text, err := json.Marshal(said)
	if err != nil { // no value of JSON comes here; alone is always right
		return "alone " + p.Target.String() + " " + p.Target.Path
	}
	return ownNames(p.Target).ReplaceAllStringFunc(string(text), func(name string) string {
		if name == string(p.Target.Application) {
			return "\x00application"
		}
		return "\x00environment"
	})
}

// ownNames matches the target's own names where they stand as words.
func ownNames(t render.Target) *regexp.Regexp {
	var names []string
	for _, name := range []string{string(t.Application), string(t.Environment)} {
		if utf8.ValidString(name) && strings.ContainsFunc(name, unicode.IsLetter) { // 3 may count anything
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	if len(names) == 0 {
		return regexp.MustCompile(`$.`) // matches nothing
	}
	return regexp.MustCompile(`\b(?:` + strings.Join(names, "|") + `)\b`)
}

// noteworthy reports whether a change has anything to be said of it.
func noteworthy(p Part, c preview.Change) bool {
	if p.Plan != nil && p.Plan.Live == preview.LiveUnreachable && c.Action == preview.Unknown {
		return len(findingsOn(p, c.ID)) > 0 // that nobody answered is said once, of the target
	}
	if c.Action == preview.Encrypted { // counted with the target; told by itself where it changes
		return len(c.Fields) > 0 || c.Origin == (render.Origin{}) || len(findingsOn(p, c.ID)) > 0
	}
	return c.Action != preview.None || len(c.Fields) > 0 || len(c.Warnings) > 0 || len(findingsOn(p, c.ID)) > 0
}

func findingsOn(p Part, id render.ObjectID) []policy.Finding {
	var found []policy.Finding
	for _, f := range p.Findings {
		if f.Object == id {
			found = append(found, f)
		}
	}
	return found
}

// strays are the findings on no object that the plan has.
func strays(p Part) []policy.Finding {
	known := map[render.ObjectID]bool{}
	if p.Plan != nil {
		for _, c := range p.Plan.Changes {
			known[c.ID] = true
		}
	}
	var found []policy.Finding
	for _, f := range p.Findings {
		if !known[f.Object] {
			found = append(found, f)
		}
	}
	return found
}

// title names a group in plain text.
func (g group) title() string {
	if len(g.parts) == 1 {
		return g.first().Target.String()
	}
	return g.same() + g.names(visible)
}
