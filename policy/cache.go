package policy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/slipwayhq/slipway/render"
)

// A Cache keeps compiled policies by their files' content, since those of a base
// branch rarely change. It is safe for concurrent use.
type Cache struct {
	size   int
	runner Runner

	mu      sync.Mutex
	entries map[[sha256.Size]byte]*entry
	order   [][sha256.Size]byte // oldest use first
}

type entry struct {
	once     sync.Once
	policies *Policies
	problems []render.Problem
	err      error
}

// NewCache returns a Cache of at most size sets of policies, at least one. They are
// compiled and evaluated by the runner; in this process where that is nil.
func NewCache(size int, runner Runner) *Cache {
	return &Cache{size: max(size, 1), runner: runner, entries: make(map[[sha256.Size]byte]*entry)}
}

// Compile is [Compile], once for equal files. The problems must not be changed. An
// error is the runner's and means try again.
func (c *Cache) Compile(ctx context.Context, files map[string][]byte) (*Policies, []render.Problem, error) {
	key := digest(files)
	e := c.entry(key)
	e.once.Do(func() {
		// Compiling is short and bounded; a caller that goes away must not leave the
		// others without.
		ctx := context.WithoutCancel(ctx)
		if c.runner == nil {
			e.policies, e.problems = Compile(ctx, files)
		} else if e.policies, e.problems, e.err = compileElsewhere(ctx, c.runner, files); e.err != nil {
			c.forget(key, e)
		}
	})
	return e.policies, e.problems, e.err
}

func (c *Cache) forget(key [sha256.Size]byte, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] == e {
		delete(c.entries, key)
		c.order = slices.DeleteFunc(c.order, func(known [sha256.Size]byte) bool { return known == key })
	}
}

func (c *Cache) entry(key [sha256.Size]byte) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, known := range c.order {
		if known == key {
			c.order = append(append(c.order[:i:i], c.order[i+1:]...), key)
			return c.entries[key]
		}
	}
	if len(c.order) == c.size {
		delete(c.entries, c.order[0])
		c.order = c.order[1:]
	}
	c.order = append(c.order, key)
	c.entries[key] = new(entry)
	return c.entries[key]
}

// digest is of paths and contents, each with its length before it.
func digest(files map[string][]byte) [sha256.Size]byte {
	hash := sha256.New()
	write := func(data []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(data)))
		hash.Write(length[:])
		hash.Write(data)
	}
	for _, file := range sortedKeys(files) {
		write([]byte(file))
		write(files[file])
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
