package queue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/handlers"
)

// A disk is a file system of its own, in memory.
type disk struct {
	t   *testing.T
	dir string
}

// newDisk mounts a file system of so many MiB, or skips the test where this process may
// not mount.
func newDisk(t *testing.T, mebibytes int) disk {
	t.Helper()
	d := disk{t, t.TempDir()}
	err := syscall.Mount("slipway-test", d.dir, "tmpfs", 0, size(mebibytes))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("mounting a file system is not allowed here; run this as root: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

func size(mebibytes int) string { return fmt.Sprintf("size=%dm", mebibytes) }

// change mounts it again, with other flags or another size.
func (d disk) change(flags uintptr, options string) {
	d.t.Helper()
	if err := syscall.Mount("slipway-test", d.dir, "tmpfs", syscall.MS_REMOUNT|flags, options); err != nil {
		d.t.Fatal(err)
	}
}

// A full disk: a delivery that cannot be kept is not answered as if it were, the probe
// says so, and once there is room all goes on without a restart, with nothing lost.
func TestFullDisk(t *testing.T) {
	d := newDisk(t, 6)
	var worked atomic.Int32
	gate := make(chan struct{})
	q := start(t, queue.Options{Database: filepath.Join(d.dir, "queue.db")}, worker{work: func(ctx context.Context, _ handlers.Job) error {
		select {
		case <-gate:
			worked.Add(1)
		case <-ctx.Done():
		}
		return ctx.Err()
	}})
	kept := 0
	var full error
	for i := 0; full == nil; i++ {
		if i > 10_000 {
			t.Fatal("the disk does not fill up")
		}
		job := handlers.RunCommands{Repository: repo, Comment: int64(i), Body: strings.Repeat("words ", 1500)}
		if _, full = q.Take(t.Context(), fmt.Sprint(i), job); full == nil {
			kept++
		}
	}
	if !strings.Contains(full.Error(), "is the disk full?") || !strings.Contains(full.Error(), d.dir) {
		t.Errorf("the error is %v", full)
	}
	if err := q.Ready(t.Context()); err == nil {
		t.Error("it is said to be ready")
	}
	close(gate) // what is done while the disk is full cannot be written down
	d.change(0, size(64))
	if _, err := q.Take(t.Context(), "last", pull(1, false)); err != nil {
		t.Fatalf("there is room again: %v", err)
	}
	if err := q.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	idle(t, q)
	if n := int(worked.Load()); n < kept+1 {
		t.Errorf("%d were kept, %d worked", kept+1, n)
	}
}

// A disk that may only be read is named at the start, with what to do.
func TestReadOnlyDisk(t *testing.T) {
	d := newDisk(t, 16)
	database := filepath.Join(d.dir, "queue.db")
	q := open(t, queue.Options{Database: database})
	insert(t, q, pull(1, false))
	stop(t, q)
	d.change(syscall.MS_RDONLY, "")
	_, err := queue.New(t.Context(), queue.Options{Database: database})
	if err == nil || !strings.Contains(err.Error(), database) || !strings.Contains(err.Error(), "must be writable") {
		t.Errorf("the error is %v", err)
	}
	if err := os.Remove(database + ".lock"); err == nil {
		t.Fatal("the disk can be written to")
	}
	d.change(0, size(16))
	idle(t, start(t, queue.Options{Database: database}, worker{}))
}
