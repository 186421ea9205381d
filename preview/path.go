package preview

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// A step leads from a value to one inside it: into a map by key, into a list by
// the values of an item's merge keys, or by position where there are none.
type step struct {
	key   string            // into a map; empty for a list
	item  map[string]string // into a list, by merge key: each value as JSON
	keys  []string          // of item, in the order in which they are printed
	label string            // what the item is called in print
	// hidden is set where the label stands for a value that is not shown.
	hidden bool
	index  int // into a list, by position
}

// path is the steps from an object's root.
type path []step

// with returns a new path with one more step.
func (p path) with(s step) path {
	longer := make(path, len(p)+1)
	copy(longer, p)
	longer[len(p)] = s
	return longer
}

// String prints spec.template.spec.containers[web].image; a key that would not
// read well between dots stands in brackets, as a list item does.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.item != nil:
			b.WriteString("[" + s.label + "]")
		case s.key == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case strings.ContainsAny(s.key, "./[]"):
			b.WriteString("[" + s.key + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// touches reports whether one path leads into what the other leads to, or both
// to the same. Positions count as equal: an item may have moved.
func (p path) touches(other path) bool {
	for i := range min(len(p), len(other)) {
		if !p[i].same(other[i]) {
			return false
		}
	}
	return true
}

func (s step) same(other step) bool {
	if s.key != other.key || (s.item == nil) != (other.item == nil) || len(s.item) != len(other.item) {
		return false
	}
	for key, value := range s.item {
		if other.item[key] != value {
			return false
		}
	}
	return true
}

// in returns what the path leads to inside value.
func (p path) in(value any) (any, bool) {
	for _, s := range p {
		var ok bool
		if value, ok = s.in(value); !ok {
			return nil, false
		}
	}
	return value, true
}

func (s step) in(value any) (any, bool) {
	switch typed := value.(type) {
	case map[string]any:
		inner, ok := typed[s.key]
		return inner, ok && s.key != ""
	case []any:
		if s.item == nil {
			if s.key != "" || s.index >= len(typed) {
				return nil, false
			}
			return typed[s.index], true
		}
		for _, item := range typed {
			if m, ok := item.(map[string]any); ok && s.matches(m) {
				return item, true
			}
		}
	}
	return nil, false
}

func (s step) matches(item map[string]any) bool {
	for key, value := range s.item {
		if keyValue(item, key) != value {
			return false
		}
	}
	return true
}

// itemStep returns the step to an item by its merge keys.
func itemStep(item map[string]any, keys []string) step {
	s := step{item: make(map[string]string, len(keys)), keys: keys}
	labels := make([]string, 0, len(keys))
	for _, key := range keys {
		s.item[key] = keyValue(item, key)
		if label := printKey(item, key); label != "" {
			labels = append(labels, label)
		}
	}
	s.label = strings.Join(labels, "/")
	return s
}

// as returns the step under the name that the item has where it is masked.
func (s step) as(masked any) step {
	label := ""
	switch typed := masked.(type) {
	case map[string]any:
		label = itemStep(typed, s.keys).label
	case string: // the mark of the whole item
		label = typed
	}
	s.hidden = label != s.label
	s.label = label
	return s
}

// masked returns the path through an object with the names that its masked form
// has for list items.
func (p path) masked(object, masked any) path {
	named := slices.Clone(p)
	for i, s := range p {
		inner, _ := s.in(object)
		hidden := s.beside(object, inner, masked)
		if s.item != nil && inner != nil {
			named[i] = s.as(hidden)
		}
		object, masked = inner, hidden
	}
	return named
}

// beside returns what stands in the masked form of a value in the place of what the
// step leads to: the mark itself where a whole is masked.
func (s step) beside(value, inner, masked any) any {
	switch typed := masked.(type) {
	case map[string]any:
		return typed[s.key]
	case []any:
		list, _ := value.([]any)
		for i, item := range list {
			if i < len(typed) && equal(item, inner) {
				return typed[i]
			}
		}
		return nil
	}
	return masked
}

// keyDefaults are the values of merge keys that may be left out.
var keyDefaults = map[string]any{"protocol": "TCP"}

// keyValue returns the value of an item's merge key as JSON, in which equal
// values are equal bytes.
func keyValue(item map[string]any, key string) string {
	value, ok := item[key]
	if !ok {
		value = keyDefaults[key]
	}
	return keyJSON(value)
}

func keyJSON(value any) string {
	switch typed := value.(type) {
	case string:
		return strconv.Quote(typed)
	case float64:
		if typed == float64(int64(typed)) {
			return strconv.FormatInt(int64(typed), 10)
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // no decoded JSON has such a value
	}
	return string(text)
}

func printKey(item map[string]any, key string) string {
	value, ok := item[key]
	if !ok {
		value = keyDefaults[key]
	}
	if value == nil {
		return ""
	}
	if text, ok := value.(string); ok {
		return text
	}
	return keyJSON(value)
}

// sortedKeys returns the keys of both maps, each once, sorted.
func sortedKeys(a, b map[string]any) []string {
	keys := make([]string, 0, len(a)+len(b))
	for key := range a {
		keys = append(keys, key)
	}
	for key := range b {
		if _, both := a[key]; !both {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys
}

// plainJSON returns a scalar as a fieldsV1 tree writes it.
func plainJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // no decoded JSON has such a value
	}
	return string(text)
}
