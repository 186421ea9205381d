package web

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
)

type requestKey struct{}

// LogHandler adds to every record that is logged with a request's or a job's context,
// wherever in the service that happens, what is known of it: the ids of the request
// and of the delivery, the job, and the trace where there is one.
func LogHandler(next slog.Handler) slog.Handler { return withRequest{next} }

type withRequest struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h withRequest) Handle(ctx context.Context, record slog.Record) error {
	attributes, _ := ctx.Value(requestKey{}).([]slog.Attr)
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		attributes = slices.Concat(attributes, []slog.Attr{slog.String("trace", span.TraceID().String())})
	}
	if len(attributes) > 0 {
		record = record.Clone()
		record.AddAttrs(without(attributes, record)...)
	}
	return h.Handler.Handle(ctx, record)
}

// WithLogAttributes returns a context whose log lines have these attributes, too.
func WithLogAttributes(ctx context.Context, attributes ...slog.Attr) context.Context {
	had, _ := ctx.Value(requestKey{}).([]slog.Attr)
	return context.WithValue(ctx, requestKey{}, slices.Concat(had, attributes))
}

// without returns those attributes that a record does not have already.
func without(attributes []slog.Attr, record slog.Record) []slog.Attr {
	said := map[string]bool{}
	record.Attrs(func(a slog.Attr) bool { said[a.Key] = true; return true })
	var more []slog.Attr
	for _, a := range attributes {
		if !said[a.Key] {
			more = append(more, a)
		}
	}
	return more
}

// WithAttrs implements [slog.Handler].
func (h withRequest) WithAttrs(attributes []slog.Attr) slog.Handler {
	return withRequest{h.Handler.WithAttrs(attributes)}
}

// WithGroup implements [slog.Handler].
func (h withRequest) WithGroup(name string) slog.Handler {
	return withRequest{h.Handler.WithGroup(name)}
}

// guid is what GitHub's delivery ids look like; anything else is not repeated in a log.
var guid = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// logged gives each request an id, logs how it ended, and turns a panic into 500.
func logged(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := uuid.NewString()
		attributes := []slog.Attr{slog.String("request", id)}
		if delivery := r.Header.Get("X-GitHub-Delivery"); guid.MatchString(delivery) {
			attributes = append(attributes, slog.String("delivery", delivery))
		}
		ctx := context.WithValue(r.Context(), requestKey{}, attributes)
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		recorder := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				log.ErrorContext(ctx, "request panicked", "panic", p, "stack", string(debug.Stack()))
				if !recorder.wrote {
					http.Error(recorder, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
				}
			}
			// The query is left out: the set-up page's carries a token.
			log.LogAttrs(ctx, level(recorder.status), "request", slog.String("method", r.Method),
				slog.String("path", r.URL.Path), slog.Int("status", recorder.status), slog.Duration("took", time.Since(start)))
		}()
		next.ServeHTTP(recorder, r.WithContext(ctx))
	})
}

func level(status int) slog.Level {
	if status >= 500 {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// recorder remembers the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(content []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(content)
}

// Unwrap is for [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
