package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// A Pattern says which objects a waiver excuses: Kind namespace/name, or Kind
// name for what has no namespace; * matches any text within its part.
type Pattern struct {
	kind, namespace, name string
	namespaced            bool
}

// ParsePattern reads a pattern as [Waiver.Object] has it. Its error is a person's
// mistake, in one sentence.
func ParsePattern(text string) (Pattern, error) {
	words := strings.Fields(text)
	if len(words) != 2 {
		return Pattern{}, fmt.Errorf("%q is not an object; write Kind namespace/name, or Kind name", text)
	}
	p := Pattern{kind: words[0], name: words[1]}
	if namespace, name, found := strings.Cut(words[1], "/"); found {
		p.namespace, p.name, p.namespaced = namespace, name, true
	}
	for _, part := range []string{p.kind, p.namespace, p.name} {
		if strings.ContainsAny(part, `/[]?\`) || part == "" && part != p.namespace {
			return Pattern{}, fmt.Errorf("%q is not an object; only * is special in Kind namespace/name", text)
		}
	}
	if p.namespaced && p.namespace == "" {
		return Pattern{}, fmt.Errorf("%q is not an object; write a namespace before the /, or * for any", text)
	}
	return p, nil
}

// Match reports whether the pattern means the object. A pattern without a
// namespace means only objects without one, except that a name of * alone means
// any object of the kind.
func (p Pattern) Match(id render.ObjectID) bool {
	if !matches(p.kind, id.Kind) {
		return false
	}
	if !p.namespaced {
		return p.name == "*" || id.Namespace == "" && matches(p.name, id.Name)
	}
	return id.Namespace != "" && matches(p.namespace, id.Namespace) && matches(p.name, id.Name)
}

func matches(pattern, text string) bool {
	ok, err := path.Match(pattern, strings.ReplaceAll(text, "/", "|")) // * stops at a slash; a part has none
	return ok && err == nil
}
