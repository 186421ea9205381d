// Package inventory keeps, in a target's own cluster, the record of the objects that
// the target owns and of the commits that it has run. Records live in the namespace
// slipway-system, which target service accounts cannot write; nothing outside a
// cluster has to be trusted to know what is in it.
package inventory

import (
	"time"

	"github.com/slipwayhq/slipway/render"
)

// Namespace is where records and leases live.
const Namespace = "slipway-system"

// A Key says whose record is meant: a target of a repository.
type Key struct {
	Repository  string             `json:"repository"` // owner/name
	Environment render.Environment `json:"environment"`
	Application render.Application `json:"application,omitempty"`
}

// A Record is all that is known of a target in its cluster.
type Record struct {
	Key
	// Objects are those that the target owns: what was applied, and what is to be
	// applied from the moment before the first of it is. They leave the record
	// only when their deletion is confirmed.
	Objects []Entry `json:"objects"`
	// Deployed is the last deployment that became healthy; nil before the first.
	Deployed *Deployment `json:"deployed,omitempty"`
	// Current is the newest deployment, whatever became of it.
	Current *Deployment `json:"current,omitempty"`
	// History has the newest deployments first, Current among them; at most
	// HistoryLength.
	History []Deployment `json:"history,omitempty"`
	// Words are what people said that has not been used up.
	Words []Word `json:"words,omitempty"`
}

// HistoryLength bounds a record's history.
const HistoryLength = 50

// ReasonLength bounds the reason of a deployment, in bytes: an API server that
// refuses an object may quote the whole of it, and a record has to fit into a
// ConfigMap.
const ReasonLength = 2000

// An Entry is one owned object.
type Entry struct {
	render.ObjectID
	APIVersion string `json:"apiVersion"`
	// UID is the live object's, empty until it was applied.
	UID string `json:"uid,omitempty"`
}

// A State says what became of a deployment.
type State string

// The states of a deployment.
const (
	Applying   State = "applying"   // under way, or interrupted and to be taken up again
	Healthy    State = "healthy"    // applied, healthy and pruned
	Failed     State = "failed"     // held: stays so until a new commit renders something else
	Superseded State = "superseded" // a newer commit interrupted it
)

// A Deployment is one commit's run in a target.
type Deployment struct {
	Commit render.Commit `json:"commit"`
	Digest string        `json:"digest"` // the rendered's
	Plan   string        `json:"plan"`   // the plan's digest
	State  State         `json:"state"`
	Reason string        `json:"reason,omitempty"` // why it failed, without secret values; at most ReasonLength
	By     string        `json:"by,omitempty"`     // who said so; empty for the merge itself
	// Started, Applied and Ended are UTC; zero where it has not come to that.
	Started time.Time `json:"started"`
	Applied time.Time `json:"applied,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}

// A Verb is what a word allows.
type Verb string

// The verbs of words.
const (
	Apply   Verb = "apply"   // what renders to this digest may be applied, taking over what is there
	Confirm Verb = "confirm" // the plan of this digest may delete what it deletes
)

// A Word is a person's permission for one exact thing.
type Word struct {
	Verb   Verb      `json:"verb"`
	Digest string    `json:"digest"` // the rendered's for Apply, the plan's for Confirm
	By     string    `json:"by"`     // a login, or the terminal's user
	URL    string    `json:"url,omitempty"`
	At     time.Time `json:"at"`
}
