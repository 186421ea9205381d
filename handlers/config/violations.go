package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	check "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// violations turns what the schema's validator found into problems that a person
// can act on, and notes the places of the values that cannot be used.
type violations struct {
	document *document
	problems *problems
	invalid  map[pointer]bool
}

func (v violations) walk(violation *check.ValidationError) {
	at := pointerTo(violation.InstanceLocation)
	switch found := violation.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range found.Properties {
			v.unknownKey(at, key, violation.SchemaURL)
		}
	case *kind.PropertyNames:
		// Environments are all whose keys have a pattern. The library's own
		// location shares memory with those of later errors.
		child := pointer("\nenvironments").child(found.Property)
		v.invalid[child] = true
		v.problems.add(v.line(child), fmt.Sprintf("%q is not an environment's name", found.Property),
			"use at most 63 letters, digits, dots, dashes and underscores, starting and ending with a letter or digit")
	case *kind.Required:
		for _, key := range found.Missing {
			v.problems.add(v.line(at), fmt.Sprintf("%s has no %s", name(at), key), "add the key "+key)
		}
	default:
		if len(violation.Causes) == 0 {
			v.value(at, violation)
			return
		}
		for _, cause := range violation.Causes {
			v.walk(cause)
		}
	}
}

func (v violations) unknownKey(at pointer, key, schemaURL string) {
	child := at.child(key)
	v.invalid[child] = true
	known := keysOf(schemaURL)
	hint := "known here: " + strings.Join(known, ", ")
	if near := nearest(key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	place := ""
	if at != "" {
		place = " in " + at.String()
	}
	v.problems.add(v.line(child), fmt.Sprintf("unknown key %q%s", key, place), hint)
}

// value reports a value that has the wrong shape.
func (v violations) value(at pointer, violation *check.ValidationError) {
	message, hint := "", ""
	switch found := violation.ErrorKind.(type) {
	case *kind.Type:
		message = fmt.Sprintf("%s is %s, but must be %s", name(at), shape(found.Got), shapes(found.Want))
		hint = hintForType(found)
	case *kind.Enum:
		if _, text := found.Got.(string); !text {
			return // its type is reported already
		}
		wanted := make([]string, len(found.Want))
		for i, want := range found.Want {
			wanted[i] = fmt.Sprint(want)
		}
		message = fmt.Sprintf("%s is %q, which is not one of %s", name(at), found.Got, strings.Join(wanted, ", "))
		hint = "write one of them"
		if near := nearest(fmt.Sprint(found.Got), wanted); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
	case *kind.Pattern: // the schema's only pattern of values
		message = fmt.Sprintf("%s is %q, which is not a duration", name(at), found.Got)
		hint = "write a number and a unit, e.g. 30s, 5m or 1h30m"
	case *kind.Minimum:
		message, hint = fmt.Sprintf("%s is too small", name(at)), "write at least "+found.Want.RatString()
	case *kind.Maximum:
		message, hint = fmt.Sprintf("%s is too large", name(at)), "write at most "+found.Want.RatString()
	default:
		message = fmt.Sprintf("%s is not as it must be: %s", name(at), violation.Error())
	}
	v.invalid[at] = true
	if !v.document.refused[at] {
		v.problems.add(v.line(at), message, hint)
	}
}

func (v violations) line(at pointer) int { return v.document.lines[at] }

// name prints a place; the file itself has none.
func name(at pointer) string {
	if at == "" {
		return "the file"
	}
	return at.String()
}

var shapeNames = map[string]string{
	"object": "a mapping", "array": "a list", "string": "text", "number": "a number", "integer": "a whole number",
	"boolean": "true or false", "null": "empty",
}

func shape(jsonType string) string {
	if jsonType == "boolean" {
		return "a truth value"
	}
	return shapeNames[jsonType]
}

func shapes(jsonTypes []string) string {
	var names []string
	for _, jsonType := range jsonTypes {
		if jsonType != "null" || len(jsonTypes) == 1 {
			names = append(names, shapeNames[jsonType])
		}
	}
	return strings.Join(names, " or ")
}

func hintForType(violation *kind.Type) string {
	wants := func(jsonType string) bool { return slices.Contains(violation.Want, jsonType) }
	switch {
	case violation.Got == "null":
		return "write a value, or remove the key for its default"
	case wants("string") && (violation.Got == "number" || violation.Got == "boolean"):
		return "put it in quotes if it is meant as text"
	case wants("array"):
		return "write it as a list, e.g. [one, two]"
	case wants("boolean"):
		return "write true or false, without quotes"
	case wants("object"):
		return "write its keys below it, indented"
	case wants("number") || wants("integer"):
		return "write digits, without quotes"
	}
	return "write one value"
}

// keysOf returns the keys that the schema at a URL knows, sorted.
func keysOf(schemaURL string) []string {
	var node any = generated().document
	_, fragment, _ := strings.Cut(schemaURL, "#")
	for token := range strings.SplitSeq(strings.Trim(fragment, "/"), "/") {
		if token == "" {
			continue
		}
		switch at := node.(type) {
		case map[string]any:
			node = at[token]
		case []any:
			if i, err := strconv.Atoi(token); err == nil && i < len(at) {
				node = at[i]
			}
		}
	}
	object, _ := node.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}
