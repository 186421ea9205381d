package kustomize

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// maxPluginDepth is how deep directories of transformers may refer to others.
const maxPluginDepth = 8

// judgePlugins looks at the configurations of generators, transformers and
// validators, which are objects themselves: inline, in files, or in directories
// whose kustomization does nothing but list files. Only kustomize's own are run,
// and they may load nothing from afar.
func (f *fileSystem) judgePlugins(name, dir string, entries []string, depth int) error {
	if depth > maxPluginDepth {
		return f.view.Report(&view.Problem{File: name, Message: "directories of transformers refer to each other too deeply"})
	}
	for _, entry := range entries {
		documents, ok := mappings([]byte(entry))
		if ok {
			if err := f.judgeConfigs(name, documents); err != nil {
				return err
			}
		}
		if strings.ContainsAny(entry, "\n{") {
			continue // inline, and no path
		}
		target, err := f.view.Resolve(path.Join(dir, entry))
		if err != nil {
			if f.view.Problem() != nil || f.view.Failure() != nil {
				return err
			}
			continue // missing; kustomize says so
		}
		if err := f.judgePluginPath(name, target, depth); err != nil {
			return err
		}
	}
	return nil
}

func (f *fileSystem) judgePluginPath(name string, target view.Entry, depth int) error {
	if target.Mode == view.File {
		content, err := f.view.Read(target.Path)
		if err != nil {
			return err
		}
		documents, ok := mappings(content)
		if !ok {
			return f.view.Report(&view.Problem{File: target.Path, Message: "is no configuration of a transformer or generator", Hint: "it is listed in " + name})
		}
		return f.judgeConfigs(target.Path, documents)
	}
	for _, base := range FileNames {
		file := path.Join(target.Path, base)
		content, err := f.view.Read(file)
		if err != nil {
			if f.view.Problem() != nil || f.view.Failure() != nil {
				return err
			}
			continue
		}
		_, k, err := parse(file, content)
		if err != nil {
			return f.view.Report(err.(*view.Problem))
		}
		if !onlyResources(k) {
			return f.view.Report(&view.Problem{File: file, Message: "builds generators or transformers by more than listing files", Hint: "list the finished configurations under resources and nothing else"})
		}
		if problem := forbidden(file, content, k); problem != nil {
			return f.view.Report(problem)
		}
		if err := f.judgePlugins(file, target.Path, k.Resources, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func onlyResources(k *types.Kustomization) bool {
	rest := *k
	rest.TypeMeta, rest.MetaData, rest.Resources = types.TypeMeta{}, nil, nil
	return reflect.DeepEqual(rest, types.Kustomization{})
}

// mappings decodes YAML documents; false where one of them is no mapping.
func mappings(content []byte) ([]map[string]any, bool) {
	var all []map[string]any
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document any
		if err := decoder.Decode(&document); err != nil {
			return all, err.Error() == "EOF"
		}
		switch document := document.(type) {
		case nil:
		case map[string]any:
			all = append(all, document)
		default:
			return nil, false
		}
	}
}

func (f *fileSystem) judgeConfigs(file string, configs []map[string]any) error {
	for _, config := range configs {
		if items, ok := config["items"].([]any); ok {
			var inner []map[string]any
			for _, item := range items {
				if item, ok := item.(map[string]any); ok {
					inner = append(inner, item)
				}
			}
			if err := f.judgeConfigs(file, inner); err != nil {
				return err
			}
			continue
		}
		kind, _ := config["kind"].(string)
		apiVersion, _ := config["apiVersion"].(string)
		if kind == "HelmChartInflationGenerator" {
			return f.view.Report(&view.Problem{File: file, Message: "HelmChartInflationGenerator would run helm, which rendering never does", Hint: helmHint})
		}
		if apiVersion != "builtin" {
			return f.view.Report(&view.Problem{File: file, Message: fmt.Sprintf("%s of %s is a plugin, and rendering runs none", kind, apiVersion), Hint: "use kustomize's built-in transformers, or commit the plugin's output"})
		}
		if value := remoteInside(config); value != "" {
			return f.view.Report(&view.Problem{File: file, Message: fmt.Sprintf("%s refers to %s, which is remote; rendering opens no connection", kind, shorten(value)), Hint: "copy what it refers to into the repository"})
		}
	}
	return nil
}

// loaded are the fields of built-in plugins whose values are loaded as files.
var loaded = []string{"path", "paths", "files", "env", "envs", "targetFilePath", "valuesFile", "additionalValuesFiles"}

// remoteInside returns a remote value of a field that would be loaded, however deep.
func remoteInside(value any) string {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			found := ""
			if slices.ContainsFunc(loaded, func(field string) bool { return strings.EqualFold(field, key) }) {
				found = remoteValue(inner)
			}
			if found == "" {
				found = remoteInside(inner)
			}
			if found != "" {
				return found
			}
		}
	case []any:
		for _, inner := range value {
			if found := remoteInside(inner); found != "" {
				return found
			}
		}
	}
	return ""
}

func remoteValue(value any) string {
	switch value := value.(type) {
	case string:
		_, afterKey, _ := strings.Cut(value, "=")
		if remote(value) || remote(afterKey) {
			return value
		}
	case []any:
		for _, inner := range value {
			if found := remoteValue(inner); found != "" {
				return found
			}
		}
	}
	return ""
}

var userAtHost = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)

// remote reports whether kustomize could take value for something to fetch by
// HTTP or Git. It errs on the side of yes.
func remote(value string) bool {
	if strings.ContainsAny(value, "\n") {
		return false // inline content; no URL has a line break
	}
	if u, err := url.Parse(value); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		return true
	}
	lower := strings.ToLower(strings.TrimSpace(value))
	for _, prefix := range []string{"git::", "ssh://", "http://", "https://", "file://", "git://", "github.com/", "github.com:"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return userAtHost.MatchString(value) || strings.Contains(lower, "?ref=") || strings.Contains(lower, "?version=")
}
