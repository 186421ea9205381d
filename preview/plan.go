// Package preview turns a rendered and a live cluster into a plan: what applying
// would change, one change per object. It asks the API server itself, by
// server-side apply as a dry run, and writes nothing: its transport refuses any
// write without dryRun=All. Secret values never leave it unmasked.
package preview

import (
	"github.com/slipwayhq/slipway/render"
)

// An Action is what applying a target would do to one object.
type Action string

// The actions. Unknown is never shown as None.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace" // delete and create again: an immutable field changes
	Delete  Action = "delete"
	None    Action = "none"
	Refused Action = "refused" // the API server said no; Reason has its words
	Unknown Action = "unknown" // it could not be read; Reason says why
	// Encrypted is an object that SOPS encrypted. It is neither compared nor applied.
	Encrypted Action = "encrypted"
)

// Actions lists every action in the order in which people read them.
var Actions = []Action{Create, Update, Replace, Delete, Refused, Unknown, Encrypted, None}

// A Source says where a difference comes from.
type Source string

// The sources of a difference.
const (
	FromPullRequest Source = "this pull request"
	FromDrift       Source = "already drifted"
	// FromAdmission is what admission (a webhook, a policy, the API server's own
	// plug-ins) makes of a new object: Old is what Git has, New what is stored. The
	// API server's defaults, and what it hands out, are none of it.
	FromAdmission Source = "admission"
)

// A Field is one difference inside an object.
type Field struct {
	// Path reads like spec.template.spec.containers[web].image: list items are
	// named by their merge key, by position only where there is none.
	Path string `json:"path"`
	// Old and New hold decoded JSON, already masked; nil where the field is absent on that side.
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
	// Source says who makes the difference.
	Source Source `json:"source"`
	// Managers are the other field managers that own what is overwritten, sorted.
	Managers []string `json:"managers,omitempty"`
}

// A Change is what applying would do to one object.
type Change struct {
	ID         render.ObjectID `json:"id"`
	APIVersion string          `json:"apiVersion"`
	Action     Action          `json:"action"`
	Origin     render.Origin   `json:"origin,omitzero"` // zero for a deleted object
	// RenamedFrom is the name that the object had before, for a generated name
	// (a hashed ConfigMap): one rename instead of a delete and a create.
	RenamedFrom string  `json:"renamedFrom,omitempty"`
	Fields      []Field `json:"fields,omitempty"` // sorted by path
	// Reason says why the action is refused or unknown, in the API server's words, masked.
	Reason string `json:"reason,omitempty"`
	// Hint says what to do about the reason, in one sentence; may be empty.
	Hint string `json:"hint,omitempty"`
	// NotValidated is set where the API server could not judge the object: its
	// Namespace or CRD comes in the same change, or there was no cluster.
	NotValidated bool `json:"notValidated,omitempty"`
	// Warnings are what the API server returned as warnings about an object that
	// changes, e.g. a deprecated version, and which wish of Git's is left to an
	// autoscaler.
	Warnings []string `json:"warnings,omitempty"`
}

// A Live says what a plan was compared with.
type Live string

// What a plan may be compared with.
const (
	LiveCompared    Live = "compared"    // with the live cluster
	LiveOffline     Live = "offline"     // nobody asked the cluster: base against head
	LiveUnreachable Live = "unreachable" // the cluster did not answer; every change is Unknown
	LiveRefused     Live = "refused"     // the operator grants no access; base against head
)

// A Plan is what applying a rendered would change in the live cluster.
type Plan struct {
	Target  render.Target `json:"target"`
	Cluster string        `json:"cluster,omitempty"` // its registered name; empty when offline
	Version string        `json:"version,omitempty"` // the API server's, e.g. v1.36.3
	Live    Live          `json:"live"`
	// Problem says why Live is not LiveCompared, where somebody should know.
	Problem *render.Problem `json:"problem,omitempty"`
	// Changes has one entry per object of base and head, also for None, in the
	// order of the rendered objects, deletes last.
	Changes []Change `json:"changes"`
	// Digest is the hexadecimal SHA-256 of the normalised changes: equal digests
	// mean that applying does the same.
	Digest string `json:"digest"`
}

// Counts returns how many changes the plan has of each action.
func (p *Plan) Counts() map[Action]int {
	counts := make(map[Action]int)
	for _, change := range p.Changes {
		counts[change.Action]++
	}
	return counts
}

// Drifted returns how many objects differ from Git already, whatever the pull request does.
func (p *Plan) Drifted() int {
	n := 0
	for _, change := range p.Changes {
		for _, field := range change.Fields {
			if field.Source == FromDrift {
				n++
				break
			}
		}
	}
	return n
}

// An IgnoreRule names a field whose difference is nobody's business, e.g. replicas
// that an autoscaler sets. It holds in plan, apply and drift alike.
type IgnoreRule struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind" jsonschema:"required"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Field is a JSON pointer, e.g. /spec/replicas; * stands for any one key or
	// index, [key=value] for the list items that have it.
	Field string `json:"field" jsonschema:"required"`
}

// A Request asks for the plan of one target.
type Request struct {
	Target render.Target
	Base   *render.Rendered // nil where the target is new
	Head   *render.Rendered // nil where the target is gone; its objects are then deletes
	Ignore []IgnoreRule
	// Namespace is given to namespaced objects that name none; empty means default.
	Namespace string
	// CreateNamespace says that applying makes Namespace where it is missing, so
	// that objects in it are planned, though not validated.
	CreateNamespace bool
}
