package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/preview"
)

// Receipts, in the words that comment and terminal share.

// A progress counts the objects of a receipt.
type progress struct {
	written int // applied, and changed by that
	toWrite int // to be applied, and changed by that
	healthy int
	watched int // that are to be healthy in the end
	pruned  int
	kept    int
	skipped int
	failed  int // not applied, or not healthy
}

func progressOf(r deploy.Receipt) progress {
	var p progress
	for _, o := range r.Objects {
		switch o.State {
		case deploy.ObjectPruned:
			p.pruned++
			continue
		case deploy.ObjectKept:
			p.kept++
			continue
		case deploy.ObjectSkipped:
			p.skipped++
			continue
		case deploy.ObjectFailed, deploy.ObjectUnhealthy:
			p.failed++
		}
		if o.Action == preview.Delete { // still to be pruned
			continue
		}
		p.watched++
		if o.State == deploy.ObjectHealthy {
			p.healthy++
		}
		if o.Action == preview.None {
			continue
		}
		p.toWrite++
		if o.State != deploy.ObjectPending && o.State != deploy.ObjectFailed {
			p.written++
		}
	}
	return p
}

// objects says what was written: "3 applied, 1 pruned", or "1 of 3 applied" of what
// did not come to its end.
func (p progress) objects() string {
	var words []string
	switch {
	case p.written < p.toWrite:
		words = append(words, fmt.Sprintf("%s of %s applied", number(p.written), number(p.toWrite)))
	case p.written > 0:
		words = append(words, number(p.written)+" applied")
	case p.watched > 0:
		words = append(words, "none changed")
	}
	if p.pruned > 0 {
		words = append(words, number(p.pruned)+" pruned")
	}
	if p.kept > 0 {
		words = append(words, number(p.kept)+" kept")
	}
	if p.skipped > 0 {
		words = append(words, number(p.skipped)+" encrypted")
	}
	return strings.Join(words, ", ")
}

// health says how many of the objects are healthy; empty where none is watched.
func (p progress) health() string {
	if p.watched == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s healthy", number(p.healthy), number(p.watched))
}

// awaited returns the objects that are not where they should be, those that failed
// first, then those that are applied and not healthy yet, then those to come.
func awaited(r deploy.Receipt) []deploy.ObjectReceipt {
	var objects []deploy.ObjectReceipt
	for _, states := range [][]deploy.ObjectState{{deploy.ObjectFailed, deploy.ObjectUnhealthy}, {deploy.ObjectApplied}, {deploy.ObjectPending}} {
		for _, o := range r.Objects {
			for _, state := range states {
				toPrune := o.Action == preview.Delete && state == deploy.ObjectPending // in its turn, after health
				if o.State == state && !toPrune {
					objects = append(objects, o)
				}
			}
		}
	}
	return objects
}

// objectWords says what became of an object, without its message.
func objectWords(o deploy.ObjectReceipt) string {
	if o.Action == preview.Delete && o.State == deploy.ObjectPending {
		return "to be pruned when all is healthy"
	}
	return objectStates[o.State]
}

// objectStates are the words for what became of an object.
var objectStates = map[deploy.ObjectState]string{
	deploy.ObjectPending:   "not applied yet",
	deploy.ObjectApplied:   "not healthy yet",
	deploy.ObjectHealthy:   "healthy",
	deploy.ObjectUnhealthy: "unhealthy",
	deploy.ObjectPruned:    "pruned",
	deploy.ObjectKept:      "kept",
	deploy.ObjectFailed:    "failed",
	deploy.ObjectSkipped:   "not applied",
}
