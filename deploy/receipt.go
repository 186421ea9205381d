package deploy

import (
	"strings"
	"time"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A Request asks for one target to be brought to what a commit renders.
type Request struct {
	Repository string // owner/name
	Target     render.Target
	Commit     render.Commit
	// Rendered is what the commit renders; nil where the target is gone from Git
	// (retired), so that everything it owns is to be deleted.
	Rendered  *render.Rendered
	Sync      Sync
	Ignore    []preview.IgnoreRule
	Namespace string
	// Base is what the deployed commit renders, where the caller knows it: it tells
	// apart what the new commit changes and what had drifted. It may be nil.
	Base *render.Rendered
	// Siblings are the other targets that the same commit has in this cluster, so
	// that an object which moves between two of them is handed over.
	Siblings []Sibling
	// Progress is told of the receipt as it grows; may be nil. It must not keep it.
	Progress func(Receipt)
}

// A Sibling is another target in the same cluster, as the same commit has it.
type Sibling struct {
	Target render.Target
	// Rendered is nil where the commit no longer has the target.
	Rendered  *render.Rendered
	Namespace string
}

// A State says what became of a request.
type State string

// The states of a receipt.
const (
	Unchanged  State = "unchanged"  // the inventory says that this is deployed already
	Applying   State = "applying"   // under way (progress only)
	Applied    State = "applied"    // applied, healthy, pruned
	Waiting    State = "waiting"    // for a person's word; Reason says which command gives it
	Refused    State = "refused"    // the plan says refused or unknown: nothing was written
	Failed     State = "failed"     // it stopped; Reason says why, with the failing pod's own reason
	Held       State = "held"       // this very digest failed before; a new commit is needed
	Superseded State = "superseded" // a newer commit came; what was written stays, and is taken up by it
)

// A Receipt is what an apply did, object by object.
type Receipt struct {
	Target  render.Target   `json:"target"`
	Commit  render.Commit   `json:"commit"`
	Digest  string          `json:"digest"` // the rendered's
	Plan    *preview.Plan   `json:"plan,omitempty"`
	State   State           `json:"state"`
	Reason  string          `json:"reason,omitempty"` // masked
	Hint    string          `json:"hint,omitempty"`   // what to do about it, e.g. the exact command
	Objects []ObjectReceipt `json:"objects,omitempty"`
	By      string          `json:"by,omitempty"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`
}

// otherWriter begins the reason of a receipt that waits for a lease.
const otherWriter = "another writer has this target: "

// AwaitsLease reports whether another writer has the target (progress only).
func (r Receipt) AwaitsLease() bool {
	return r.State == Waiting && strings.HasPrefix(r.Reason, otherWriter)
}

// An ObjectState says how far an object has come.
type ObjectState string

// The states of an object.
const (
	ObjectPending   ObjectState = "pending"
	ObjectApplied   ObjectState = "applied" // written, not yet healthy
	ObjectHealthy   ObjectState = "healthy"
	ObjectUnhealthy ObjectState = "unhealthy"
	ObjectPruned    ObjectState = "pruned"
	ObjectKept      ObjectState = "kept" // was to be pruned, and is not ours to delete
	ObjectFailed    ObjectState = "failed"
	ObjectSkipped   ObjectState = "skipped" // encrypted in Git, so not ours to apply
)

// An ObjectReceipt is what was done about one object.
type ObjectReceipt struct {
	ID      render.ObjectID `json:"id"`
	Action  preview.Action  `json:"action"`
	State   ObjectState     `json:"state"`
	Message string          `json:"message,omitempty"` // masked
}
