package render

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A SensitiveField names a further field to mask, beside the values of Secrets.
type SensitiveField struct {
	// Kind is the object's kind, e.g. ConfigMap.
	Kind string `json:"kind" jsonschema:"required"`
	// Field is a JSON pointer, e.g. /data/password; * stands for any one key or index.
	Field string `json:"field" jsonschema:"required"`
}

// Problem says what is wrong with the field; nil where nothing is.
func (f SensitiveField) Problem() *Problem {
	if f.Kind == "" {
		return &Problem{Message: "a sensitive field names no kind", Hint: "write kind: ConfigMap"}
	}
	if _, ok := parsePointer(f.Field); !ok {
		return &Problem{Message: fmt.Sprintf("%q is no JSON pointer to a field", f.Field), Hint: "write it like /data/password; * stands for any one key"}
	}
	return nil
}

// parsePointer splits a JSON pointer to a field, not to the whole object.
func parsePointer(pointer string) ([]string, bool) {
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok || rest == "" {
		return nil, false
	}
	keys := strings.Split(rest, "/")
	for i, key := range keys {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(key), "~") {
			return nil, false
		}
		keys[i] = strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")
	}
	return keys, true
}

// A Masker replaces sensitive values by marks that show, by a keyed hash, only
// whether two values are equal. A nil Masker uses no key and shows no hash.
//
// Sensitive are data and stringData of a Secret, wherever in an object it is
// (the items of a List, a manifest inside a manifest), the annotation in which
// kubectl keeps the last applied configuration, and the fields that it is told
// of. managedFields are left out.
type Masker struct {
	key       []byte
	sensitive map[string][][]string // kind to pointers
}

// NewMasker returns a Masker whose marks are equal where values are equal under
// the same key. Beside Secrets it masks the sensitive fields; one that has a
// [SensitiveField.Problem] names nothing and masks nothing.
func NewMasker(key []byte, sensitive []SensitiveField) *Masker {
	m := &Masker{key: slices.Clone(key), sensitive: map[string][][]string{}}
	for _, field := range sensitive {
		if keys, ok := parsePointer(field.Field); ok {
			m.sensitive[field.Kind] = append(m.sensitive[field.Kind], keys)
		}
	}
	return m
}

// Format prints nothing of the key.
func (m *Masker) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "render.Masker") // fmt keeps the writer's error itself
}

// lastApplied is where kubectl keeps the whole object, values included, as text.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Mask returns content with every sensitive value replaced by its mark; it shares
// structure with content wherever nothing is masked.
func (m *Masker) Mask(content map[string]any) map[string]any {
	masked, _ := m.walk(content, func(_ any, value []byte) any { return m.mark(value) }).(map[string]any)
	return masked
}

// replacer makes what stands for a sensitive value, given as it is and decoded.
type replacer func(raw any, value []byte) any

// walk returns value with what is sensitive replaced, sharing what is not.
func (m *Masker) walk(value any, replace replacer) any {
	switch value := value.(type) {
	case map[string]any:
		return m.walkMap(value, replace)
	case []any:
		var changed []any
		for i, item := range value {
			if masked := m.walk(item, replace); !same(masked, item) {
				if changed == nil {
					changed = slices.Clone(value)
				}
				changed[i] = masked
			}
		}
		if changed != nil {
			return changed
		}
	}
	return value
}

func (m *Masker) walkMap(content map[string]any, replace replacer) map[string]any {
	masked := content
	set := func(key string, value any) {
		if same(masked, content) {
			masked = maps.Clone(content)
		}
		masked[key] = value
	}
	kind, _ := content["kind"].(string)
	for key, value := range content {
		switch {
		case key == lastApplied:
			set(key, replace(value, bytesOf(value, false)))
		case key == "managedFields" && isList(value):
			set(key, nil)
			delete(masked, key)
		case kind == "Secret" && (key == "data" || key == "stringData"):
			set(key, replaceValues(value, key == "data", replace))
		default:
			if walked := m.walk(value, replace); !same(walked, value) {
				set(key, walked)
			}
		}
	}
	if m == nil {
		return masked
	}
	for _, pointer := range m.sensitive[kind] {
		encoded := kind == "Secret" && pointer[0] == "data" || kind == "ConfigMap" && pointer[0] == "binaryData"
		if kind == "Secret" && (pointer[0] == "data" || pointer[0] == "stringData") {
			continue // done already
		}
		if replaced, ok := at(masked, pointer, encoded, replace).(map[string]any); ok {
			masked = replaced
		}
	}
	return masked
}

func isList(value any) bool { _, ok := value.([]any); return ok }

// same reports whether a walk returned what it was given: the same map or slice.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && mapPointer(a) == mapPointer(b)
	case []any:
		b, ok := b.([]any)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	default:
		return true // scalars are replaced by their parents only
	}
}

// replaceValues replaces each value of a mapping, or a value that is none whole.
func replaceValues(value any, encoded bool, replace replacer) any {
	mapping, ok := value.(map[string]any)
	if !ok {
		if value == nil {
			return nil
		}
		return replace(value, bytesOf(value, encoded))
	}
	masked := make(map[string]any, len(mapping))
	for key, inner := range mapping {
		masked[key] = replace(inner, bytesOf(inner, encoded))
	}
	return masked
}

// at returns value with what pointer leads to replaced, sharing the rest.
func at(value any, pointer []string, encoded bool, replace replacer) any {
	if len(pointer) == 0 {
		if value == nil {
			return nil
		}
		return replace(value, bytesOf(value, encoded))
	}
	switch value := value.(type) {
	case map[string]any:
		var masked map[string]any
		for key, inner := range value {
			if pointer[0] != "*" && pointer[0] != key {
				continue
			}
			if masked == nil {
				masked = maps.Clone(value)
			}
			masked[key] = at(inner, pointer[1:], encoded, replace)
		}
		if masked != nil {
			return masked
		}
	case []any:
		var masked []any
		for i, inner := range value {
			if pointer[0] != "*" && pointer[0] != fmt.Sprint(i) {
				continue
			}
			if masked == nil {
				masked = slices.Clone(value)
			}
			masked[i] = at(inner, pointer[1:], encoded, replace)
		}
		if masked != nil {
			return masked
		}
	}
	return value
}

// bytesOf is what a mark hashes: a text's bytes, decoded where it is base64, and
// of anything else its JSON.
func bytesOf(value any, encoded bool) []byte {
	text, ok := value.(string)
	if !ok {
		asJSON, err := json.Marshal(value)
		if err != nil {
			return []byte(fmt.Sprint(value))
		}
		return asJSON
	}
	if encoded {
		if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil {
			return decoded
		}
	}
	return []byte(text)
}

// shownBytes of a mark's hash are shown: so many that nobody makes two values with
// equal marks by trying. That two values are equal is never told by their marks.
const shownBytes = 8

// mark is what is shown of a value.
func (m *Masker) mark(value []byte) string {
	if m == nil {
		return "***"
	}
	sum := hmac.New(sha256.New, m.key)
	sum.Write(value)
	return "*** (hash " + hex.EncodeToString(sum.Sum(nil)[:shownBytes]) + ")"
}
