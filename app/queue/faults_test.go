package queue_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/fixtures/postgres"
	"github.com/slipwayhq/slipway/handlers"
)

// PostgreSQL goes away in the middle of the work and comes back: what was answered as
// kept is worked, what was not is refused, and nobody has to restart anything.
func TestTheDatabaseGoesAway(t *testing.T) {
	server := postgres.Own(t)
	database, err := server.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	worked := map[string]int{}
	begun, proceed := make(chan string, 999), make(chan struct{})
	q := start(t, queue.Options{Database: database, Workers: 2, Beat: childBeat, Pause: time.Millisecond}, worker{work: func(ctx context.Context, job handlers.Job) error {
		select {
		case begun <- job.Key():
		default:
		}
		select {
		case <-proceed:
		case <-ctx.Done():
			return ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		worked[job.Key()]++
		return nil
	}})
	var kept []string
	take := func(i int) error {
		job := handlers.RunCommands{Repository: repo, Comment: int64(i)}
		_, err := q.Take(t.Context(), fmt.Sprint(i), job)
		if err == nil {
			kept = append(kept, job.Key())
		}
		return err
	}
	for i := range 20 {
		if err := take(i); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "a job", begun)
	await(t, "another", begun)
	server.Down()
	close(proceed) // two jobs end while nobody can be told
	failed := 0
	for i := 100; failed < 5; i++ {
		if i > 1000 {
			t.Fatal("deliveries are taken without a database")
		}
		if take(i) != nil {
			failed++
		}
	}
	if q.Ready(t.Context()) == nil {
		t.Error("it is said to be ready without its database")
	}
	up, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := server.Up(up); err != nil {
		t.Fatal(err)
	}
	for i := 2000; take(i) != nil; i++ {
		if i > 3000 {
			t.Fatal("deliveries are not taken though the database is back")
		}
	}
	if err := q.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	idle(t, q)
	for _, key := range kept {
		if worked[key] == 0 {
			t.Errorf("%s was kept and never worked", key)
		}
	}
}

// A damaged file is told at the start, and what to do: one that is cut off, and one with
// a hole in the middle.
func TestDamagedFiles(t *testing.T) {
	for name, damage := range map[string]func(*os.File, int64) error{
		"cut off": func(f *os.File, size int64) error { return f.Truncate(size / 2) },
		"overwritten": func(f *os.File, size int64) error {
			_, err := f.WriteAt([]byte(strings.Repeat("damaged!", 4096)), size/2)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "queue.db")
			q := open(t, queue.Options{Database: file})
			for i := range 20 {
				insert(t, q, handlers.RunCommands{Repository: repo, Comment: int64(i), Body: strings.Repeat("words ", 1500)})
			}
			stop(t, q)
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			found, err := f.Stat()
			if err := errors.Join(err, damage(f, found.Size()), f.Close()); err != nil {
				t.Fatal(err)
			}
			_, err = queue.New(t.Context(), queue.Options{Database: file})
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "restore it from a backup") {
				t.Errorf("the error is %v", err)
			}
			if err := os.Remove(file); err != nil { // as the error says
				t.Fatal(err)
			}
			_, _ = os.Remove(file+"-wal"), os.Remove(file+"-shm")
			open(t, queue.Options{Database: file})
		})
	}
}

// jumping returns an empty database whose clock is as far from the real one as jump
// says: PostgreSQL finds our functions before its own.
func jumping(t *testing.T) (database string, jump func(by time.Duration)) {
	t.Helper()
	plain := postgres.Database(t)
	conn, err := pgx.Connect(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE jump (by interval NOT NULL)`)
	exec(`INSERT INTO jump VALUES ('0')`)
	for _, clock := range []string{"clock_timestamp", "now"} {
		exec(`CREATE FUNCTION public.` + clock + `() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT pg_catalog.` + clock + `() + (SELECT by FROM public.jump)'`)
	}
	return plain + "&options=" + url.QueryEscape("-csearch_path=public,pg_catalog"), func(by time.Duration) {
		t.Helper()
		exec(`UPDATE jump SET by = make_interval(secs => $1)`, by.Seconds())
	}
}

// The database's clock jumps by hours, forwards and back, while jobs are worked and
// wait: no replica is taken for dead, nothing is worked twice or waits for hours.
func TestTheClockJumps(t *testing.T) {
	database, jump := jumping(t)
	var mu sync.Mutex
	worked := map[string]int{}
	begun, proceed := make(chan string, 99), make(chan struct{})
	long := pull(1, false).Key()
	var putOff atomic.Int32
	w := worker{work: func(ctx context.Context, job handlers.Job) error {
		mu.Lock()
		worked[job.Key()]++
		n := worked[job.Key()]
		mu.Unlock()
		begun <- job.Key()
		switch {
		case job.Key() == long:
			select {
			case <-proceed:
			case <-ctx.Done():
			}
		case n == 1 && job.(handlers.PlanPull).Again: // of two that wait for a limit
			putOff.Add(1)
			return limited{time.Now().Add(time.Hour)}
		}
		return ctx.Err()
	}}
	one := start(t, queue.Options{Database: database, Beat: childBeat}, w)
	start(t, queue.Options{Database: database, Beat: childBeat}, w)
	insert(t, one, pull(1, false))
	await(t, "the long job", begun)
	insert(t, one, pull(2, true))
	await(t, "the first that is put off", begun)
	for stats(t, one).Running["plan_pull"] != 1 {
		time.Sleep(time.Millisecond) // until its end is kept
	}
	jump(2 * time.Hour)
	if key := await(t, "what waited an hour, by the new clock", begun); key != pull(2, true).Key() {
		t.Errorf("worked %s", key)
	}
	insert(t, one, pull(3, true))
	await(t, "the second that is put off", begun)
	for stats(t, one).Running["plan_pull"] != 1 {
		time.Sleep(time.Millisecond)
	}
	jump(-2 * time.Hour) // it would wait for five
	if key := await(t, "what would wait until the clock has caught up", begun); key != pull(3, true).Key() {
		t.Errorf("worked %s", key)
	}
	insert(t, one, pull(4, false))
	await(t, "what came after the jump", begun)
	close(proceed)
	idle(t, one)
	if worked[long] != 1 || putOff.Load() != 2 {
		t.Errorf("worked %v", worked)
	}
	if s := stats(t, one); s.Replicas != 2 {
		t.Errorf("%d replicas are left", s.Replicas)
	}
}
