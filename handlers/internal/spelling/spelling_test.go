package spelling_test

import (
	"testing"

	"github.com/slipwayhq/slipway/handlers/internal/spelling"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"apply", "apply", 0},
		{"aply", "apply", 1},
		{"applyy", "apply", 1},
		{"epply", "apply", 1},
		{"aplpy", "apply", 1},
		{"paply", "apply", 1},
		{"appyl", "apply", 1},
		{"tset", "test", 1},
		{"pormoet", "promote", 2},
		{"sttaign", "staging", 3},
		{"paplyy", "apply", 2},
		{"", "help", 4},
		{"plan", "", 4},
	} {
		if got := spelling.Distance(test.a, test.b); got != test.want {
			t.Errorf("%q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
