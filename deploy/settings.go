// Package deploy turns a rendered that may be applied into a receipt: it takes the
// target's lease, plans once more, applies in stages, waits until what it applied is
// healthy, and prunes. What stands in this file
// is what a repository says, in .slipway.yaml, of how its environments are
// applied, watched and promoted: the settings, their defaults and their shapes.
package deploy

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A Duration is a length of time that is written as Go writes it: 5s, 3m, 1h30m.
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("parse duration %q: %w", text, err)
	}
	*d = Duration(parsed)
	return nil
}

// String prints the duration as Go does, e.g. 3m0s.
func (d Duration) String() string { return time.Duration(d).String() }

// A PrunePropagation says what becomes of the dependents of a pruned object, in
// Kubernetes' words, written small.
type PrunePropagation string

// The propagations.
const (
	Foreground PrunePropagation = "foreground" // dependents first, then the object
	Background PrunePropagation = "background" // the object first
	Orphan     PrunePropagation = "orphan"     // dependents stay
)

// An OnFailure says what follows an apply that does not become healthy.
type OnFailure string

// What may follow a failed apply.
const (
	Rollback OnFailure = "rollback" // to the last good commit's objects
	Hold     OnFailure = "hold"     // stop, and wait for a new commit
)

// Sync says how an environment is brought to what Git has. The names are those
// that users of Argo CD know. The zero Sync is not the default: see [DefaultSync].
type Sync struct {
	Automatic        bool             `json:"automatic" jsonschema:"default=true" jsonschema_description:"Apply as soon as a change is merged; false waits for /apply."`
	Prune            bool             `json:"prune" jsonschema:"default=true" jsonschema_description:"Delete objects that are gone from Git."`
	SelfHeal         bool             `json:"selfHeal" jsonschema:"default=false" jsonschema_description:"Apply again what was changed behind Git's back, after drift.grace."`
	CreateNamespace  bool             `json:"createNamespace" jsonschema:"default=true" jsonschema_description:"Create the target's namespace where it is missing."`
	PrunePropagation PrunePropagation `json:"prunePropagation" jsonschema:"enum=foreground,enum=background,enum=orphan,default=foreground" jsonschema_description:"What becomes of the dependents of a deleted object."`
	Retry            Retry            `json:"retry" jsonschema_description:"How often, and after how long, an apply that failed is tried again."`
	Timeout          Duration         `json:"timeout" jsonschema:"default=5m" jsonschema_description:"How long to wait for what was applied to become healthy."`
	OnFailure        OnFailure        `json:"onFailure" jsonschema:"enum=rollback,enum=hold,default=rollback" jsonschema_description:"What follows an apply that does not become healthy."`
	Replace          []string         `json:"replace" jsonschema_description:"Kinds that may be deleted and created again when an immutable field changes."`
	RequireReviewed  bool             `json:"requireReviewed" jsonschema:"default=false" jsonschema_description:"Hold when what would be applied was not in a reviewed plan."`
}

// A Retry says how often a failed apply is tried again.
type Retry struct {
	Limit   int     `json:"limit" jsonschema:"minimum=0,maximum=100,default=5" jsonschema_description:"How often; 0 is never."`
	Backoff Backoff `json:"backoff" jsonschema_description:"How long to wait between two tries."`
}

// A Backoff is the wait before each retry: Duration × Factorⁿ, at most MaxDuration.
type Backoff struct {
	Duration    Duration `json:"duration" jsonschema:"default=5s" jsonschema_description:"The first wait."`
	Factor      float64  `json:"factor" jsonschema:"minimum=1,maximum=100,default=2" jsonschema_description:"What each wait is multiplied by to give the next."`
	MaxDuration Duration `json:"maxDuration" jsonschema:"default=3m" jsonschema_description:"The longest wait."`
}

// DefaultSync returns what holds where a repository says nothing.
func DefaultSync() Sync {
	return Sync{
		Automatic:        true,
		Prune:            true,
		CreateNamespace:  true,
		PrunePropagation: Foreground,
		Retry: Retry{Limit: 5, Backoff: Backoff{
			Duration: Duration(5 * time.Second), Factor: 2, MaxDuration: Duration(3 * time.Minute),
		}},
		Timeout:   Duration(5 * time.Minute),
		OnFailure: Rollback,
	}
}

// DriftSettings say when an environment is compared with Git, and what to pass over.
type DriftSettings struct {
	// Schedule is a cron expression of five fields, in UTC.
	Schedule string               `json:"schedule" jsonschema:"default=*/15 * * * *" jsonschema_description:"When to look for drift: a cron expression of five fields, in UTC."`
	Grace    Duration             `json:"grace" jsonschema:"default=15m" jsonschema_description:"How long drift may last before self-healing."`
	Ignore   []preview.IgnoreRule `json:"ignore" jsonschema_description:"Fields whose difference is nobody's business; they hold in plan, apply and drift alike."`
}

// DefaultDrift returns what holds where a repository says nothing.
func DefaultDrift() DriftSettings {
	return DriftSettings{Schedule: "*/15 * * * *", Grace: Duration(15 * time.Minute)}
}

// A Carry is what a promotion takes along.
type Carry string

// Images are names, tags and digests of container images.
const Images Carry = "images"

// An After says when a version may be promoted.
type After string

// When a version may be promoted.
const (
	AfterHealthy After = "healthy" // it has become healthy in the source environment
	AfterApplied After = "applied" // it has been applied there
)

// A Group says how promotions share pull requests.
type Group string

// How promotions are grouped.
const (
	ByApplication Group = "application" // one pull request for each application
	ByEnvironment Group = "environment" // one for all that may be promoted
)

// PromotionSettings are one step from an environment to the next.
type PromotionSettings struct {
	From      render.Environment `json:"from" jsonschema:"required" jsonschema_description:"The environment that a version comes from."`
	To        render.Environment `json:"to" jsonschema:"required" jsonschema_description:"The environment that it goes to."`
	Carry     []Carry            `json:"carry" jsonschema:"enum=images" jsonschema_description:"What is taken along."`
	After     After              `json:"after" jsonschema:"enum=healthy,enum=applied,default=healthy" jsonschema_description:"What must be true in the source environment first."`
	Soak      Duration           `json:"soak" jsonschema:"default=0s" jsonschema_description:"For how long it must have been true."`
	Group     Group              `json:"group" jsonschema:"enum=application,enum=environment,default=application" jsonschema_description:"One pull request for each application, or one for the environment."`
	Automatic bool               `json:"automatic" jsonschema:"default=false" jsonschema_description:"Open the pull request without being asked."`
}

// UnmarshalJSON implements [json.Unmarshaler]: what data leaves out has its default.
func (p *PromotionSettings) UnmarshalJSON(data []byte) error {
	type plain PromotionSettings // without this method
	settings := plain(DefaultPromotion())
	if err := json.Unmarshal(data, &settings); err != nil {
		return fmt.Errorf("read promotion: %w", err)
	}
	*p = PromotionSettings(settings)
	return nil
}

// DefaultPromotion returns what holds where a promotion says nothing.
func DefaultPromotion() PromotionSettings {
	return PromotionSettings{Carry: []Carry{Images}, After: AfterHealthy, Group: ByApplication}
}
