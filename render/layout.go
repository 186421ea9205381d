package render

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render/internal/helm"
	"github.com/slipwayhq/slipway/render/internal/kustomize"
	"github.com/slipwayhq/slipway/render/internal/plain"
)

// A Layout says which directories of a tree are targets, by a template like
// apps/{application}/overlays/{environment}. The zero Layout has no targets.
type Layout struct {
	template   string
	convention *convention // set where the layout was recognised
	reason     string
}

// ParseLayout reads a template: segments separated by slashes, each literal text
// with at most the placeholders {application} and {environment}, each of which is
// there at most once in all; {environment} must be. The problem has no file or line.
func ParseLayout(template string) (Layout, *Problem) {
	bad := func(message, hint string) (Layout, *Problem) {
		return Layout{}, &Problem{Message: fmt.Sprintf("layout %q %s", template, message), Hint: hint}
	}
	const example = "write it like apps/{application}/overlays/{environment}"
	seen := map[string]bool{}
	for _, segment := range strings.Split(template, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return bad("is no clean relative path", example)
		}
		tokens, ok := tokenise(segment)
		if !ok {
			return bad("has a brace without its other", example)
		}
		for i, token := range tokens {
			switch {
			case !token.placeholder && strings.ContainsAny(token.text, `*?[]\`):
				return bad("has a wildcard", "use the placeholders {application} and {environment}")
			case !token.placeholder:
			case token.text != "application" && token.text != "environment":
				return bad(fmt.Sprintf("has the placeholder {%s}, which is none", token.text), "the placeholders are {application} and {environment}")
			case seen[token.text]:
				return bad(fmt.Sprintf("has {%s} twice", token.text), example)
			case i > 0 && tokens[i-1].placeholder:
				return bad("has two placeholders with nothing between them", example)
			default:
				seen[token.text] = true
			}
		}
	}
	if !seen["environment"] {
		return bad("has no {environment}", example)
	}
	return Layout{template: template}, nil
}

// String returns the template.
func (l Layout) String() string { return l.template }

// Reason says why the layout was recognised; empty for one that was parsed.
func (l Layout) Reason() string { return l.reason }

// A token is a part of a segment: text, or a placeholder's name.
type token struct {
	text        string
	placeholder bool
}

func tokenise(segment string) ([]token, bool) {
	var tokens []token
	for segment != "" {
		at := strings.IndexAny(segment, "{}")
		if at < 0 {
			return append(tokens, token{text: segment}), true
		}
		if at > 0 {
			tokens = append(tokens, token{text: segment[:at]})
		}
		end := strings.IndexAny(segment[at+1:], "{}")
		if segment[at] == '}' || end < 0 || segment[at+1+end] == '{' {
			return nil, false
		}
		tokens = append(tokens, token{text: segment[at+1 : at+1+end], placeholder: true})
		segment = segment[at+end+2:]
	}
	return tokens, true
}

// match fits a name to a segment's tokens. A placeholder takes at least one
// character, and where there is a choice, as many as it can.
func match(tokens []token, name string) (map[string]string, bool) {
	if len(tokens) == 0 {
		return map[string]string{}, name == ""
	}
	first, rest := tokens[0], tokens[1:]
	if !first.placeholder {
		after, ok := strings.CutPrefix(name, first.text)
		if !ok {
			return nil, false
		}
		return match(rest, after)
	}
	for n := len(name); n > 0; n-- {
		if values, ok := match(rest, name[n:]); ok {
			values[first.text] = name[:n]
			return values, true
		}
	}
	return nil, false
}

// Targets returns the directories of tree that fit the layout and hold something
// to render, each once, in the order of environments, then of applications. With
// environments given, only theirs; with none, all that are found, in the
// conventional order from development to production. It reads no blob.
func (l Layout) Targets(tree Tree, environments []Environment) []Target {
	if l.template == "" {
		return nil
	}
	segments := strings.Split(l.template, "/")
	parsed := make([][]token, len(segments))
	for i, segment := range segments {
		parsed[i], _ = tokenise(segment) // parsed before
	}
	found := find(tree, ".", parsed, Target{})
	targets := found[:0]
	for _, target := range found {
		if l.keeps(tree, target, environments) {
			targets = append(targets, target)
		}
	}
	slices.SortFunc(targets, func(a, b Target) int {
		return cmp.Or(
			cmp.Compare(slices.Index(environments, a.Environment), slices.Index(environments, b.Environment)),
			cmp.Compare(rank(a.Environment), rank(b.Environment)),
			cmp.Compare(a.Environment, b.Environment),
			cmp.Compare(a.Application, b.Application),
		)
	})
	return targets
}

// find descends segment by segment from dir.
func find(tree Tree, dir string, segments [][]token, target Target) []Target {
	if len(segments) == 0 {
		target.Path = dir
		return []Target{target}
	}
	tokens := segments[0]
	if len(tokens) == 1 && !tokens[0].placeholder {
		next := path.Join(dir, tokens[0].text)
		if entry, ok := tree.Stat(next); !ok || entry.Mode != Directory {
			return nil
		}
		return find(tree, next, segments[1:], target)
	}
	var all []Target
	for _, entry := range tree.List(dir) {
		name := path.Base(entry.Path)
		if entry.Mode != Directory || strings.HasPrefix(name, ".") {
			continue
		}
		values, ok := match(tokens, name)
		if !ok {
			continue
		}
		next := target
		if value, ok := values["environment"]; ok {
			next.Environment = Environment(value)
		}
		if value, ok := values["application"]; ok {
			next.Application = Application(value)
		}
		all = append(all, find(tree, entry.Path, segments[1:], next)...)
	}
	return all
}

func (l Layout) keeps(tree Tree, target Target, environments []Environment) bool {
	switch {
	case len(environments) > 0 && !slices.Contains(environments, target.Environment):
		return false
	case l.convention != nil:
		return l.convention.keeps(tree, target)
	case len(environments) == 0 && notEnvironments[string(target.Environment)]:
		return false
	}
	return renderable(tree, target.Path, maxPlainDepth)
}

// manifest reports whether an entry is named like a manifest: a file, or a link, which
// is followed when it is rendered, or is a problem then.
func manifest(entry Entry) bool {
	return (entry.Mode == File || entry.Mode == Symlink) && plain.Manifest(entry.Path)
}

// maxPlainDepth is how deep below a target's directory manifests are looked for.
const maxPlainDepth = 8

// renderable reports whether dir has a kustomization, a chart, or manifests at
// most depth directories down.
func renderable(tree Tree, dir string, depth int) bool {
	if built(tree, dir) {
		return true
	}
	entries := tree.List(dir)
	for _, entry := range entries {
		if manifest(entry) {
			return true
		}
	}
	for _, entry := range entries {
		hidden := strings.HasPrefix(path.Base(entry.Path), ".")
		if entry.Mode == Directory && !hidden && depth > 0 && renderable(tree, entry.Path, depth-1) {
			return true
		}
	}
	return false
}

// built reports whether dir itself has a kustomization or a chart.
func built(tree Tree, dir string) bool {
	for _, name := range append(slices.Clone(kustomize.FileNames), helm.FileName) {
		if entry, ok := tree.Stat(path.Join(dir, name)); ok && entry.Mode != Directory {
			return true
		}
	}
	return false
}
