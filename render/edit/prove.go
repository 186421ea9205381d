package edit

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// prove renders the edited tree and refuses the edits unless the wanted images are
// as wanted, and everything else is as it was.
func (j *job) prove(ctx context.Context, edits []FileEdit) (*render.Problem, error) {
	after, err := j.engine.Render(ctx, Overlay(j.tree, edits), j.target)
	if err != nil {
		return nil, fmt.Errorf("render what was edited: %w", err)
	}
	if p := after.Problem; p != nil {
		return &render.Problem{File: p.File, Line: p.Line, Message: "with the images changed this does not render: " + p.Message, Hint: p.Hint}, nil
	}
	file := j.target.Path
	if len(edits) > 0 {
		file = edits[0].Path
	}
	allowed := map[place]bool{}
	for _, image := range j.wanted {
		allowed[image.place()] = true
	}
	if other := firstOther(j.before, after, allowed); other != "" {
		return &render.Problem{File: file, Message: "changing the images would also change " + other, Hint: "let that field not follow the image, or change both by hand"}, nil
	}
	if left, _ := differing(after, j.wanted); len(left) > 0 {
		return &render.Problem{File: file, Message: fmt.Sprintf("the image of %s does not become %s by its own files: something after them sets it, e.g. a replacement", describe(left[0]), left[0].Reference),
			Hint: "change it by hand at " + left[0].Field}, nil
	}
	return nil, nil
}

// firstOther names the first field that differs and is not allowed to; empty where
// there is none. It prints no value.
func firstOther(before, after *render.Rendered, allowed map[place]bool) string {
	now := make(map[render.ObjectID]render.Object, len(after.Objects))
	for _, object := range after.Objects {
		now[object.ID] = object
	}
	for _, object := range before.Objects {
		other, found := now[object.ID]
		if !found {
			return "the name of " + object.ID.String()
		}
		delete(now, object.ID)
		// Values are compared, secret ones too, and none is shown.
		field := firstField(object.Unmasked(), other.Unmasked(), "", func(field string) bool { return allowed[place{object.ID, field}] })
		if field != "" {
			return fmt.Sprintf("%s, field %s", object.ID, field)
		}
	}
	for _, object := range after.Objects {
		if _, added := now[object.ID]; added {
			return "which objects there are: " + object.ID.String() + " is new"
		}
	}
	return ""
}

// firstField is the first field, in the order of keys, in which two values differ.
func firstField(a, b any, field string, allowed func(field string) bool) string {
	if reflect.DeepEqual(a, b) || allowed(field) {
		return ""
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return field
		}
		for _, key := range bothKeys(a, b) {
			valueA, inA := a[key]
			valueB, inB := b[key]
			below := joinField(field, key)
			if inA != inB {
				return below
			}
			if found := firstField(valueA, valueB, below, allowed); found != "" {
				return found
			}
		}
		return ""
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return field
		}
		for i := range a {
			if found := firstField(a[i], b[i], fmt.Sprintf("%s[%s]", field, label(a[i], i)), allowed); found != "" {
				return found
			}
		}
		return ""
	}
	return field
}

// label is what an item of a list is called: by its name, or by its position.
func label(item any, position int) string {
	if m, ok := item.(map[string]any); ok {
		if name, ok := m["name"].(string); ok && name != "" {
			return name
		}
	}
	return fmt.Sprint(position)
}

func bothKeys(a, b map[string]any) []string {
	keys := append(sortedKeys(a), sortedKeys(b)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}
