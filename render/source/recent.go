package source

import (
	"container/list"
	"sync"
)

// recent remembers the values used last, up to a total weight. It is safe for
// concurrent use.
type recent[K comparable, V any] struct {
	capacity int
	weigh    func(V) int

	mu     sync.Mutex
	order  *list.List // of *remembered[K, V], the last used first
	byKey  map[K]*list.Element
	weight int
}

type remembered[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](capacity int, weigh func(V) int) *recent[K, V] {
	return &recent[K, V]{capacity: capacity, weigh: weigh, order: list.New(), byKey: map[K]*list.Element{}}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, ok := r.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	r.order.MoveToFront(element)
	return element.Value.(*remembered[K, V]).value, true
}

// put remembers a value, unless it alone would take more than an eighth.
func (r *recent[K, V]) put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.byKey[key]; ok || r.weigh(value) > r.capacity/8 {
		return
	}
	r.byKey[key] = r.order.PushFront(&remembered[K, V]{key, value})
	r.weight += r.weigh(value)
	for r.weight > r.capacity {
		last := r.order.Remove(r.order.Back()).(*remembered[K, V])
		delete(r.byKey, last.key)
		r.weight -= r.weigh(last.value)
	}
}

func (r *recent[K, V]) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order.Init()
	clear(r.byKey)
	r.weight = 0
}
