package handlers

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// noComments has lost every comment but Slipway's own.
type noComments struct{}

func (noComments) React(context.Context, Repository, int64, string) error { return ErrGone }

// heard takes every reaction.
type heard struct{}

func (heard) React(context.Context, Repository, int64, string) error { return nil }

// A command whose comment is gone by the time that it is worked is not obeyed: whoever
// wrote it took it back.
func TestACommentThatIsGoneCommandsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		reactions Reactions
		jobs      int
	}{
		"there":   {heard{}, 1},
		"deleted": {noComments{}, 0},
	} {
		queue := new(inserted)
		w := &Worker{
			Published: shownAt{}, Reactions: test.reactions, People: writers{}, Queue: queue, Comments: quiet{},
			Planner: &Planner{Now: time.Now}, Log: slog.New(slog.DiscardHandler),
		}
		if err := w.Work(t.Context(), RunCommands{Repository: shop, Number: 7, Comment: 5, Author: "alice", Body: "/plan"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(*queue) != test.jobs {
			t.Errorf("%s: it asked for %v", name, *queue)
		}
	}
}
