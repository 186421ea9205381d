package queue_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// held are jobs that are worked until each is let go.
type held struct {
	begun chan handlers.Job
	mu    sync.Mutex
	ends  map[string]chan struct{}
}

func newHeld() *held {
	return &held{begun: make(chan handlers.Job, 99), ends: map[string]chan struct{}{}}
}

func (h *held) end(key string) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ends[key] == nil {
		h.ends[key] = make(chan struct{})
	}
	return h.ends[key]
}

func (h *held) letGo(job handlers.Job) { close(h.end(job.Key())) }

func (h *held) worker() worker {
	return worker{work: func(ctx context.Context, job handlers.Job) error {
		h.begun <- job
		select {
		case <-h.end(job.Key()):
		case <-ctx.Done():
		}
		return ctx.Err()
	}}
}

// of is a job of an installation.
func of(installation int64, number int) handlers.PlanPull {
	job := pull(number, false)
	job.Repository.Installation = installation
	job.Repository.Owner = string(rune('a' + installation))
	return job
}

// An installation that is alone has all workers, and no more than were asked for; one
// that comes while another has them all begins at once; and who has fewer comes first
// when a worker is free.
func TestLongJobsLeaveOthersTheirShare(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		jobs := newHeld()
		q := start(t, queue.Options{Database: database, Workers: 4}, jobs.worker())
		for i := range 20 {
			insert(t, q, of(1, i))
		}
		var storm []handlers.Job
		for range 4 {
			storm = append(storm, await(t, "the storm's jobs", jobs.begun))
		}
		for i := range 2 {
			insert(t, q, of(2, i))
		}
		if first := await(t, "the other's first job", jobs.begun); handlers.RepositoryOf(first).Installation != 2 {
			t.Fatal("a fifth job of the storm was begun")
		}
		jobs.letGo(storm[0]) // all four are busy then; the storm has three, the other one
		for range int(patience / time.Millisecond) {
			if queue.AtDoor(q, 2) > 0 {
				break
			}
			time.Sleep(time.Millisecond) // until it stands at the door
		}
		jobs.letGo(storm[1])
		if next := await(t, "the next job", jobs.begun); handlers.RepositoryOf(next).Installation != 2 {
			t.Error("the storm got the worker, though the other had fewer")
		}
		for i := range 20 {
			if key := of(1, i).Key(); key != storm[0].Key() && key != storm[1].Key() {
				jobs.letGo(of(1, i))
			}
		}
		jobs.letGo(of(2, 0))
		jobs.letGo(of(2, 1))
		idle(t, q)
		if n := stats(t, q).Done["plan_pull"]; n != 22 {
			t.Errorf("%d jobs were done, want 22", n)
		}
	})
}
