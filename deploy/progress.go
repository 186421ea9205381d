package deploy

import (
	"slices"
	"time"

	"github.com/slipwayhq/slipway/render"
)

const (
	// few is how many objects a receipt may have for each mark on one of them to be
	// told at once. What is told is a copy, so that telling each of many would take
	// time that grows with their square.
	few = 100
	// pace is how many times as long as telling took marks on more objects wait for
	// it, at most for patience: so it takes a share of the time, however many they are.
	pace     = 20
	patience = 100 * time.Millisecond
)

// tell changes the receipt and shows it.
func (a *attempt) tell(change func(*Receipt)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.receipt)
	a.show()
}

// mark says how far an object has come. It is shown at once, or together with
// others a moment later.
func (a *attempt) mark(id render.ObjectID, state ObjectState, message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.index[id]
	if !ok {
		return
	}
	a.receipt.Objects[i].State, a.receipt.Objects[i].Message = state, message
	switch wait := time.Until(a.next); {
	case len(a.receipt.Objects) <= few || wait <= 0:
		a.show()
	case a.request.Progress != nil && a.pending == nil:
		a.pending = time.AfterFunc(wait, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.pending != nil { // nobody has shown it, nor has the attempt ended
				a.show()
			}
		})
	}
}

// show shows the receipt as it is. The caller holds the lock.
func (a *attempt) show() {
	a.still()
	if a.request.Progress == nil {
		return
	}
	began := time.Now()
	shown := a.receipt
	shown.Objects = slices.Clone(shown.Objects)
	a.request.Progress(shown)
	took := time.Since(began)
	a.next = began.Add(took + min(pace*took, patience))
}

// catchUp shows what is yet to be shown.
func (a *attempt) catchUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending != nil {
		a.show()
	}
}

// still keeps what is yet to be shown from being shown. The caller holds the lock.
func (a *attempt) still() {
	if a.pending != nil {
		a.pending.Stop()
		a.pending = nil
	}
}

// hush ends the telling: when it returns, Progress is not called any more.
func (a *attempt) hush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.still()
}
