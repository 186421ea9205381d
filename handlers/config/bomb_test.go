package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A stranger's pull request may bring a configuration of any kind, and it is read in the
// service itself: what a few kilobytes of aliases stand for is never held in memory.
func TestBombsStaySmall(t *testing.T) {
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  k%d: 1\n", i)
		}
		return b.String()
	}
	list := func(item string, n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
	}
	long := strings.Repeat("k", 60_000)
	for _, test := range []struct{ name, content, says string }{
		{"a mapping that is merged over and over", "base: &a\n" + keys(8000) + "layout:\n  <<: " + list("*a", 19_000) + "\n", "values"},
		{"merges of merges", "base: &a\n" + keys(500) + "m1: &b {<<: " + list("*a", 100) + "}\nm2: &c {<<: " + list("*b", 100) + "}\nm3: {<<: " + list("*c", 100) + "}\n", "values"},
		{"a long text that is repeated", "base: &a \"" + long + "\"\nlayout: " + list("*a", 15_000) + "\n", "bytes"},
		{"a long key above much", "? \"" + long + "\"\n: " + list("1", 15_000) + "\n", "key"},
		{"a long key that is repeated", "base: &a\n  ? \"" + long + "\"\n  : 1\nlayout: " + list("*a", 6_000) + "\n", "key"},
		{"long keys below one another", nested(90, 250, list("1", 15_000)), "deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.content) > maxBytes {
				t.Fatalf("%d bytes are refused at once", len(test.content))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, problems := Parse(File, []byte(test.content))
			runtime.ReadMemStats(&after)
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 100 {
				t.Errorf("reading %d KB took %d MB", len(test.content)>>10, took)
			}
			if said := fmt.Sprint(problems); !strings.Contains(said, test.says) {
				t.Errorf("nothing of %q is said: %.300s", test.says, said)
			}
		})
	}
}

// nested is a mapping in a mapping and so on, with long keys.
func nested(depth, length int, innermost string) string {
	key := strings.Repeat("k", length)
	return strings.Repeat("{"+key+": ", depth) + innermost + strings.Repeat("}", depth) + "\n"
}
