package view

import (
	"fmt"
	"strings"
	"testing"
)

// YAML ends lines with more than line feeds, and an alias may stand after any of them.
func TestBombsBehindOtherLineEnds(t *testing.T) {
	for name, end := range map[string]string{
		"line feed": "\n", "carriage return": "\r", "next line": "\u0085", "line separator": "\u2028", "paragraph separator": "\u2029",
	} {
		var b strings.Builder
		b.WriteString("a0: &a0 " + strings.Repeat("x", 100) + "\n")
		for i := range 9 {
			fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%s*a%d,", end, i), 10), ","))
		}
		if !Bomb([]byte(b.String())) {
			t.Errorf("%s: no bomb is seen in %q…", name, b.String()[100:200])
		}
	}
	if Bomb([]byte("schedule: '*/5 * * * *'\nargs: [\"*a\", 'é*a']\n")) {
		t.Error("a bomb is seen where there is none")
	}
}

// So may what nests too deep.
func TestDepthBehindOtherLineEnds(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028"} {
		var b strings.Builder
		for i := range maxDepth + 10 {
			b.WriteString(strings.Repeat(" ", i) + "a:" + end)
		}
		if !Bomb([]byte(b.String())) {
			t.Errorf("%q: nothing is seen", end)
		}
	}
}
