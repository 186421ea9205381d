package github_test

import (
	"context"
	"errors"
	"testing"

	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
)

// F2: a process that was paused and replaced writes nothing more, whatever it was about
// to write and however far it had come; what it reads harms nobody.
func TestWritesAskWhetherTheJobIsHeld(t *testing.T) {
	w := newWorld(t, standin.Options{})
	left := 0 // writes until somebody else has the job
	held := handlers.WithHolding(t.Context(), func() error {
		if left--; left < 0 {
			return handlers.ErrFenced
		}
		return nil
	})
	comment, err := w.repo.Comment("alice", w.pull, "/plan")
	w.must(err)
	for name, write := range map[string]func(context.Context) error{
		"comment": func(ctx context.Context) error {
			return w.slipway.Comments().Publish(ctx, w.where, w.pull, body("one"))
		},
		"check":    func(ctx context.Context) error { return w.slipway.Checks().Start(ctx, w.where, w.head, "", true) },
		"reaction": func(ctx context.Context) error { return w.slipway.Reactions().React(ctx, w.where, comment, "eyes") },
		"outlives": func(ctx context.Context) error {
			return w.slipway.Checks().Conclude(context.WithoutCancel(ctx), w.where, w.head, []report.Check{check("slipway", report.Success, 1)}, false)
		},
	} {
		w.operations()
		left = 0
		if err := write(held); !errors.Is(err, handlers.ErrFenced) {
			t.Errorf("%s: %v, want ErrFenced", name, err)
		}
		if all, writes := w.operations(); writes != 0 {
			t.Errorf("%s: wrote %q", name, all)
		}
		left = 1000
		if err := write(held); err != nil || left == 1000 {
			t.Errorf("%s: while held: %v, asked %t", name, err, left < 1000)
		}
	}
	// Between two writes of one call, too: a report of many checks.
	left = 1
	many := []report.Check{check("slipway", report.Success, 1), check("slipway/a", report.Success, 1), check("slipway/b", report.Success, 1)}
	w.operations()
	if err := w.slipway.Checks().Conclude(held, w.where, w.push("feature", "a: 3\n"), many, false); !errors.Is(err, handlers.ErrFenced) {
		t.Errorf("in the middle: %v, want ErrFenced", err)
	}
	if all, writes := w.operations(); writes != 1 {
		t.Errorf("in the middle: wrote %q, want one", all)
	}
}
