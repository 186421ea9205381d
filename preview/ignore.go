package preview

import (
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// A pointer is a parsed IgnoreRule.Field: each element a key, an index, * for any
// one, or [key=value] for the list items that have it.
type pointer []string

// pointersFor returns the fields of an object that are to be ignored.
func pointersFor(rules []IgnoreRule, id render.ObjectID) []pointer {
	var pointers []pointer
	for _, rule := range rules {
		if rule.Kind != id.Kind ||
			rule.Group != "" && rule.Group != id.Group ||
			rule.Namespace != "" && rule.Namespace != id.Namespace ||
			rule.Name != "" && rule.Name != id.Name {
			continue
		}
		if p := parsePointer(rule.Field); len(p) > 0 {
			pointers = append(pointers, p)
		}
	}
	return pointers
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func parsePointer(field string) pointer {
	field = strings.TrimPrefix(field, "/")
	if field == "" {
		return nil
	}
	// A slash within [key=value] belongs to the value.
	var p pointer
	depth, start := 0, 0
	for i := 0; i <= len(field); i++ {
		if i < len(field) && field[i] == '[' {
			depth++
		}
		if i < len(field) && field[i] == ']' {
			depth--
		}
		if i == len(field) || field[i] == '/' && depth <= 0 {
			p = append(p, unescape.Replace(field[start:i]))
			start = i + 1
		}
	}
	return p
}

// selector splits [key=value].
func selector(element string) (key, value string, ok bool) {
	if !strings.HasPrefix(element, "[") || !strings.HasSuffix(element, "]") {
		return "", "", false
	}
	return strings.Cut(element[1:len(element)-1], "=")
}

// covers reports whether the path leads to what the pointer names, or into it.
// The object is that in which the path was found.
func (p pointer) covers(at path, object any) bool {
	if len(at) < len(p) {
		return false
	}
	for i, element := range p {
		if !at[i].is(element, object) {
			return false
		}
		object, _ = at[i].in(object)
	}
	return true
}

// is reports whether a step inside value is one that the pointer's element names.
func (s step) is(element string, value any) bool {
	if element == "*" {
		return true
	}
	if s.key != "" {
		return s.key == element
	}
	inner, _ := s.in(value)
	if key, want, ok := selector(element); ok {
		if have, keyed := s.item[key]; keyed {
			return have == keyJSON(want) || have == want
		}
		item, _ := inner.(map[string]any)
		return item != nil && printKey(item, key) == want
	}
	index, err := strconv.Atoi(element)
	if err != nil {
		return false
	}
	if s.item == nil {
		return s.index == index
	}
	list, _ := value.([]any)
	item, ok := any(nil), index >= 0 && index < len(list)
	if ok {
		item = list[index]
	}
	m, isMap := item.(map[string]any)
	return isMap && s.matches(m)
}

// leaveAlone makes sure that applying the payload leaves what the pointer names as
// it is in the live object: it takes the live value where only our manager owns it
// (leaving it out would then remove it) and leaves it out elsewhere. What is not
// live yet stays as wanted.
func leaveAlone(payload, live map[string]any, p pointer, ours func(path) bool) {
	leaveAloneIn(payload, live, p, nil, ours)
}

func leaveAloneIn(wanted, live any, rest pointer, at path, ours func(path) bool) {
	switch parent := wanted.(type) {
	case map[string]any:
		liveParent, ok := live.(map[string]any)
		if !ok {
			return
		}
		for _, key := range sortedKeys(parent, liveParent) {
			if rest[0] != "*" && rest[0] != key {
				continue
			}
			s := at.with(step{key: key})
			if len(rest) > 1 {
				leaveAloneIn(parent[key], liveParent[key], rest[1:], s, ours)
				continue
			}
			value, isLive := liveParent[key]
			switch {
			case isLive && ours(s):
				parent[key] = clone(value)
			default:
				delete(parent, key)
			}
		}
	case []any:
		liveParent, ok := live.([]any)
		if !ok || len(rest) < 2 {
			return // an item as a whole is the list's own business
		}
		leaveAloneInList(parent, liveParent, rest, at, ours)
	}
}

// leaveAloneInList pairs the items of two lists as a comparison would.
func leaveAloneInList(wanted, live []any, rest pointer, at path, ours func(path) bool) {
	name := ""
	if len(at) > 0 {
		name = at[len(at)-1].key
	}
	var keys []string
	if _, ok := itemsOf(wanted, live); ok && len(wanted) > 0 {
		keys = listKeys(name, nil, wanted, live)
	}
	for i, item := range wanted {
		s := step{index: i}
		if keys != nil {
			s = itemStep(item.(map[string]any), keys)
		}
		counterpart, ok := s.in(live)
		if ok && s.is(rest[0], wanted) {
			leaveAloneIn(item, counterpart, rest[1:], at.with(s), ours)
		}
	}
}
