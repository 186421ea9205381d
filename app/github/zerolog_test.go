package github

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func newTestLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// zerologSays logs as go-githubapp does.
func zerologSays(ctx context.Context, message string) {
	zerolog.Ctx(ctx).Warn().Str("event", "push").Msg(message)
}

// What go-githubapp logs comes out of slog, without secrets.
func TestZerologToSlog(t *testing.T) {
	var out bytes.Buffer
	log := newTestLog(&out)
	ctx := withZerolog(t.Context(), log)
	zerologSays(ctx, "validating ghs_abc failed")
	if got := out.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "[redacted] failed") || !strings.Contains(got, "event=push") {
		t.Errorf("logged %q", got)
	}
	fmt.Fprint(toSlog{ctx, log}, "not JSON")
	if !strings.Contains(out.String(), "not JSON") {
		t.Error("a line that is not JSON is lost")
	}
}
