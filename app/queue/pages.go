package queue

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/riverqueue/river"
	"riverqueue.com/riverui"
)

// Pages returns River's own web pages, served below prefix. They ask nobody who they
// are, and change nothing here: only reading gets through, since a job's truth is in
// our own row (slipway jobs changes that).
func (q *Queue) Pages(prefix string) (http.Handler, error) {
	pages, err := q.db.pages(q.tended, prefix, quiet(q.options.Log))
	if err != nil {
		return nil, fmt.Errorf("pages of the queue: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "these pages only show; use slipway jobs retry or cancel", http.StatusMethodNotAllowed)
			return
		}
		pages.ServeHTTP(w, r)
	}), nil
}

func riverPages[T any](ctx context.Context, client *river.Client[T], prefix string, log *slog.Logger) (http.Handler, error) {
	handler, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints(client, nil), JobListHideArgsByDefault: false, Logger: log, Prefix: prefix,
	})
	if err != nil {
		return nil, err
	}
	return handler, handler.Start(ctx)
}
