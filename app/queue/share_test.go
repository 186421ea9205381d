package queue

import (
	"testing"
	"time"
)

func TestWhoGetsAWorker(t *testing.T) {
	type busy = map[int64]int
	for _, tc := range []struct {
		name    string
		busy    busy
		doors   busy
		waiting []int64
		of      int64
		enter   bool
		yield   int64
	}{
		{"nobody is there", busy{}, nil, nil, 1, true, 0},
		{"one alone has all", busy{1: 3}, nil, []int64{1}, 1, true, 0},
		{"and no more", busy{1: 4}, nil, []int64{1}, 1, false, 0},
		{"who has none gets a spare one", busy{1: 4}, nil, []int64{1, 2}, 2, true, 0},
		{"a spare one is for nobody else", busy{1: 4}, nil, []int64{1, 2}, 1, false, 2},
		{"no worker is idle", busy{1: 3}, nil, []int64{1, 2}, 1, true, 0},
		{"who is at the door is not called", busy{1: 4}, busy{2: 1}, []int64{1, 2}, 1, false, 0},
		{"who has fewer stays at the door", busy{1: 3, 2: 1}, nil, []int64{1, 2}, 2, false, 0},
		{"and goes first", busy{1: 3, 2: 1}, nil, []int64{1, 2}, 1, false, 2},
		{"who has as many waits its turn", busy{1: 2, 2: 2}, nil, []int64{1, 2}, 1, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFair(4)
			for installation, n := range tc.busy {
				f.busy[installation], f.total = n, f.total+n
			}
			for installation, n := range tc.doors {
				f.doors[installation] = n
			}
			f.waiting, f.asked = tc.waiting, time.Now()
			came := time.Now().Add(-looked)
			v := f.judge(tc.of, came)
			if v.stale {
				t.Fatal("asks again")
			}
			if v.enter != tc.enter || v.yield != tc.yield {
				t.Errorf("got %+v", v)
			}
			if !v.yields {
				return
			}
			if again := f.judge(tc.of, came); again.yields {
				t.Error("called the same installation twice at once")
			}
			if fresh := f.judge(tc.of, time.Now()); fresh.yields || fresh.enter {
				t.Error("sent back before it waited at the door")
			}
		})
	}
}
