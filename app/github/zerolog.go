package github

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"

	"github.com/rs/zerolog"
)

// withZerolog makes what go-githubapp logs, through zerolog, come out of log.
func withZerolog(ctx context.Context, log *slog.Logger) context.Context {
	return zerolog.New(toSlog{ctx, log}).WithContext(ctx)
}

// toSlog reads zerolog's lines, one JSON object each, and logs them again.
type toSlog struct {
	ctx context.Context
	log *slog.Logger
}

// Write implements [io.Writer].
func (w toSlog) Write(line []byte) (int, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		w.log.WarnContext(w.ctx, Redact(string(line)))
		return len(line), nil
	}
	level := slog.LevelDebug // what a library thinks is information is detail here
	switch fields[zerolog.LevelFieldName] {
	case "warn":
		level = slog.LevelWarn
	case "error", "fatal", "panic":
		level = slog.LevelError
	}
	message, _ := fields[zerolog.MessageFieldName].(string)
	delete(fields, zerolog.LevelFieldName)
	delete(fields, zerolog.MessageFieldName)
	var attributes []any
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if text, ok := value.(string); ok {
			value = Redact(text)
		}
		attributes = append(attributes, slog.Any(name, value))
	}
	w.log.Log(w.ctx, level, Redact(message), attributes...)
	return len(line), nil
}
