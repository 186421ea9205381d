package preview

import (
	"slices"
)

// A difference is one place where two objects differ. Its values are masked.
type difference struct {
	path     path
	old, new any // nil where absent
}

// A side is one of the two values that are compared: as it is, to tell whether
// it differs, and masked, to show.
type side struct {
	value, masked any
	present       bool
}

// comparer collects the differences of two objects.
type comparer struct {
	found []difference
}

// compare returns where two objects differ, by path. The masked values are what
// the differences show; nodes are managedFields trees, which know the merge keys
// of lists.
func compare(before, after side, nodes []map[string]any) []difference {
	var c comparer
	c.value(nil, before, after, nodes)
	return c.found
}

// visible returns a present side.
func visible(value, masked any) side { return side{value: value, masked: masked, present: true} }

func (c *comparer) value(p path, before, after side, nodes []map[string]any) {
	switch {
	case !before.present && !after.present:
		return
	case before.present && after.present && equal(before.value, after.value):
		return
	case before.present && after.present && c.inside(p, before, after, nodes):
		return
	}
	d := difference{path: p}
	if before.present {
		d.old = before.masked
	}
	if after.present {
		d.new = after.masked
	}
	c.found = append(c.found, d)
}

// inside goes into maps and lists; false when the two are shown as wholes.
func (c *comparer) inside(p path, before, after side, nodes []map[string]any) bool {
	switch before.value.(type) {
	case map[string]any:
		if !sameShape[map[string]any](before, after) {
			return false
		}
		c.maps(p, before, after, nodes)
		return true
	case []any:
		if !sameShape[[]any](before, after) {
			return false
		}
		return c.lists(p, before, after, nodes)
	}
	return false
}

// sameShape reports whether all four values are T: a mask may stand for a whole
// map or list, which then must not be looked into.
func sameShape[T any](before, after side) bool {
	for _, value := range []any{before.value, before.masked, after.value, after.masked} {
		if _, ok := value.(T); !ok {
			return false
		}
	}
	return true
}

func (c *comparer) maps(p path, before, after side, nodes []map[string]any) {
	old, new := before.value.(map[string]any), after.value.(map[string]any)
	for _, key := range sortedKeys(old, new) {
		s := step{key: key}
		c.value(p.with(s), before.child(key), after.child(key), below(nodes, s))
	}
}

func (s side) child(key string) side {
	value, present := s.value.(map[string]any)[key]
	return side{value: value, masked: s.masked.(map[string]any)[key], present: present}
}

func (s side) item(i int) side {
	list, masked := s.value.([]any), s.masked.([]any)
	if i < 0 || i >= len(list) || len(masked) != len(list) {
		return side{}
	}
	return visible(list[i], masked[i])
}

// lists matches the items of two lists of maps, by merge key where there is one.
// Lists of anything else are shown whole.
func (c *comparer) lists(p path, before, after side, nodes []map[string]any) bool {
	old, new := before.value.([]any), after.value.([]any)
	if _, ok := itemsOf(old, new); !ok || len(old) == 0 || len(new) == 0 {
		return false
	}
	name := ""
	if len(p) > 0 {
		name = p[len(p)-1].key
	}
	keys := listKeys(name, nodes, old, new)
	if keys == nil {
		c.byPosition(p, before, after)
		return true
	}
	return c.byKey(p, before, after, keys, nodes)
}

// byKey compares items of equal keys. When nothing but their order differs, it
// returns false, so that the lists are shown whole.
func (c *comparer) byKey(p path, before, after side, keys []string, nodes []map[string]any) bool {
	found := len(c.found)
	old, new := before.value.([]any), after.value.([]any)
	place := make(map[string]int, len(new))
	for i, item := range new {
		place[identity(item, keys)] = i
	}
	matched := make([]bool, len(new))
	for i, item := range old {
		j, ok := place[identity(item, keys)]
		if !ok {
			j = -1
		} else {
			matched[j] = true
		}
		s := itemStep(item.(map[string]any), keys)
		c.value(p.with(s.as(before.item(i).masked)), before.item(i), after.item(j), below(nodes, s))
	}
	for j, item := range new {
		if !matched[j] {
			s := itemStep(item.(map[string]any), keys)
			c.value(p.with(s.as(after.item(j).masked)), side{}, after.item(j), nil)
		}
	}
	return len(c.found) > found
}

func identity(item any, keys []string) string {
	text := ""
	for _, key := range keys {
		text += keyValue(item.(map[string]any), key) + "\x00"
	}
	return text
}

// byPosition aligns two lists by their equal items, and compares what lies
// between those one by one.
func (c *comparer) byPosition(p path, before, after side) {
	old, new := before.value.([]any), after.value.([]any)
	i, j := 0, 0
	for _, pair := range append(alignment(old, new), [2]int{len(old), len(new)}) {
		for i < pair[0] || j < pair[1] {
			switch {
			case i < pair[0] && j < pair[1]:
				c.value(p.with(step{index: j}), before.item(i), after.item(j), nil)
				i, j = i+1, j+1
			case i < pair[0]:
				c.value(p.with(step{index: i}), before.item(i), side{}, nil)
				i++
			default:
				c.value(p.with(step{index: j}), side{}, after.item(j), nil)
				j++
			}
		}
		i, j = pair[0]+1, pair[1]+1
	}
}

// alignment returns the index pairs of a longest common subsequence.
func alignment(old, new []any) [][2]int {
	const tooMany = 1 << 20 // then only the common ends are aligned
	if len(old)*len(new) > tooMany {
		return commonEnds(old, new)
	}
	length := make([][]int, len(old)+1)
	for i := range length {
		length[i] = make([]int, len(new)+1)
	}
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(new) - 1; j >= 0; j-- {
			if equal(old[i], new[j]) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(old) && j < len(new); {
		switch {
		case equal(old[i], new[j]):
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

func commonEnds(old, new []any) [][2]int {
	var pairs [][2]int
	start := 0
	for start < min(len(old), len(new)) && equal(old[start], new[start]) {
		pairs = append(pairs, [2]int{start, start})
		start++
	}
	var tail [][2]int
	for i, j := len(old)-1, len(new)-1; i >= start && j >= start && equal(old[i], new[j]); i, j = i-1, j-1 {
		tail = append(tail, [2]int{i, j})
	}
	slices.Reverse(tail)
	return append(pairs, tail...)
}

// equal compares decoded JSON; numbers by value, whatever their Go type.
func equal(a, b any) bool {
	switch left := a.(type) {
	case map[string]any:
		right, ok := b.(map[string]any)
		if !ok || len(left) != len(right) {
			return false
		}
		for key, value := range left {
			other, ok := right[key]
			if !ok || !equal(value, other) {
				return false
			}
		}
		return true
	case []any:
		right, ok := b.([]any)
		return ok && slices.EqualFunc(left, right, equal)
	case int64:
		switch right := b.(type) {
		case int64:
			return left == right
		case float64:
			return float64(left) == right
		}
		return false
	case float64:
		switch right := b.(type) {
		case int64:
			return left == float64(right)
		case float64:
			return left == right
		}
		return false
	default:
		return a == b
	}
}
