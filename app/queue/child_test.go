//go:build unix

package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// childOf names the database that this program is to work on as a process of its own.
const childOf = "SLIPWAY_QUEUE_TEST_DATABASE"

// childHome names the directory of the process's own, and has it do as [asVictim] does.
const childHome = "SLIPWAY_QUEUE_TEST_HOME"

func init() {
	switch database := os.Getenv(childOf); {
	case database == "":
	case os.Getenv(childHome) != "":
		asVictim(database, os.Getenv(childHome))
	default:
		asChild(database)
	}
}

// childBeat is long enough for a machine that is busy: who shows no sign for three of
// them must be gone, not slow.
const childBeat = time.Second

// asChild works a queue until it is killed. Of each job it says that it has begun, and
// once it reads a line, whether it would write.
func asChild(database string) {
	ctx := context.Background()
	q, err := queue.New(ctx, queue.Options{Database: database, Workers: 1, Beat: childBeat})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	lines := bufio.NewReader(os.Stdin)
	err = q.Start(ctx, worker{work: func(ctx context.Context, job handlers.Job) error {
		fmt.Println("begun", job.Key())
		if _, err := lines.ReadString('\n'); err != nil {
			os.Exit(0) // the test is gone
		}
		fmt.Println("writes:", handlers.Holding(ctx))
		return nil
	}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	select {}
}

// A child is a process that works a queue.
type child struct {
	*exec.Cmd
	says chan string
	in   io.Writer
}

func startChild(t *testing.T, database string, environment ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$"), says: make(chan string, 999)}
	c.Env = append(append(os.Environ(), childOf+"="+database), environment...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.says <- lines.Text()
		}
		close(c.says)
	}()
	t.Cleanup(func() { _, _ = c.Process.Kill(), c.Wait() })
	return c
}

// kill is kill -9, and waits until it is gone.
func (c *child) kill() { _, _ = c.Process.Kill(), c.Wait() }

// What a process was at when it was killed is worked by the next one, however often
// that happens, and done once.
func TestKilledInMidWorkAndStartedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		stop(t, func() *queue.Queue {
			q := open(t, queue.Options{Database: database})
			insert(t, q, pull(1, false))
			return q
		}())
		for range 3 {
			c := startChild(t, database)
			if said := await(t, "the job's begin", c.says); said != "begun "+pull(1, false).Key() {
				t.Fatalf("the process said %q", said)
			}
			c.kill()
		}
		var worked atomic.Int32
		q := start(t, queue.Options{Database: database, Beat: childBeat}, worker{work: func(context.Context, handlers.Job) error { worked.Add(1); return nil }})
		idle(t, q)
		if worked.Load() != 1 {
			t.Errorf("worked %d times", worked.Load())
		}
	})
}

// Another replica takes over what a killed one was at, and what a suspended one was at,
// which writes nothing more once it goes on.
func TestReplicasTakeOver(t *testing.T) {
	for name, end := range map[string]func(*child) error{
		"killed":    func(c *child) error { c.kill(); return nil },
		"suspended": func(c *child) error { return c.Process.Signal(syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			database := databases["postgres"](t)
			var holding atomic.Int32
			q := open(t, queue.Options{Database: database, Beat: childBeat})
			insert(t, q, pull(1, false))
			c := startChild(t, database)
			await(t, "the job's begin", c.says)
			err := q.Start(t.Context(), worker{work: func(ctx context.Context, _ handlers.Job) error {
				if handlers.Holding(ctx) == nil {
					holding.Add(1)
				}
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			idle(t, q)
			if holding.Load() != 1 {
				t.Errorf("worked %d times by the other, which had it", holding.Load())
			}
			if name == "killed" {
				return
			}
			if _, err := io.WriteString(c.in, "\n"); err != nil { // it goes on right where it would write
				t.Fatal(err)
			}
			if err := c.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if said := await(t, "what the suspended one does", c.says); !strings.Contains(said, handlers.ErrFenced.Error()) {
				t.Errorf("the suspended one went on with %q", said)
			}
		})
	}
}
