package handlers

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers/command"
)

// editedComment is a deployment comment that is another each time it is looked at.
type editedComment struct{ looked int }

func (e *editedComment) Published(context.Context, Repository, int, string) (string, time.Time, error) {
	e.looked++
	digest := map[string]string{"live/web": string(rune('a' + e.looked - 1))}
	return bind("<!-- slipway:deployment -->\ntext", digest), noon.Add(time.Duration(e.looked) * time.Minute), nil
}

// What a comment's commands rest on is looked at once, and kept with the job, so that
// what the first of them sets off is no reason to refuse the second, nor the first
// where the process ends between the two.
func TestCommandsAreJudgedByWhatWasShown(t *testing.T) {
	comment := &editedComment{}
	w := &Worker{Published: comment}
	var kept []byte
	ctx := WithNoting(t.Context(), func(_ context.Context, job Job) (err error) {
		kept, err = json.Marshal(job)
		return err
	})
	parse := func(text string) []command.Command {
		commands, _ := command.Parse(text)
		return commands
	}
	if job, err := w.seen(ctx, RunCommands{}, parse("/help\n/status")); err != nil || job.Shown != nil || comment.looked+len(kept) != 0 {
		t.Errorf("commands that rest on nothing looked at the comment: %+v, %v", job, err)
	}
	commands := parse("/apply test\n/apply live")
	if _, err := w.seen(ctx, RunCommands{Number: 7}, commands); err != nil {
		t.Fatal(err)
	}
	again, err := DecodeJob(RunCommands{}.Kind(), kept)
	if err != nil {
		t.Fatal(err)
	}
	job, err := w.seen(ctx, again.(RunCommands), commands)
	if err != nil {
		t.Fatal(err)
	}
	want := RunCommands{Number: 7, Shown: &Shown{Bound: map[string]string{"live/web": "a"}, At: noon.Add(time.Minute)}}
	if diff := cmp.Diff(want, job); diff != "" || comment.looked != 1 {
		t.Errorf("looked %d times; judged by (-want +got):\n%s", comment.looked, diff)
	}
}
