package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A home is where a process keeps which replica it is, so that the next one there knows
// that this one is gone: nobody has to find out from a silence.
type home struct {
	file    string
	release func() error
}

// enter locks a directory's home, and returns the replica that was there before; empty
// where none was. Whoever ends, in whatever way, gives up the lock.
func enterHome(dir string) (h *home, before string, err error) {
	h = &home{file: filepath.Join(dir, "replica")}
	if h.release, err = lockFile(h.file + ".lock"); err != nil {
		return nil, "", fmt.Errorf("directory %s: %w", dir, err)
	}
	content, err := os.ReadFile(h.file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", errors.Join(err, h.release())
	}
	return h, string(bytes.TrimSpace(content)), nil
}

// move writes down who lives here.
func (h *home) move(replica string) error {
	if h == nil {
		return nil
	}
	return os.WriteFile(h.file, []byte(replica+"\n"), 0o600)
}

// close gives up the lock. A nil home has none.
func (h *home) close() error {
	if h == nil {
		return nil
	}
	return h.release()
}

// inherit puts this replica on the list, after it has taken over at once from those that
// are gone for sure: every process that worked an SQLite file; of a shared database the
// one that had this process's home.
func (q *Queue) inherit(ctx context.Context) error {
	before := ""
	if q.db.shared() && q.options.Home != "" {
		var err error
		if q.home, before, err = enterHome(q.options.Home); err != nil {
			q.options.Log.Warn("what this process was at when it ended is found by others, or later", "error", err)
		}
	}
	gone := map[string]int64{}
	err := q.db.read(ctx, func(t tx) error {
		return t.query(ctx, `SELECT id, beats FROM slipway_replica`, nil, func(s scan) error {
			var id string
			var beats int64
			err := s(&id, &beats)
			if !q.db.shared() || id == before {
				gone[id] = beats
			}
			return err
		})
	})
	for id, beats := range gone {
		err = errors.Join(err, q.strikeOff(ctx, id, beats))
	}
	if moving := q.home.move(q.replica); moving != nil {
		q.options.Log.Warn("the next process here will not know that this one is gone", "error", moving)
	}
	if err == nil {
		err = q.beat(ctx)
	}
	if err == nil && (len(gone) > 0 || !q.db.shared()) {
		err = q.takeFromDead(ctx)
	}
	if err != nil {
		return fmt.Errorf("take over from the last process: %w", err)
	}
	return nil
}
