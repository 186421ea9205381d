package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// facts are all that the decision whether to apply rests on.
type facts struct {
	target  render.Target
	digest  string // the rendered's; empty for a retired target
	retired bool
	empty   bool // rendered, without any object
	sync    Sync
	record  *inventory.Record // never nil
	plan    *preview.Plan
	owned   int // objects in the record

	kept    string            // why an owned object is not deleted for now; empty for none
	foreign []render.ObjectID // first contact: live, and nobody of ours owns them
	theirs  []claim
	deletes []render.ObjectID // of owned objects
}

// A claim is an object that another target owns, or wants as well.
type claim struct {
	id    render.ObjectID
	owner inventory.Key
}

// A decision says whether to apply. Its state is Applying to go ahead, Waiting or
// Refused.
type decision struct {
	state        State
	reason, hint string
	by           string           // who gave the words that it rests on
	words        []inventory.Word // those that it rests on
}

// digits is how much of a plan's digest a person has to say.
const digits = 12

// settled says what is known without a plan: that this is deployed already, or
// failed before. Its state is empty when a plan is needed.
func settled(record *inventory.Record, request Request) decision {
	switch {
	case request.Rendered == nil:
		if record == nil || len(record.Objects) == 0 {
			return decision{state: Unchanged}
		}
		return decision{}
	case record == nil:
		return decision{}
	}
	digest := request.Rendered.Digest
	for _, past := range record.History { // the newest first
		if past.Digest == digest {
			if past.State == inventory.Failed {
				return decision{state: Held, reason: "it failed before: " + past.Reason, hint: "push a commit that mends it"}
			}
			break
		}
	}
	if record.Deployed == nil || record.Deployed.Digest != digest ||
		record.Current == nil || record.Current.State != inventory.Healthy || record.Current.Digest != digest {
		return decision{}
	}
	if _, said := wordFor(record, inventory.Apply, digest); said || !isRecorded(record, request) {
		return decision{}
	}
	return decision{state: Unchanged}
}

// isRecorded reports whether the record has just the objects of the rendered, or
// more where they are not to be pruned.
func isRecorded(record *inventory.Record, request Request) bool {
	found, all := recorded(record, request)
	return all && (!request.Sync.Prune || len(record.Objects) <= found)
}

// Places reports whether the record has all objects of the request's rendered where
// the request has them: with the same files, another namespace is another place.
func Places(record *inventory.Record, request Request) bool {
	_, all := recorded(record, request)
	return all
}

// recorded counts the entries of the record that are objects of the rendered, and
// says whether all of these have one.
func recorded(record *inventory.Record, request Request) (found int, all bool) {
	owned, seen := newIDSet(record), make(map[render.ObjectID]bool)
	for i := range request.Rendered.Objects {
		if request.Rendered.Objects[i].Encrypted() {
			continue
		}
		entry, ok := owned.find(request.Rendered.Objects[i].ID, request.Namespace)
		if !ok {
			return 0, false
		}
		seen[entry.ObjectID] = true
	}
	return len(seen), true
}

// wordFor returns the word that allows something of a digest. A confirmation may
// name the beginning of it.
func wordFor(record *inventory.Record, verb inventory.Verb, digest string) (inventory.Word, bool) {
	for _, word := range record.Words {
		if word.Verb != verb {
			continue
		}
		if word.Digest == digest || verb == inventory.Confirm && len(word.Digest) >= digits && strings.HasPrefix(digest, word.Digest) {
			return word, true
		}
	}
	return inventory.Word{}, false
}

// decide says whether the plan may be carried out.
func decide(f facts) decision {
	for _, check := range []func(facts) decision{refusedRender, refusedPlan, refusedOwners, refusedReplace, notYet} {
		if d := check(f); d.state != "" {
			return d
		}
	}
	d := decision{state: Applying}
	if reason := needsApply(f); reason != "" {
		word, said := wordFor(f.record, inventory.Apply, f.digest)
		if !said {
			return decision{state: Waiting, reason: reason, hint: "/apply " + f.target.String()}
		}
		d.say(word)
	} else if word, said := wordFor(f.record, inventory.Apply, f.digest); said {
		d.say(word)
	}
	if reason := needsConfirm(f); reason != "" {
		word, said := confirmed(f)
		if !said {
			return decision{state: Waiting, reason: reason, hint: fmt.Sprintf("/confirm %s %.*s", f.target, digits, f.plan.Digest)}
		}
		d.say(word)
	} else if word, said := interrupted(f); said {
		d.say(word) // what it allowed was done before the interruption
	}
	return d
}

func (d *decision) say(word inventory.Word) {
	d.by = word.By
	d.words = append(d.words, word)
}

func refusedRender(f facts) decision {
	if f.empty && f.owned > 0 {
		return decision{
			state:  Refused,
			reason: fmt.Sprintf("%s renders no objects, and owns %d: nothing is deleted for that", f.target, f.owned),
			hint:   "mend the target's files; to retire it, remove its directory",
		}
	}
	return decision{}
}

