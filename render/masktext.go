package render

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func mapPointer(m map[string]any) uintptr { return reflect.ValueOf(m).Pointer() }

// shortSecret is the length below which a value is blanked only where it stands
// alone: a password of "a" must not blank every a of a sentence.
const shortSecret = 4

// MaskText returns text without any sensitive value of the given objects: not as
// it is, not in base64, not escaped as in JSON, nor any longer line of it.
func (m *Masker) MaskText(text string, from ...map[string]any) string {
	marks := map[string]string{}
	for _, content := range from {
		m.walk(content, func(raw any, value []byte) any {
			mark := m.mark(value)
			for _, form := range forms(raw, value) {
				marks[form] = mark
			}
			return mark
		})
	}
	values := make([]string, 0, len(marks))
	for value := range marks {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	for _, value := range values {
		text = blank(text, value, marks[value])
	}
	return text
}

// forms are the ways in which a value can turn up in a text.
func forms(raw any, value []byte) []string {
	plain := string(value)
	all := []string{plain}
	if text, ok := raw.(string); ok {
		all = append(all, text)
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		all = append(all, encoding.EncodeToString(value))
	}
	if escaped, err := json.Marshal(plain); err == nil {
		all = append(all, strings.Trim(string(escaped), `"`))
	}
	for _, line := range strings.FieldsFunc(plain, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); len(line) >= shortSecret {
			all = append(all, line)
		}
	}
	return slices.DeleteFunc(all, func(form string) bool { return strings.TrimSpace(form) == "" })
}

// blank replaces value in text; a short one only where no letter or digit adjoins.
func blank(text, value, mark string) string {
	if len(value) >= shortSecret {
		return strings.ReplaceAll(text, value, mark)
	}
	var b strings.Builder
	for {
		at := strings.Index(text, value)
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		if at == 0 {
			before, _ = utf8.DecodeLastRuneInString(b.String())
		}
		after, _ := utf8.DecodeRuneInString(text[at+len(value):])
		b.WriteString(text[:at])
		if part(before) || part(after) {
			b.WriteString(value)
		} else {
			b.WriteString(mark)
		}
		text = text[at+len(value):]
	}
}

func part(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_')
}
