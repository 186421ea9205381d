package preview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// model returns the published schema of a kind; nil where there is none.
func (s *shape) model(gvk schema.GroupVersionKind) *spec.Schema {
	for _, model := range s.models {
		list, _ := model.Extensions["x-kubernetes-group-version-kind"].([]any)
		for _, item := range list {
			m, _ := item.(map[string]any)
			if m["group"] == gvk.Group && m["version"] == gvk.Version && m["kind"] == gvk.Kind {
				return model
			}
		}
	}
	return nil
}

// required adds the fields that the schema asks for and the value does not have.
func (s *shape) required(model *spec.Schema, value any, at string, missing *[]string) {
	model = s.resolve(model)
	switch typed := value.(type) {
	case map[string]any:
		for _, name := range model.Required {
			property := model.Properties[name]
			if typed[name] == nil && isNothing(property.Default) && !slices.Contains(defaulted, name) {
				*missing = append(*missing, strings.TrimPrefix(at+"."+name, "."))
			}
		}
		for _, name := range sortedKeys(typed, nil) {
			if property, ok := model.Properties[name]; ok {
				s.required(&property, typed[name], at+"."+name, missing)
			} else if model.AdditionalProperties != nil && model.AdditionalProperties.Schema != nil {
				s.required(model.AdditionalProperties.Schema, typed[name], at+"["+name+"]", missing)
			}
		}
	case []any:
		if model.Items == nil || model.Items.Schema == nil {
			return
		}
		for i, inner := range typed {
			s.required(model.Items.Schema, inner, at+"["+strconv.Itoa(i)+"]", missing)
		}
	}
}

// isNothing reports whether a default is none: schemas of Kubernetes' own kinds
// have the zero value for one of every field.
func isNothing(value any) bool {
	switch typed := value.(type) {
	case nil:
		return true
	case string:
		return typed == ""
	case float64:
		return typed == 0
	case map[string]any:
		return len(typed) == 0
	}
	return false
}

// defaulted are fields that schemas ask for and the API server fills in.
var defaulted = []string{"apiGroup", "divisor", "status"}

// resolve follows references; schemas write one as the only item of allOf where
// they say more about the field.
func (s *shape) resolve(model *spec.Schema) *spec.Schema {
	for range 10 { // nobody refers further than twice
		name := strings.TrimPrefix(model.Ref.String(), "#/components/schemas/")
		switch next := s.models[name]; {
		case name != "" && next != nil:
			model = next
		case name == "" && len(model.AllOf) == 1:
			model = &model.AllOf[0]
		default:
			return model
		}
	}
	return model
}

// unasked is the end of an object about which the API server cannot be asked yet:
// a create or an update that is not validated, or refused where it breaks its
// schema already.
func (r *run) unasked(ctx context.Context, it *item) {
	m := r.misfit(ctx, it)
	if m.broken != "" {
		it.end(byText(verdict{action: Refused, reason: m.broken}), nil)
		it.change.NotValidated = true
		return
	}
	if it.live == nil {
		it.unvalidated()
	} else {
		it.unvalidatedUpdate()
	}
	for _, field := range m.missing {
		it.change.Warnings = append(it.change.Warnings, fmt.Sprintf("the schema asks for %s, which is missing", field))
	}
}

// misfit holds the item against the schema of the CRD that comes with it, or else
// that which the cluster publishes. Where nobody can say, it fits.
func (r *run) misfit(ctx context.Context, it *item) misfit {
	gvk := schema.FromAPIVersionAndKind(it.change.APIVersion, it.change.ID.Kind)
	if crd := r.arriving.crds[gvk.GroupKind()]; crd != nil {
		s, err := crdShape(crd, gvk)
		switch {
		case errors.Is(err, errNoVersion):
			return misfit{broken: fmt.Sprintf("%s, which comes in the same change, serves no version %q", crd.ID, gvk.Version)}
		case err != nil || s == nil:
			return misfit{}
		}
		m := s.check(it.wanted)
		if m.broken != "" {
			m.broken = fmt.Sprintf("%s, which comes in the same change, does not allow it: %s", crd.ID, m.broken)
		}
		return m
	}
	if !it.known {
		return misfit{}
	}
	s, err := r.cluster.publishedShape(ctx, gvk)
	if err != nil {
		return misfit{}
	}
	m := s.check(it.wanted)
	if m.broken != "" {
		m.broken = "the API server's published schema does not allow it: " + m.broken
	}
	return m
}
