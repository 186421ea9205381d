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

// noteSources keeps which files are resources, and what the generators make.
func (f *fileSystem) noteSources(name string, k *types.Kustomization) {
	for _, resource := range slices.Concat(k.Resources, k.Bases) {
		f.resources[path.Join(path.Dir(name), resource)] = true
	}
	var made []source
	for _, generator := range k.ConfigMapGenerator {
		if generator.Behavior == "" || generator.Behavior == "create" {
			made = append(made, source{"ConfigMap", generator.Name, name})
		}
	}
	for _, generator := range k.SecretGenerator {
		if generator.Behavior == "" || generator.Behavior == "create" {
			made = append(made, source{"Secret", generator.Name, name})
		}
	}
	f.generators[name] = made
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

// forbidden returns the first thing in a kustomization that would leave the
// tree or run something, or nil.
func forbidden(name string, content []byte, k *types.Kustomization) *view.Problem {
	if len(k.HelmCharts) > 0 || k.HelmGlobals != nil {
		return &view.Problem{File: name, Line: lineOf(content, "helmCharts", "helmGlobals"), Message: "helmCharts would run helm, which rendering never does", Hint: helmHint}
	}
	if len(k.HelmChartInflationGenerator) > 0 {
		return &view.Problem{File: name, Line: lineOf(content, "helmChartInflationGenerator"), Message: "helmChartInflationGenerator would run helm, which rendering never does", Hint: helmHint}
	}
	for _, reference := range references(k) {
		if remote(reference.value) {
			return &view.Problem{
				File: name, Line: lineOf(content, reference.value),
				Message: fmt.Sprintf("%s refers to %s, which is remote; rendering opens no connection", reference.field, shorten(reference.value)),
				Hint:    "copy what it refers to into the repository and refer to it by a relative path",
			}
		}
	}
	return nil
}

const helmHint = "render the chart into the repository (helm template) and list the result under resources"

// A reference is a path that a kustomization names.
type reference struct {
	field, value string
}

// references lists every path in a kustomization that kustomize would load.
func references(k *types.Kustomization) []reference {
	var all []reference
	add := func(field string, values ...string) {
		for _, value := range values {
			all = append(all, reference{field, value})
		}
	}
	add("resources", k.Resources...)
	add("bases", k.Bases...)
	add("components", k.Components...)
	add("crds", k.Crds...)
	add("configurations", k.Configurations...)
	add("generators", k.Generators...)
	add("transformers", k.Transformers...)
	add("validators", k.Validators...)
	for field, value := range k.OpenAPI {
		add("openapi."+field, value)
	}
	for _, patch := range k.PatchesStrategicMerge {
		add("patchesStrategicMerge", string(patch))
	}
	for _, patch := range slices.Concat(k.PatchesJson6902, k.Patches) {
		add("patches", patch.Path)
	}
	for _, replacement := range k.Replacements {
		add("replacements", replacement.Path)
	}
	for _, generator := range k.ConfigMapGenerator {
		add("configMapGenerator", sources(generator.KvPairSources)...)
	}
	for _, generator := range k.SecretGenerator {
		add("secretGenerator", sources(generator.KvPairSources)...)
	}
	return all
}

func sources(s types.KvPairSources) []string {
	all := append(slices.Clone(s.EnvSources), s.EnvSource)
	for _, file := range s.FileSources {
		all = append(all, file)
		if _, value, ok := strings.Cut(file, "="); ok {
			all = append(all, value)
		}
	}
	return all
}

// warn keeps a warning for each deprecated field, in our words; kustomize's own
// go to standard error and name no file.
func (f *fileSystem) warn(name string, k *types.Kustomization) {
	for _, deprecated := range []struct {
		used       bool
		field, now string
	}{
		{k.Bases != nil, "bases", "resources"},
		{k.CommonLabels != nil, "commonLabels", "labels"},
		{k.ImageTags != nil, "imageTags", "images"},
		{k.PatchesJson6902 != nil, "patchesJson6902", "patches"},
		{k.PatchesStrategicMerge != nil, "patchesStrategicMerge", "patches"},
		{k.Vars != nil, "vars", "replacements"},
	} {
		warning := fmt.Sprintf("%s: %s is deprecated; use %s", name, deprecated.field, deprecated.now)
		if deprecated.used && !slices.Contains(f.warnings, warning) {
			f.warnings = append(f.warnings, warning)
		}
	}
}

// References returns the paths that a kustomization names, relative to its
// directory; none where it is no kustomization.
func References(content []byte) []string {
	_, k, err := parse("", content)
	if err != nil {
		return nil
	}
	var names []string
	for _, reference := range references(k) {
		if reference.value != "" && !strings.ContainsAny(reference.value, "\n:") {
			names = append(names, reference.value)
		}
	}
	return names
}
