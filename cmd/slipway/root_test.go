package main

import (
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/slipwayhq/slipway/handlers/report"
)

// Colour is for a person at a terminal who did not say otherwise; scripts see to pipes.
func TestColourOnATerminal(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	defer func() { _ = terminal.Close() }()
	defer func(before *os.File) { os.Stdout = before }(os.Stdout)
	os.Stdout = terminal
	r := report.Report{Conflicts: []string{"apps/web-app.yaml"}}
	for environment, want := range map[string]bool{"TERM=xterm": true, "NO_COLOR=1": false, "TERM=dumb": false} {
		t.Run(environment, func(t *testing.T) {
			t.Setenv("NO_COLOR", "")
			t.Setenv("TERM", "xterm")
			name, value, _ := strings.Cut(environment, "=")
			t.Setenv(name, value)
			text, err := formatted(r, "text")
			if err != nil || strings.Contains(text, "\x1b[") != want {
				t.Errorf("%v: %q", err, text)
			}
		})
	}
}

// Whatever the pieces are in which it comes, only kustomize's remarks are kept back.
func TestSift(t *testing.T) {
	const noise = "# Warning: 'bases' is deprecated. Please use 'resources' instead.\n"
	for in, want := range map[string]string{
		noise + noise:                    "",
		"a\n" + noise + "b\n":            "a\nb\n",
		"# Warning of another kind\n":    "# Warning of another kind\n",
		"Open https://login.example.com": "Open https://login.example.com",
		"# Warn":                         "# Warn",
		"a" + noise:                      "a" + noise,
	} {
		var whole, pieces strings.Builder
		sift(&whole, strings.NewReader(in))
		sift(&pieces, iotest.OneByteReader(strings.NewReader(in)))
		if whole.String() != want || pieces.String() != want {
			t.Errorf("%q: %q at once and %q in pieces, want %q", in, whole.String(), pieces.String(), want)
		}
	}
}
