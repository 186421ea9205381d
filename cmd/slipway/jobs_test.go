package main

import (
	"context"
	"errors"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// breaking is a worker whose jobs fail.
type breaking struct{}

func (breaking) Work(context.Context, handlers.Job) error {
	return errors.New("it broke\x1b[31m\nthe second line")
}
func (breaking) GiveUp(context.Context, handlers.Job, error) error { return nil }

// queued leaves a queue in which one job failed for good and one waits: queued FILE.
func queued(script *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		script.Fatalf("usage: queued FILE")
	}
	ctx := context.Background()
	leave := func(number int, work bool) {
		q, err := queue.New(ctx, queue.Options{Database: script.MkAbs(args[0]), Tries: 1})
		script.Check(err)
		repo := handlers.Repository{Installation: 1, Owner: "acme", Name: "shop", DefaultBranch: "main"}
		script.Check(q.Insert(ctx, handlers.PlanPull{Repository: repo, Number: number}))
		if work {
			script.Check(q.Start(ctx, breaking{}))
			script.Check(q.Idle(ctx))
		}
		script.Check(q.Stop(ctx))
	}
	leave(1, true)
	leave(2, false)
}
