package render

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Variable is a place where an object still has the name of a value instead of
// the value: ${DOMAIN} or ${REPLICAS:=2}, which Flux puts in after building
// (postBuild) and which nobody does here.
type Variable struct {
	Name  string // DOMAIN
	Text  string // as it stands: ${DOMAIN}; without what is sensitive: its default
	Field string // spec.rules[0].host, as [Locate] takes it
}

// variable is what Flux substitutes; $${DOMAIN} is how one writes that it must not.
var variable = regexp.MustCompile(`(^|[^$])(\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-=+?][^{}]*)?\})`)

// scripts are the fields in which ${NAME} is a shell's or a program's own.
var scripts = []string{"command", "args", "script", "data", "binaryData", "stringData"}

// Variables returns the places where an object has a variable instead of a value,
// sorted by field. A script's own are none: those in commands, in what a ConfigMap
// or Secret holds, and in text of several lines.
func (o Object) Variables() []Variable {
	if o.ID.Kind == "CustomResourceDefinition" {
		return nil
	}
	var found []Variable
	collectVariables(o.open().content, o.Masked(), "", &found)
	return found
}

func collectVariables(value, masked any, field string, found *[]Variable) {
	switch typed := value.(type) {
	case map[string]any:
		inside, _ := masked.(map[string]any)
		keys := make([]string, 0, len(typed))
		for key := range typed {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if slices.Contains(scripts, key) {
				continue
			}
			inner := key
			if strings.ContainsAny(key, "./[]") {
				inner = "[" + key + "]"
			} else if field != "" {
				inner = "." + key
			}
			collectVariables(typed[key], inside[key], field+inner, found)
		}
	case []any:
		inside, _ := masked.([]any)
		for i, inner := range typed {
			var hidden any
			if i < len(inside) {
				hidden = inside[i]
			}
			collectVariables(inner, hidden, field+"["+strconv.Itoa(i)+"]", found)
		}
	case string:
		if strings.Contains(typed, "\n") {
			return
		}
		for _, match := range variable.FindAllStringSubmatch(typed, -1) {
			text := match[2]
			if masked != value {
				text = "${" + match[3] + "}"
			}
			*found = append(*found, Variable{Name: match[3], Text: text, Field: field})
		}
	}
}
