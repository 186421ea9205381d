//lint:file-ignore SA1019 the deprecated fields are what people have in their repositories

package kustomize

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/slipwayhq/slipway/render/internal/view"
)

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
