package report

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipwayhq/slipway/render"
)

// bottom says what can be done about drift: three choices, and what becomes of the
// issue.
func (d DriftReport) bottom(b brevity) string {
	var s strings.Builder
	most := b.rows / 3
	var commands, places []string
	word := ""
	seen := map[render.Origin]bool{}
	for _, p := range d.Parts {
		if len(p.Objects) > 0 {
			commands = append(commands, "slipway apply "+quote(visible(p.Target.String())))
			if word = ApplyCommand(p.Target); len(commands) > 1 {
				word = "/apply <target>"
			}
		}
		for _, o := range p.Objects {
			if o.Origin.File == "" || seen[o.Origin] {
				continue
			}
			seen[o.Origin] = true
			places = append(places, "")
			if len(places) <= most {
				places[len(places)-1] = code(short(place(o.Origin.File, o.Origin.Line), 200))
			}
		}
	}
	if len(commands) > 0 {
		s.WriteString("#### What to do\n\n")
		fmt.Fprintf(&s, "**Take it back:** comment %s on the pull request that was deployed last, or apply Git again from a terminal:\n\n%s\n",
			code(short(word, 200)), fence("sh", limited(commands, most, "target")))
		s.WriteString("**Keep it:** write the live values into Git")
		if len(places) > 0 {
			s.WriteString(", where the objects stand: " + some(places, most))
		}
		s.WriteString(".\n\n")
		if rules := d.ignoreRules(most); rules != "" {
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
	type key struct {
		id      render.ObjectID
		pointer string
	}
	seen := map[key]bool{}
	var rules []string
	for _, p := range d.Parts {
		for _, o := range p.Objects {
			for _, f := range o.Fields {
				k := key{o.ID, f.Pointer}
				if f.Pointer == "" || seen[k] {
					continue
				}
				seen[k] = true
				if len(seen) <= most {
					rules = append(rules, ignoreRule(o, f))
				}
			}
		}
	}
	if len(rules) == 0 {
		return ""
	}
	rules = limited(rules, most, "field")
	if left := len(seen) - most; left > 0 {
		rules = append(rules, "# "+plural(left, "more field"))
	}
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
	if strings.ContainsAny(s, "[]{},#&*!?|>'\"%@`:\\\n") || visible(s) != s {
		node.Style = yaml.DoubleQuotedStyle
	}
	text, err := yaml.Marshal(&node)
	if err != nil { // no UTF-8, which no name that came through YAML or JSON is
		return visible(fmt.Sprintf("%q", s))
	}
	return visible(strings.TrimSpace(string(text)))
}
