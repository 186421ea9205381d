package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/preview"
)

// TestDifference shows what a person reads of single fields.
func TestDifference(t *testing.T) {
	long := strings.Repeat("x", 100)
	for name, test := range map[string]struct {
		action preview.Action
		fields []preview.Field
		want   string
	}{
		"value":             {fields: []preview.Field{{Path: "a", Old: int64(1), New: int64(2)}}, want: "@@ a @@\n- 1\n+ 2"},
		"text or number":    {fields: []preview.Field{{Path: "a", Old: "8080", New: int64(8080)}}, want: "@@ a @@\n- \"8080\"\n+ 8080"},
		"blank at the end":  {fields: []preview.Field{{Path: "a", Old: "x", New: "x "}}, want: "@@ a @@\n- x\n+ 'x '"},
		"added":             {fields: []preview.Field{{Path: "a", New: map[string]any{"k": true}}}, want: "@@ a @@\n+ k: true"},
		"emptied":           {fields: []preview.Field{{Path: "a", Old: "x", New: ""}}, want: "@@ a @@\n- x\n+ \"\""},
		"removed":           {fields: []preview.Field{{Path: "a", Old: []any{"x", "v"}}}, want: "@@ a @@\n- - x\n- - v"},
		"list without keys": {fields: []preview.Field{{Path: "a", Old: []any{"x", "v"}, New: []any{"x", "z"}}}, want: "@@ a @@\n  - x\n- - v\n+ - z"},
		"line end":          {fields: []preview.Field{{Path: "a", Old: "x\n", New: "x"}}, want: "@@ a @@\n- x\n+ x\n@@ the new text has no line end at its end @@"},
		"blanks of a line":  {fields: []preview.Field{{Path: "a", Old: "x\ny\n", New: "x  \ny\n"}}, want: "@@ a @@\n- x\n+ x··\n  y"},
		"deep in a text":    {fields: []preview.Field{{Path: "a", Old: "1\n2\n3\n4\n5\n", New: "1\n2\n3\n4\n6\n"}}, want: "@@ a @@ line 2\n  2\n  3\n  4\n- 5\n+ 6"},
		"tab":               {fields: []preview.Field{{Path: "a", Old: "x\n\ty\n", New: "x\n\tz\n"}}, want: "@@ a @@\n  x\n- \ty\n+ \tz"},
		"long line": {fields: []preview.Field{{Path: "a", Old: long + "1" + long, New: long + "2" + long}},
			want: "@@ a @@\n- (after 90 equal characters) …xxxxxxxxxx1" + strings.Repeat("x", 29) + "… (111 characters)\n+ (after 90 equal characters) …xxxxxxxxxx2" + strings.Repeat("x", 29) + "… (111 characters)"},
		"drift":   {fields: []preview.Field{{Path: "a", Old: int64(1), New: int64(2), Source: preview.FromDrift, Managers: []string{"hpa", "kubectl"}}}, want: "@@ a @@ already drifted, owned by hpa, kubectl\n- 1\n+ 2"},
		"created": {action: preview.Create, fields: []preview.Field{{Path: "data", New: map[string]any{"a.b": "c"}}, {Path: "metadata.labels.app", New: "web"}, {Path: "metadata.annotations[a/b]", New: "c"}}, want: "+ data:\n+   a.b: c\n+ metadata:\n+   labels:\n+     app: web\n+ metadata.annotations[a/b]: c"},
	} {
		var lines []string
		for _, l := range difference(preview.Change{Action: test.action, Fields: test.fields}, 40) {
			lines = append(lines, l.print())
		}
		if diff := cmp.Diff(strings.Split(test.want, "\n"), lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
