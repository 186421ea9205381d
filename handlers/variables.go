package handlers

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// warnings returns a rendered's warnings, and one more for each variable that
// nobody put a value in for, with the first place that has it.
func warnings(ctx context.Context, tree render.Tree, rendered *render.Rendered) ([]string, error) {
	all := slices.Clone(rendered.Warnings)
	type first struct {
		render.Variable
		object render.Object
		places int
	}
	var found []first
	index := make(map[string]int)
	for _, object := range rendered.Objects {
		for _, v := range object.Variables() {
			if i, known := index[v.Name]; known {
				found[i].places++
				continue
			}
			index[v.Name] = len(found)
			found = append(found, first{v, object, 1})
		}
	}
	for _, f := range found {
		origin, err := render.Locate(ctx, tree, f.object, f.Field)
		if err != nil {
			return nil, err
		}
		place := origin.File
		if origin.Line > 0 {
			place = fmt.Sprintf("%s:%d", origin.File, origin.Line)
		}
		text := fmt.Sprintf("%s: %s in %s is a variable that Flux puts in after building (postBuild) and nobody does here: it is taken as it stands", place, f.Text, f.object.ID)
		if f.places > 1 {
			text += fmt.Sprintf(", here and in %d more places", f.places-1)
		}
		all = append(all, text)
	}
	return all, nil
}
