package handlers

import (
	"fmt"
	"slices"
	"sync"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// Kept plans are for judging again: a label or a review changes no cluster. They
// are a short cut, and may be lost.
type keptPlans struct {
	mu    sync.Mutex
	order []string // least recently made first
	plans map[string]map[render.Target]*preview.Plan
	size  map[string]int // changes
	total int
}

// keptChanges bounds what is kept, counted in changes of objects.
const keptChanges = 20_000

// keptKey is what a comparison's plans are found by: another base, head or trust
// has other plans.
func keptKey(c Comparison) string {
	return fmt.Sprintf("%d/%s#%d %s %s %t", c.Repository.Installation, c.Repository, c.Pull, c.Base, c.Head, c.Trusted)
}

// keep remembers the plans of pairs, by index; those of a pull request alone.
func (k *keptPlans) keep(c Comparison, pairs []pair, plans []*preview.Plan) {
	if c.Pull == 0 {
		return
	}
	key, size := keptKey(c), 1
	byTarget := make(map[render.Target]*preview.Plan, len(pairs))
	for i, pair := range pairs {
		if byTarget[pair.target] = plans[i]; plans[i] != nil {
			size += len(plans[i].Changes)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.plans == nil {
		k.plans, k.size = make(map[string]map[render.Target]*preview.Plan), make(map[string]int)
	}
	k.drop(key)
	k.order, k.plans[key], k.size[key] = append(k.order, key), byTarget, size
	for k.total += size; k.total > keptChanges; {
		k.drop(k.order[0])
	}
}

// drop forgets a key. The caller holds the lock.
func (k *keptPlans) drop(key string) {
	if _, ok := k.plans[key]; !ok {
		return
	}
	k.total -= k.size[key]
	delete(k.plans, key)
	delete(k.size, key)
	k.order = slices.DeleteFunc(k.order, func(known string) bool { return known == key })
}

// of returns the plans of pairs, by index, where all of them are kept.
func (k *keptPlans) of(c Comparison, pairs []pair) ([]*preview.Plan, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	byTarget, ok := k.plans[keptKey(c)]
	if !ok {
		return nil, false
	}
	plans := make([]*preview.Plan, len(pairs))
	for i, pair := range pairs {
		if plans[i], ok = byTarget[pair.target]; !ok {
			return nil, false
		}
	}
	return plans, true
}