func refusedPlan(f facts) decision {
	if f.plan.Live != preview.LiveCompared {
		d := decision{state: Refused, reason: "the cluster could not be compared with"}
		if f.plan.Problem != nil {
			d.reason, d.hint = f.plan.Problem.Message, f.plan.Problem.Hint
		}
		return d
	}
	var bad []preview.Change
	for _, change := range f.plan.Changes {
		if change.Action == preview.Refused || change.Action == preview.Unknown {
			bad = append(bad, change)
		}
	}
	if len(bad) == 0 {
		return decision{}
	}
	d := decision{state: Refused, reason: fmt.Sprintf("%s is %s: %s", bad[0].ID, bad[0].Action, bad[0].Reason), hint: bad[0].Hint}
	if len(bad) > 1 {
		d.reason += fmt.Sprintf("; and %d more", len(bad)-1)
	}
	return d
}

func refusedOwners(f facts) decision {
	if len(f.theirs) == 0 {
		return decision{}
	}
	first := f.theirs[0]
	d := decision{
		state:  Refused,
		reason: fmt.Sprintf("two owners: %s belongs to %s", first.id, first.owner),
		hint:   "leave it to one of the two targets",
	}
	if len(f.theirs) > 1 {
		d.reason += fmt.Sprintf("; and %d more", len(f.theirs)-1)
	}
	return d
}

func refusedReplace(f facts) decision {
	for _, change := range f.plan.Changes {
		if change.Action == preview.Replace && !slices.Contains(f.sync.Replace, change.ID.Kind) {
			return decision{
				state:  Refused,
				reason: fmt.Sprintf("%s would have to be deleted and created again: %s", change.ID, change.Reason),
				hint:   fmt.Sprintf("put the field back as it was, or allow it for the kind: sync.replace: [%s]", change.ID.Kind),
			}
		}
	}
	return decision{}
}

// notYet is about a retired target of which nothing can be deleted for now. It keeps
// nobody waiting: what it stands behind may be just what is to come.
func notYet(f facts) decision {
	if f.retired && len(f.deletes) == 0 && f.kept != "" {
		return decision{state: Unchanged, reason: f.kept}
	}
	return decision{}
}

// needsApply says why a person must say apply; empty when none must.
func needsApply(f facts) string {
	switch {
	case f.retired:
		return "" // there is something stronger to say
	case len(f.foreign) > 0:
		return fmt.Sprintf("%s would be taken over: nobody of ours owns %s yet", some(f.foreign), pick(len(f.foreign), "it", "them"))
	case !f.sync.Automatic:
		return fmt.Sprintf("%s is not applied by itself (sync.automatic: false)", f.target)
	}
	return ""
}

// needsConfirm says why a person must confirm deletions; empty when none must.
func needsConfirm(f facts) string {
	lost := slices.Clone(f.deletes)
	for _, change := range f.plan.Changes {
		if change.Action == preview.Replace {
			lost = append(lost, change.ID)
		}
	}
	protected := slices.DeleteFunc(lost, func(id render.ObjectID) bool { return !isProtected(id) })
	switch n := len(f.deletes); {
	case f.retired && n > 0:
		return fmt.Sprintf("%s is gone from Git: %s would be deleted", f.target, some(f.deletes))
	case len(protected) > 0:
		return fmt.Sprintf("%s would be deleted, and what is inside with %s", some(protected), pick(len(protected), "it", "them"))
	case n >= 3 && n*10 > f.owned*3:
		return fmt.Sprintf("%d of %d objects would be deleted: %s", n, f.owned, some(f.deletes))
	}
	return ""
}

// confirmed returns the word that confirms the plan, or the plan of the same
// deployment as it was before it was interrupted.
func confirmed(f facts) (inventory.Word, bool) {
	if word, said := wordFor(f.record, inventory.Confirm, f.plan.Digest); said {
		return word, true
	}
	return interrupted(f)
}

// interrupted returns the word that confirmed this very deployment before it was
// interrupted.
func interrupted(f facts) (inventory.Word, bool) {
	if current := f.record.Current; current != nil && current.State == inventory.Applying && current.Digest == f.digest {
		return wordFor(f.record, inventory.Confirm, current.Plan)
	}
	return inventory.Word{}, false
}

// isProtected reports whether deleting the object takes with it what cannot be
// made again.
func isProtected(id render.ObjectID) bool {
	switch id.Group {
	case "":
		return slices.Contains([]string{"Namespace", "PersistentVolume", "PersistentVolumeClaim"}, id.Kind)
	case "apiextensions.k8s.io":
		return id.Kind == "CustomResourceDefinition"
	}
	return false
}

// some lists ids: all of a few, the first of many.
func some(ids []render.ObjectID) string {
	const shown = 5
	var names []string
	for _, id := range ids[:min(shown, len(ids))] {
		names = append(names, id.String())
	}
	text := strings.Join(names, ", ")
	if len(ids) > shown {
		text += fmt.Sprintf(" and %d more", len(ids)-shown)
	}
	return text
}

func pick(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
