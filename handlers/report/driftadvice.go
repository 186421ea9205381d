package report

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// bottom says what can be done about drift: three choices, and what becomes of the
// issue.
func (d DriftReport) bottom(b brevity) string {
	var s strings.Builder
	var commands, places []string
	for _, p := range d.Parts {
		if len(p.Objects) > 0 {
			commands = append(commands, "slipway apply "+quote(visible(p.Target.String())))
		}
		for _, o := range p.Objects {
			if place := short(place(o.Origin.File, o.Origin.Line), 200); o.Origin.File != "" && !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	if len(commands) > 0 {
		s.WriteString("#### What to do\n\n")
		fmt.Fprintf(&s, "**Take it back:** apply Git again.\n\n%s\n", fence("sh", limited(commands, b.rows/3, "target")))
		s.WriteString("**Keep it:** write the live values into Git")
		for i := range places {
			places[i] = code(places[i])
		}
		if len(places) > 0 {
			s.WriteString(", where the objects stand: " + some(places, b.rows/3))
		}
		s.WriteString(".\n\n")
		if rules := d.ignoreRules(b.rows / 3); rules != "" {
			s.WriteString("**Leave it alone:** a rule in `.slipway.yaml` passes over a field in plan, apply and drift alike. Keep the lines that you want.\n\n" + rules + "\n")
		}
	}
	s.WriteString("<sub>This issue is edited when what has drifted changes, and closes itself when nothing has. All times are UTC.</sub>\n")
	return s.String()
}

// limited returns at most most lines of a script, and a remark that counts the rest.
func limited(lines []string, most int, noun string) []string {
	for i := range lines {
		if size(lines[i]) > 500 {
			lines[i] = "# a name of " + number(size(lines[i])) + " characters"
		}
	}
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most]), "# "+plural(len(lines)-most, "more "+noun))
}

// ignoreRules returns the exact configuration that ignores what has drifted.
func (d DriftReport) ignoreRules(most int) string {
	var rules []string
	for _, p := range d.Parts {
		for _, o := range p.Objects {
			for _, f := range o.Fields {
				if f.Pointer == "" {
					continue
				}
				if rule := ignoreRule(o, f); rule != "" && !slices.Contains(rules, rule) {
					rules = append(rules, rule)
				}
			}
		}
	}
	if len(rules) == 0 {
		return ""
	}
	rules = limited(rules, most, "field")
	for i, rule := range rules {
		if !strings.HasPrefix(rule, "#") {
			rule = "- " + rule
		}
		rules[i] = "        " + rule
	}
	head := []string{"environments:", "  " + flow(string(d.Environment)) + ":", "    drift:", "      ignore:"}
	return fence("yaml", append(head, rules...))
}

func ignoreRule(o DriftedObject, f DriftedField) string {
	var pairs []string
	for _, pair := range [][2]string{{"group", o.ID.Group}, {"kind", o.ID.Kind}, {"namespace", o.ID.Namespace}, {"name", o.ID.Name}, {"field", f.Pointer}} {
		if pair[1] != "" {
			pairs = append(pairs, pair[0]+": "+flow(pair[1]))
		}
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// flow returns s as one word of YAML's flow style, on one line, printing as visible
// does.
func flow(s string) string {
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsAny(s, "[]{},#&*!|>'\"%@`:\\\n") || visible(s) != s {
		node.Style = yaml.DoubleQuotedStyle
	}
	text, err := yaml.Marshal(&node)
	if err != nil { // no UTF-8, which no name that came through YAML or JSON is
		return visible(fmt.Sprintf("%q", s))
	}
	return visible(strings.TrimSpace(string(text)))
}
