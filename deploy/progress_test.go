package deploy

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// TestProgressOfManyIsToldInPassing marks objects while the next telling is far away.
func TestProgressOfManyIsToldInPassing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ objects, told int }{{10, 10}, {few, few}, {few + 1, 0}, {5000, 0}} {
		told, last := 0, Receipt{}
		a := &attempt{index: make(map[render.ObjectID]int), request: Request{Progress: func(r Receipt) { told, last = told+1, r }}}
		id := func(i int) render.ObjectID { return render.ObjectID{Kind: "ConfigMap", Name: fmt.Sprint(i)} }
		for i := range test.objects {
			a.index[id(i)] = i
			a.receipt.Objects = append(a.receipt.Objects, ObjectReceipt{ID: id(i), State: ObjectPending})
		}
		for i := range test.objects {
			a.next = time.Now().Add(time.Hour)
			a.mark(id(i), ObjectApplied, "")
		}
		if told != test.told {
			t.Errorf("of %d objects told %d times, want %d", test.objects, told, test.told)
		}
		if waits := a.pending != nil; waits != (test.told == 0) {
			t.Errorf("of %d objects something is yet to be told: %v", test.objects, waits)
		}
		a.catchUp()
		if last.Objects[test.objects-1].State != ObjectApplied || a.pending != nil {
			t.Errorf("of %d objects the last mark is not told", test.objects)
		}
		before := told
		a.catchUp()
		a.next = time.Now().Add(time.Hour)
		if a.tell(func(r *Receipt) { r.State = Applied }); told != before+1 || last.State != Applied {
			t.Errorf("of %d objects the end was told %d times", test.objects, told-before)
		}
		a.hush()
	}
}

// TestWhatWaitsIsTold lets the time come.
func TestWhatWaitsIsTold(t *testing.T) {
	t.Parallel()
	told := make(chan Receipt, 1)
	a := &attempt{index: make(map[render.ObjectID]int), request: Request{Progress: func(r Receipt) { told <- r }}}
	for i := range few + 1 {
		id := render.ObjectID{Kind: "ConfigMap", Name: fmt.Sprint(i)}
		a.index[id] = i
		a.receipt.Objects = append(a.receipt.Objects, ObjectReceipt{ID: id, State: ObjectPending})
	}
	a.next = time.Now().Add(time.Millisecond)
	a.mark(a.receipt.Objects[few].ID, ObjectApplied, "well")
	if r := <-told; r.Objects[few].Message != "well" {
		t.Errorf("told %+v", r.Objects[few])
	}
	a.hush()
}
