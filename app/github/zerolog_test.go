package github

import (
	"context"
	"io"
	"log/slog"

	"github.com/rs/zerolog"
)

func newTestLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// zerologSays logs as go-githubapp does.
func zerologSays(ctx context.Context, message string) {
	zerolog.Ctx(ctx).Warn().Str("event", "push").Msg(message)
}
