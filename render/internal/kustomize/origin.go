package kustomize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
)

// A source is an object as a file names it, before kustomize renames it.
type source struct {
	kind, name, file string
}

// sources lists the objects of the resource files and generators that were read.
func (f *fileSystem) sources() []source {
	var all []source
	seen := map[string]bool{}
	for _, r := range f.reads {
		switch {
		case seen[r.name]:
		case r.isKustomization():
			all = append(all, f.generators[r.name]...)
		case f.resources[r.name]:
			file := r.name
			if entry, err := f.view.Resolve(r.name); err == nil {
				file = entry.Path
			}
			for _, named := range names(r.content) {
				all = append(all, source{named.kind, named.name, file})
			}
		}
		seen[r.name] = true
	}
	return all
}

// matchOrigins tells from names alone which file each object comes from: its name
// is that in the file, with a prefix, suffix or hash at most. ok is false where
// that leaves a doubt for any.
func matchOrigins(resources resmap.ResMap, all []source) (files map[string]string, ok bool) {
	byKind := map[string][]source{}
	for _, s := range all {
		byKind[s.kind] = append(byKind[s.kind], s)
	}
	files = make(map[string]string, resources.Size())
	for _, r := range resources.Resources() {
		file, longest, doubt := "", 0, false
		for _, s := range byKind[r.GetKind()] {
			switch {
			case !strings.Contains(r.GetName(), s.name) || len(s.name) < longest:
			case len(s.name) > longest:
				file, longest, doubt = s.file, len(s.name), false
			case s.file != file:
				doubt = true
			}
		}
		if longest == 0 || doubt {
			return nil, false
		}
		files[identity(r)] = file
	}
	return files, true
}

// tracedOrigins has kustomize itself tell: it builds again, with origin
// annotations. That costs as much again and half, and the annotations may change
// the objects, so nothing but the origins is taken from it.
func tracedOrigins(plain *fileSystem) (map[string]string, error) {
	traced := newFileSystem(plain.view, plain.dir, plain.alone, true)
	resources, err := run(traced)
	if err != nil {
		return nil, err
	}
	files := make(map[string]string, resources.Size())
	for _, r := range resources.Resources() {
		origin, err := r.GetOrigin()
		if err != nil {
			return nil, fmt.Errorf("read the origin of %s: %w", identity(r), err)
		}
		if origin == nil {
			continue
		}
		file := origin.Path
		if origin.ConfiguredIn != "" {
			file = origin.ConfiguredIn
		}
		entry, err := plain.view.Resolve(path.Join(plain.dir, file))
		if err != nil {
			return nil, fmt.Errorf("find the origin of %s: %w", identity(r), err)
		}
		files[identity(r)] = entry.Path
	}
	return files, nil
}

func identity(r *resource.Resource) string {
	return r.GetApiVersion() + "|" + r.GetKind() + "|" + r.GetNamespace() + "|" + r.GetName()
}

type kindName struct{ kind, name string }

// names lists kind and name of each object in a manifest. Block style is scanned
// line by line, which is far cheaper than parsing; anything else is parsed.
func names(content []byte) []kindName {
	if all, ok := scanNames(string(content)); ok {
		return all
	}
	var all []kindName
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document named
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all
		}
		var mistyped *yaml.TypeError
		if err != nil && !errors.As(err, &mistyped) {
			return all
		}
		for _, item := range append(document.Items, document) {
			if item.Kind != "" && item.Metadata.Name != "" {
				all = append(all, kindName{item.Kind, item.Metadata.Name})
			}
		}
	}
}

type named struct {
	Kind     string
	Metadata struct{ Name string }
	Items    []named
}

// scanNames reads plain block style; ok is false for what it cannot be sure of.
func scanNames(content string) (all []kindName, ok bool) {
	var current kindName
	indent, inMetadata := 0, false
	flush := func() bool {
		if current.kind == "" && current.name == "" {
			return true
		}
		if current.kind == "" || current.name == "" || strings.HasSuffix(current.kind, "List") {
			return false
		}
		all, current = append(all, current), kindName{}
		return true
	}
	for line := range strings.Lines(content) {
		line = strings.TrimRight(line, " \r\n")
		text := strings.TrimLeft(line, " ")
		depth := len(line) - len(text)
		switch {
		case text == "" || text[0] == '#':
		case strings.HasPrefix(line, "---"):
			inMetadata = false
			if line != "---" || !flush() {
				return nil, false
			}
		case depth == 0:
			key, value, found := strings.Cut(text, ":")
			inMetadata, indent = key == "metadata" && value == "", 0
			if !found && text[0] != '-' || strings.ContainsAny(text[:1], `{["'?&*!%`) || key == "metadata" && value != "" {
				return nil, false
			}
			if key == "kind" {
				current.kind = strings.TrimSpace(value)
			}
		case inMetadata:
			if indent == 0 {
				indent = depth
			}
			if name, found := strings.CutPrefix(text, "name:"); found && depth == indent {
				current.name = strings.TrimSpace(name)
			}
		}
	}
	if !flush() {
		return nil, false
	}
	for _, one := range all {
		if strings.ContainsAny(one.kind+one.name, ` #"'&*!|>{[`) {
			return nil, false
		}
	}
	return all, true
}
