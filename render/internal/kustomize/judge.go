package kustomize

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// judge looks at a kustomization before kustomize does, refuses what must not
// happen, and returns the content that kustomize gets.
func (f *fileSystem) judge(name string, content []byte) ([]byte, error) {
	asJSON, k, err := parse(name, content)
	if err != nil {
		return nil, f.view.Report(err.(*view.Problem))
	}
	if len(k.OpenAPI) > 0 && !f.alone {
		f.ownSchema = true
		return nil, errOwnSchema
	}
	top := path.Dir(name) == f.dir
	if top {
		f.root = name
	}
	fixed := *k
	fixed.FixKustomization()
	if fixed.CheckEmpty() != nil {
		return nil, f.view.Report(&view.Problem{File: name, Message: "the kustomization is empty", Hint: "list something under resources, or delete the file"})
	}
	if problem := forbidden(name, content, k); problem != nil {
		return nil, f.view.Report(problem)
	}
	for _, plugins := range [][]string{k.Generators, k.Transformers, k.Validators} {
		if err := f.judgePlugins(name, path.Dir(name), plugins, 0); err != nil {
			return nil, err
		}
	}
	f.warn(name, k)
	f.noteSources(name, k)
	if !top || !f.trace {
		return content, nil
	}
	return withOrigins(asJSON, k.BuildMetadata)
}

// parse reads a kustomization exactly as kustomize does, and its JSON form.
func parse(name string, content []byte) ([]byte, *types.Kustomization, error) {
	asJSON, err := yaml.YAMLToJSON(content)
	if err != nil {
		line, text := yamlError(err)
		return nil, nil, &view.Problem{File: name, Line: line, Message: "is not YAML: " + text}
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.DisallowUnknownFields()
	var k types.Kustomization
	if err := decoder.Decode(&k); err != nil {
		return nil, nil, decodeProblem(name, content, err)
	}
	return asJSON, &k, nil
}

// decodeProblem says which field of a kustomization is wrong, and where.
func decodeProblem(name string, content []byte, err error) *view.Problem {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		field, _, _ := strings.Cut(wrongType.Field, ".")
		return &view.Problem{File: name, Line: lineOf(content, field), Message: fmt.Sprintf("the field %s cannot be a %s", wrongType.Field, wrongType.Value), Hint: "kustomize expects " + wrongType.Type.String()}
	}
	if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
		field = strings.Trim(field, `"`)
		return &view.Problem{File: name, Line: lineOf(content, field), Message: fmt.Sprintf("kustomize knows no field %q", field), Hint: "check the spelling and the indentation"}
	}
	return &view.Problem{File: name, Message: "is no kustomization: " + shorten(err.Error())}
}

// withOrigins is the kustomization with origin annotations asked for, as JSON.
func withOrigins(asJSON []byte, buildMetadata []string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(asJSON, &fields); err != nil {
		return nil, fmt.Errorf("read the kustomization again: %w", err)
	}
	for field := range fields {
		if strings.EqualFold(field, "buildMetadata") { // as encoding/json matches it
			delete(fields, field)
		}
	}
	options, err := json.Marshal(append(slices.Clone(buildMetadata), types.OriginAnnotations))
	if err != nil {
		return nil, fmt.Errorf("write build metadata: %w", err)
	}
	fields["buildMetadata"] = options
	return json.Marshal(fields)
}
