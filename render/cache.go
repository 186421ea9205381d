package render

import (
	"container/list"
	"slices"
	"sync"
)

// perPath is how many rendereds of one directory are kept: base and head of a few
// pull requests.
const perPath = 6

// A cache keeps rendereds by what they read, the least recently used going first
// when there are too many bytes.
type cache struct {
	max int64

	mu     sync.Mutex
	size   int64
	recent *list.List // of *cached, most recent first
	byPath map[string][]*list.Element
}

type cached struct {
	rendered *Rendered
	size     int64
}

func newCache(limit int64) *cache {
	return &cache{max: limit, recent: list.New(), byPath: map[string][]*list.Element{}}
}

// find returns a rendered of dir all of whose reads are unchanged in tree, or nil.
func (c *cache) find(tree Tree, dir string) *Rendered {
	for _, rendered := range c.of(dir) {
		if rendered.Reads.Unchanged(tree) {
			c.touch(dir, rendered)
			return rendered
		}
	}
	return nil
}

// of returns what is kept of dir, most recent first.
func (c *cache) of(dir string) []*Rendered {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := make([]*Rendered, len(c.byPath[dir]))
	for i, element := range c.byPath[dir] {
		kept[i] = element.Value.(*cached).rendered
	}
	return kept
}

func (c *cache) touch(dir string, rendered *Rendered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, element := range c.byPath[dir] {
		if element.Value.(*cached).rendered == rendered {
			c.recent.MoveToFront(element)
			c.byPath[dir] = slices.Insert(slices.Delete(c.byPath[dir], i, i+1), 0, element)
			return
		}
	}
}

func (c *cache) put(dir string, rendered *Rendered, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if size > c.max {
		return
	}
	element := c.recent.PushFront(&cached{rendered, size})
	c.byPath[dir] = slices.Insert(c.byPath[dir], 0, element)
	c.size += size
	if kept := c.byPath[dir]; len(kept) > perPath {
		c.drop(kept[len(kept)-1])
	}
	for c.size > c.max {
		c.drop(c.recent.Back())
	}
}

func (c *cache) drop(element *list.Element) {
	entry := c.recent.Remove(element).(*cached)
	c.size -= entry.size
	dir := entry.rendered.Target.Path
	c.byPath[dir] = slices.DeleteFunc(c.byPath[dir], func(e *list.Element) bool { return e == element })
	if len(c.byPath[dir]) == 0 {
		delete(c.byPath, dir)
	}
}

func (c *cache) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}
