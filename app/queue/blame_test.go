//go:build unix

package queue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// poison is a job that ends its process; endless is one that goes on until it is killed.
var poison, endless = pull(1, false), pull(2, false)

// asVictim works a queue, several jobs at once, and says of each how many there were
// when it began, and when it is done.
func asVictim(database, home string) {
	options := queue.Options{Database: database, Home: home, Workers: 4, Beat: childBeat, Pause: time.Millisecond}
	if os.Getenv(childPauses) != "" {
		options.Pause = time.Hour
	}
	ctx := context.Background()
	q, err := queue.New(ctx, options)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var at, told atomic.Int32
	err = q.Start(ctx, worker{
		work: func(_ context.Context, job handlers.Job) error {
			fmt.Println("begun", job.Key(), at.Add(1))
			defer at.Add(-1)
			switch job.Key() {
			case poison.Key():
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			case endless.Key():
				select {}
			}
			time.Sleep(20 * time.Millisecond) // work takes time
			fmt.Println("done", job.Key())
			return nil
		},
		giveUp: func(_ context.Context, job handlers.Job, cause error) error {
			if told.Add(1) == 1 {
				return errors.New("GitHub is away")
			}
			fmt.Println("given up", job.Key(), cause)
			return nil
		},
	})
	fmt.Println("started", err)
	select {}
}

// childPauses makes the pauses of [asVictim] longer than any test.
const childPauses = "SLIPWAY_QUEUE_TEST_PAUSES"

// A job that ends its process whenever it is worked is suspected after two of them, then
// worked alone, and given up after five more. What was at work beside it is not: it is
// done, and so is what comes later.
func TestWhatEndsItsProcessIsGivenUp(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		home := t.TempDir()
		q := open(t, queue.Options{Database: database})
		insert(t, q, poison)
		for i := 10; i < 20; i++ {
			insert(t, q, pull(i, false))
		}
		stop(t, q)
		d := watcher{desk(t, database)}
		const most = 20
		deaths, givenUp, done := 0, "", map[string]bool{}
		for ; givenUp == "" && deaths < most; deaths++ {
			c := startChild(t, database, childHome+"="+home)
			for said := range c.says {
				switch key, found := strings.CutPrefix(said, "done "); {
				case found:
					done[key] = true
				case strings.HasPrefix(said, "begun "+poison.Key()+" ") && deaths >= 2 && !strings.HasSuffix(said, " 1"):
					t.Errorf("after %d deaths, %s", deaths, said)
				case strings.HasPrefix(said, "given up"):
					givenUp = said
					deaths--
				}
				if givenUp != "" && len(done) == 10 {
					break
				}
			}
			for givenUp != "" && d.show(t, poison.Key()).State != queue.Failed {
				time.Sleep(time.Millisecond) // until its end is kept
			}
			c.kill()
		}
		if want := "given up " + poison.Key() + " the process ended while it worked on nothing but this job, 5 times in a row"; givenUp != want || deaths != 7 {
			t.Errorf("after %d deaths: %q, want %q after 7", deaths, givenUp, want)
		}
		if len(done) != 10 {
			t.Errorf("%d of 10 others are done", len(done))
		}
		kept, err := d.List(t.Context(), 99)
		if err != nil || len(kept) != 1 || kept[0].Key != poison.Key() || kept[0].State != queue.Failed || kept[0].Crashes != 7 || !strings.Contains(kept[0].Error, "5 times in a row") {
			t.Errorf("an operator sees %+v, %v", kept, err)
		}
	})
}

type watcher struct{ *queue.Desk }

func (w watcher) show(t *testing.T, key string) queue.Listed {
	t.Helper()
	l, err := w.Show(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A job that is merely there whenever its process is killed is never given up, where
// processes are killed without it, too; and whoever asks for it does not wait.
func TestWhoIsMerelyUnluckyIsNotGivenUp(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		home := childHome + "=" + t.TempDir()
		stop(t, open(t, queue.Options{Database: database}))
		d := watcher{desk(t, database)}
		for round := range 5 {
			q := open(t, queue.Options{Database: database})
			insert(t, q, endless)
			stop(t, q)
			c := startChild(t, database, home, childPauses+"=1")
			for said := range c.says {
				if strings.HasPrefix(said, "begun") {
					if now := d.show(t, endless.Key()); now.Crashes != round || now.Alone != 0 {
						t.Errorf("round %d: %d crashes, %d of them held against it", round, now.Crashes, now.Alone)
					}
					c.kill()
				}
			}
			if round < 2 { // it would be worked at once
				continue
			}
			c = startChild(t, database, home, childPauses+"=1")
			if said := await(t, "a start", c.says); said != "started <nil>" || d.show(t, endless.Key()).Alone != 1 {
				t.Errorf("round %d: a suspect's crash is not held against it, or it does not pause: %s", round, said)
			}
			c.kill()
		}
		worked := make(chan string, 1)
		q := start(t, queue.Options{Database: database, Beat: childBeat}, worker{work: func(_ context.Context, job handlers.Job) error { worked <- job.Key(); return nil }})
		insert(t, q, endless)
		idle(t, q)
		if len(worked) != 1 {
			t.Error("it was not worked in the end")
		}
	})
}
