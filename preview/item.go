package preview

import (
	"fmt"

	"github.com/slipwayhq/slipway/render"
)

// An item is one object on its way through a plan.
type item struct {
	head *render.Object // nil for a deletion
	base *render.Object // nil where the base does not have it
	// kind is how the cluster serves it; known is false where it does not.
	kind    servedKind
	known   bool
	address address
	ignore  []pointer
	// makesNamespace is set where applying makes the item's namespace if need be.
	makesNamespace bool
	// scaled is set where an autoscaler that Git has is to set its replicas.
	scaled bool

	// wanted is what head asks for, normalised; before the same of base.
	wanted, before map[string]any

	live    map[string]any // nil where there is none
	entries []managedEntry // of live
	readErr error

	change Change
	paths  []path // of the change's fields
	// admitted are those that say what admission makes of a creation.
	admitted []Field
	gone     bool // nothing to say: neither wanted nor live
}

// object returns the rendered object that the item is about.
func (it *item) object() *render.Object {
	if it.head != nil {
		return it.head
	}
	return it.base
}

func (it *item) setLive(object map[string]any) {
	it.live, it.entries = object, managedEntries(object)
}

// setsStatus reports whether the target itself sets a status that apply writes.
func (it *item) setsStatus() bool {
	_, ok := it.wanted["status"]
	return ok
}

// legacy returns the entries of other deployers that would be taken over.
func (it *item) legacy(manager string) []managedEntry {
	var legacy []managedEntry
	for _, entry := range it.entries {
		if isLegacy(entry, it.entries, manager) {
			legacy = append(legacy, entry)
		}
	}
	return legacy
}

// redact takes every sensitive value of the object, as wanted, before and live,
// out of a text that the API server, or admission behind it, wrote about it.
func (it *item) redact(text string) string {
	contents := []map[string]any{it.wanted, it.before, it.live}
	for _, object := range []*render.Object{it.head, it.base} {
		if object != nil {
			contents = append(contents, object.Unmasked())
		}
	}
	mask := it.object().Masker()
	parts := make(map[string]any)
	for _, content := range contents {
		scalarsMasked(content, mask.Mask(content), parts)
	}
	// A value of the wrong shape is masked as a whole, and quoted in parts.
	contents = append(contents, map[string]any{"apiVersion": "v1", "kind": "Secret", "stringData": parts})
	return mask.MaskText(text, contents...)
}

// scalarsMasked adds every scalar inside content that masked does not show.
func scalarsMasked(content, masked any, into map[string]any) {
	switch typed := content.(type) {
	case map[string]any:
		other, _ := masked.(map[string]any)
		for key, value := range typed {
			if other == nil || key != "managedFields" { // masking leaves them out
				scalarsMasked(value, other[key], into)
			}
		}
	case []any:
		other, _ := masked.([]any)
		for i, value := range typed {
			var counterpart any
			if i < len(other) {
				counterpart = other[i]
			}
			scalarsMasked(value, counterpart, into)
		}
	case nil, bool:
	default:
		if text := fmt.Sprint(content); !equal(content, masked) && text != "" {
			into[text] = text
		}
	}
}

// redactAll is redact for each of several texts; nil for none.
func (it *item) redactAll(texts []string) []string {
	var clean []string
	for _, text := range texts {
		clean = append(clean, it.redact(text))
	}
	return clean
}

// end says that the item could not be judged, or was refused.
func (it *item) end(v verdict, warnings []string) {
	it.change.Action = v.action
	it.change.Reason = it.redact(v.reason)
	it.change.Hint = v.hint
	it.change.Warnings = it.redactAll(warnings)
}

// fill sets the change's fields to what differs between two contents, neither of
// which is masked yet. removed are the paths that a take-over removes.
func (it *item) fill(old, after map[string]any, removed []path, manager string, also []managedEntry) {
	mask := it.object().Masker()
	shown := compare(
		visible(old, mask.Mask(old)),
		visible(after, mask.Mask(after)),
		trees(it.entries, also),
	)
	pull := it.pullRequest()
	for _, d := range shown {
		if it.ignored(d.path, old, after) {
			continue
		}
		it.paths = append(it.paths, d.path)
		it.change.Fields = append(it.change.Fields, Field{
			Path:     d.path.String(),
			Old:      d.old,
			New:      d.new,
			Source:   it.source(d.path, pull, removed, manager),
			Managers: ownersOf(it.entries, manager, d.path),
		})
	}
	sortFields(it.change.Fields)
}

func (it *item) ignored(p path, old, after map[string]any) bool {
	for _, ignored := range it.ignore {
		if ignored.covers(p, old) || ignored.covers(p, after) {
			return true
		}
	}
	return false
}

// pullRequest returns where base and head differ.
func (it *item) pullRequest() []difference {
	if it.before == nil || it.wanted == nil {
		return nil
	}
	return compare(visible(it.before, it.before), visible(it.wanted, it.wanted), trees(it.entries))
}

// source says whether the pull request makes the difference at the path. What
// neither base nor head speaks of follows from something else: from the pull
// request when it changes the object, unless a take-over removes it or an earlier
// commit already had.
func (it *item) source(p path, pull []difference, removed []path, manager string) Source {
	if it.before == nil || it.wanted == nil {
		return FromPullRequest // the object as a whole comes or goes with it
	}
	for _, d := range pull {
		if d.path.touches(p) {
			return FromPullRequest
		}
	}
	_, wanted := p.in(it.wanted)
	_, before := p.in(it.before)
	if wanted || before || len(pull) == 0 {
		return FromDrift
	}
	for _, taken := range removed {
		if taken.touches(p) {
			return FromDrift
		}
	}
	if applied, ok := appliedBy(it.entries, manager); ok && applied.owns(p) {
		return FromDrift
	}
	return FromPullRequest
}
