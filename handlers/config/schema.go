package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"github.com/invopop/jsonschema"
	check "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// Patterns of the schema. What they cannot say is checked afterwards.
const (
	durationPattern    = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	environmentPattern = `^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`
)

// Schema returns the JSON Schema (draft 2020-12) of .slipway.yaml, generated from
// the Go types: the same bytes on every call. The caller must not change them.
func Schema() []byte { return generated().text }

// A schema is the generated text, decoded, and compiled for validation.
type schema struct {
	text     []byte
	document map[string]any
	compiled *check.Schema
}

var generated = sync.OnceValue(func() schema {
	s, err := generate()
	if err != nil {
		panic(fmt.Errorf("generate the configuration's schema: %w", err)) // of constants: cannot happen in a build whose tests passed
	}
	return s
})

func generate() (schema, error) {
	reflector := jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		RequiredFromJSONSchemaTags: true,
		Mapper:                     mapped,
		LookupComment:              func(t reflect.Type, field string) string { return described[t][field] },
	}
	root := reflector.Reflect(&Config{})
	root.Title = File
	root.Description = "The settings of a repository that Slipway watches."
	root.Definitions["Environment"] = reflector.Reflect(&Environment{})
	for name, definition := range root.Definitions["Environment"].Definitions {
		root.Definitions[name] = definition
	}
	root.Definitions["Environment"].Definitions = nil
	root.Definitions["Environment"].Version = ""
	for _, definition := range root.Definitions {
		allowNull(definition)
	}
	allowNull(root)
	root.Extras = nil // the file itself is a mapping
	root.Type = "object"

	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return schema{}, err
	}
	s := schema{text: append(text, '\n')}
	if err := json.Unmarshal(text, &s.document); err != nil {
		return schema{}, err
	}
	compiler := check.NewCompiler()
	if err := compiler.AddResource(File, s.document); err != nil {
		return schema{}, err
	}
	s.compiled, err = compiler.Compile(File)
	return s, err
}

// mapped gives the types that a file writes in another shape than Go keeps.
func mapped(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[deploy.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern, Examples: []any{"30s", "5m", "1h30m"}}
	case reflect.TypeFor[Layouts]():
		return &jsonschema.Schema{
			Extras: map[string]any{"type": []string{"string", "array", "null"}},
			Items:  &jsonschema.Schema{Type: "string"},
		}
	case reflect.TypeFor[Environments]():
		return &jsonschema.Schema{
			Type:                 "object",
			PropertyNames:        &jsonschema.Schema{Pattern: environmentPattern},
			AdditionalProperties: &jsonschema.Schema{Ref: "#/$defs/Environment"},
		}
	case reflect.TypeFor[map[Verb][]string]():
		properties := jsonschema.NewProperties()
		for _, verb := range Verbs {
			properties.Set(string(verb), &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}})
		}
		return &jsonschema.Schema{Type: "object", Properties: properties, AdditionalProperties: jsonschema.FalseSchema}
	case reflect.TypeFor[map[string]string](): // policies.rules
		return &jsonschema.Schema{
			Type:                 "object",
			AdditionalProperties: &jsonschema.Schema{Type: "string", Enum: []any{policy.Off, policy.Info, policy.Warn, policy.Deny}},
		}
	}
	return nil
}

// allowNull lets a mapping or list stand empty, as "staging:" with nothing below,
// unless it has keys that must be there.
func allowNull(s *jsonschema.Schema) {
	if (s.Type == "object" || s.Type == "array") && len(s.Required) == 0 {
		if s.Extras == nil {
			s.Extras = make(map[string]any)
		}
		s.Extras["type"] = []string{s.Type, "null"}
		s.Type = ""
	}
	if s.Properties != nil {
		for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
			allowNull(pair.Value)
		}
	}
}

// described says what keys mean whose types lie in packages that know nothing of
// a schema; the empty field is the type itself.
var described = map[reflect.Type]map[string]string{
	reflect.TypeFor[preview.IgnoreRule](): {
		"Group":     "The object's API group; any where empty.",
		"Kind":      "The object's kind, e.g. Deployment.",
		"Namespace": "The object's namespace; any where empty.",
		"Name":      "The object's name; any where empty.",
		"Field":     "A JSON pointer, e.g. /spec/replicas; * stands for any one key or index, [key=value] for the list items that have it.",
	},
	reflect.TypeFor[render.SensitiveField](): {
		"Kind":  "The object's kind, e.g. ConfigMap.",
		"Field": "A JSON pointer, e.g. /data/password; * stands for any one key or index.",
	},
	reflect.TypeFor[policy.Settings](): {
		"Path":    "The directory of *.rego files; tests are *_test.rego.",
		"Profile": "The built-in rules: none or baseline.",
		"Rules":   "A level for each rule that should have another than its own, by its name, e.g. main.deny_latest_tag.",
		"Waivers": "Objects that are excused from a rule, for a reason, until a date.",
	},
	reflect.TypeFor[policy.Waiver](): {
		"Rule":    "The rule's name, e.g. main.deny_latest_tag.",
		"Object":  "Kind namespace/name, or Kind name; * matches any part.",
		"Reason":  "Why; shown beside the finding.",
		"By":      "Who answers for it; shown beside the finding.",
		"Expires": "The last day on which it holds, YYYY-MM-DD; without it the waiver stays.",
	},
}
