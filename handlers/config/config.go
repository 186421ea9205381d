// Package config turns .slipway.yaml into settings, composed of the types that
// render, preview, deploy and policy declare. It is pure and strict: unknown keys
// and every other problem are reported at once, each with its line and what to
// write instead. The JSON Schema that it checks against is generated from the
// same types.
package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// File is where a repository keeps its configuration. Where it has none, the same
// file of the organisation's .github repository stands in. A file wins whole: two
// are never mixed, so that one page says everything.
const File = ".slipway.yaml"

// A Config is what a repository says of itself, complete: what the file leaves
// out has its default.
type Config struct {
	Layout       Layouts                    `json:"layout" jsonschema_description:"Where targets are: a path with {environment} and, where there are several applications, {application}; or a list of such paths."`
	Environments Environments               `json:"environments" jsonschema_description:"The environments, in promotion order."`
	Promotions   []deploy.PromotionSettings `json:"promotions" jsonschema_description:"The steps from one environment to the next."`
	Policies     policy.Settings            `json:"policies" jsonschema_description:"The rules that judge what is rendered."`
	Sensitive    []render.SensitiveField    `json:"sensitive" jsonschema_description:"Fields to mask, beside the values of Secrets."`
}

// Layouts are the templates of targets' directories, tried in order. In a file,
// one may stand alone without its list. Empty means that conventional layouts are
// recognised.
type Layouts []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Layouts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = nil
		if one != "" {
			*l = Layouts{one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// An Apply says who applies an environment.
type Apply string

// Who may apply.
const (
	BySlipway  Apply = "slipway"
	ByExternal Apply = "external" // Argo CD, Flux or a person; Slipway plans and watches
)

// A Verb is a command whose use is allowed per environment.
type Verb string

// The verbs that allow knows.
const (
	VerbApply   Verb = "apply"
	VerbPromote Verb = "promote"
	VerbConfirm Verb = "confirm"
	VerbAdopt   Verb = "adopt"
	// VerbOkToPlan is the word for an outsider's commit. It covers every environment,
	// so whoever gives it needs what each of them asks for.
	VerbOkToPlan Verb = "ok-to-plan"
)

// Verbs lists them all.
var Verbs = []Verb{VerbApply, VerbPromote, VerbConfirm, VerbAdopt, VerbOkToPlan}

// An Environment is the settings of one environment.
type Environment struct {
	Name           render.Environment `json:"-"` // the key in the file
	Cluster        string             `json:"cluster" jsonschema_description:"A cluster's name in the operator's registry; the one that Slipway runs in where empty."`
	Namespace      string             `json:"namespace" jsonschema_description:"The namespace of objects that name none."`
	ServiceAccount string             `json:"serviceAccount" jsonschema_description:"Who plans and applies, as name or namespace/name; must be granted by the operator."`
	Apply          Apply              `json:"apply" jsonschema:"enum=slipway,enum=external,default=slipway" jsonschema_description:"Who applies: slipway, or external where Argo CD or Flux does and Slipway plans and watches."`
	// DependsOn names applications of the same environment that are applied
	// before all others, in this order.
	DependsOn []string             `json:"dependsOn" jsonschema_description:"Applications of this environment that go before all others, in this order."`
	Sync      deploy.Sync          `json:"sync" jsonschema_description:"How the environment is brought to what Git has."`
	Drift     deploy.DriftSettings `json:"drift" jsonschema_description:"When the environment is compared with Git."`
	// Allow says who may use a verb: a repository role (read, triage, write,
	// maintain, admin), team:slug or user:login. A verb without an entry needs write.
	Allow map[Verb][]string `json:"allow" jsonschema_description:"Who may use a command: a repository role, team:slug or user:login."`
}

// Environments are in the order of the file, which is the order of promotion.
type Environments []Environment

// Get returns the named environment's settings. Where the file has no such
// environment they are the defaults, and the second result is false.
func (e Environments) Get(name render.Environment) (Environment, bool) {
	for _, environment := range e {
		if environment.Name == name {
			return environment, true
		}
	}
	return DefaultEnvironment(name), false
}

// DefaultEnvironment returns what holds where a repository says nothing of an
// environment but its name.
func DefaultEnvironment(name render.Environment) Environment {
	return Environment{Name: name, Apply: BySlipway, Sync: deploy.DefaultSync(), Drift: deploy.DefaultDrift()}
}

// UnmarshalJSON implements [json.Unmarshaler]; it keeps the order of the keys.
func (e *Environments) UnmarshalJSON(data []byte) error {
	*e = nil
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("environments: %v is not a mapping's key", key)
		}
		environment := DefaultEnvironment(render.Environment(name))
		if err := decoder.Decode(&environment); err != nil {
			return fmt.Errorf("environment %s: %w", name, err)
		}
		*e = append(*e, environment)
	}
	return nil
}

// MarshalJSON implements [json.Marshaler]: a mapping in the order of promotion.
func (e Environments) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, environment := range e {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(environment.Name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		value, err := json.Marshal(environment)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Default returns the settings of a repository without a file, whose targets lie
// in the given layout: it is planned and judged, and nothing is ever applied. An
// empty layout means that conventional layouts are recognised.
func Default(layout string) Config {
	config := defaults()
	if layout != "" {
		config.Layout = Layouts{layout}
	}
	return config
}

// defaults are what a file's own words are read over. Without a file there are no
// environments, so nothing is selected and nothing can be applied.
func defaults() Config {
	return Config{Policies: policy.Settings{Path: "policies", Profile: "baseline"}}
}
