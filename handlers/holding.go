package handlers

import (
	"context"
	"errors"
)

// ErrFenced is the cause of a context whose job may have been given to another
// process: this one could not show in time that it lives. Nothing may be written any
// more.
var ErrFenced = errors.New("the job may be another process's by now")

// ErrEndsProcess says why a job is given up: again and again the process ended while it
// worked on nothing else.
var ErrEndsProcess = errors.New("the process ended while it worked on nothing but this job")

type holdingKey struct{}

// WithHolding returns a context whose [Holding] asks holding.
func WithHolding(ctx context.Context, holding func() error) context.Context {
	return context.WithValue(ctx, holdingKey{}, holding)
}

// Holding returns nil while the job that ctx belongs to is this process's to do, and
// ErrFenced or the context's own error once it is not. What writes asks it at the last
// moment before each write, since a process that was suspended notices here before its
// contexts end; also in a context made to outlive the job's, in which a job that was
// overtaken tells of its end. Nil for a context of no job.
func Holding(ctx context.Context) error {
	if holding, ok := ctx.Value(holdingKey{}).(func() error); ok {
		if err := holding(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

type notingKey struct{}

// WithNoting returns a context in which jobs can be noted: note keeps what a job is to
// do where it must be worked again, in the place of what it was to do.
func WithNoting(ctx context.Context, note func(context.Context, Job) error) context.Context {
	return context.WithValue(ctx, notingKey{}, note)
}

// Note keeps the job that ctx belongs to with what was learnt while it was worked, for
// whoever works it after this process ended. A queue that does not outlive the process
// keeps nothing.
func Note(ctx context.Context, job Job) error {
	if note, ok := ctx.Value(notingKey{}).(func(context.Context, Job) error); ok {
		return note(ctx, job)
	}
	return nil
}
