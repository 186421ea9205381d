package queue_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/fixtures/postgres"
	"github.com/slipwayhq/slipway/handlers"
)

func TestMain(m *testing.M) {
	os.Exit(postgres.Main(m))
}

// patience bounds what a test waits for on a busy machine.
const patience = 10 * time.Minute

// worker is a worker of two functions; either may be nil.
type worker struct {
	work   func(context.Context, handlers.Job) error
	giveUp func(context.Context, handlers.Job, error) error
}

func (w worker) Work(ctx context.Context, job handlers.Job) error {
	if w.work == nil {
		return nil
	}
	return w.work(ctx, job)
}

func (w worker) GiveUp(ctx context.Context, job handlers.Job, cause error) error {
	if w.giveUp == nil {
		return nil
	}
	return w.giveUp(ctx, job, cause)
}

// databases are an empty SQLite file and an empty PostgreSQL database.
var databases = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "queue.db") },
	"postgres": func(t *testing.T) string { return postgres.Database(t) },
}

// onEach runs a test on either database, with an empty one.
func onEach(t *testing.T, test func(t *testing.T, database string)) {
	for name, create := range databases {
		t.Run(name, func(t *testing.T) { test(t, create(t)) })
	}
}

// open opens a queue, which is stopped with the test.
func open(t *testing.T, options queue.Options) *queue.Queue {
	t.Helper()
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	q, err := queue.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
	return q
}

// start opens a queue and has its jobs worked.
func start(t *testing.T, options queue.Options, w worker) *queue.Queue {
	t.Helper()
	q := open(t, options)
	if err := q.Start(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return q
}

// stop stops a queue.
func stop(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// insert fails the test where the queue does not keep the jobs.
func insert(t *testing.T, q *queue.Queue, jobs ...handlers.Job) {
	t.Helper()
	if err := q.Insert(t.Context(), jobs...); err != nil {
		t.Fatal(err)
	}
}

// idle waits until all is done.
func idle(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := q.Idle(ctx); err != nil {
		stats, _ := q.Stats(t.Context())
		t.Fatalf("not idle: %v; %+v", err, stats)
	}
}

// await waits for what a channel brings.
func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func stats(t *testing.T, q *queue.Queue) queue.Stats {
	t.Helper()
	s, err := q.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// repo is what most jobs of tests are about.
var repo = handlers.Repository{Installation: 1, Owner: "acme", Name: "shop", DefaultBranch: "main"}

func pull(number int, again bool) handlers.PlanPull {
	return handlers.PlanPull{Repository: repo, Number: number, Again: again}
}

// damage returns the path of a file that is no database.
func damage(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "damaged.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
