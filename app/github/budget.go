package github

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A Pace is what one installation may write, and ask, of GitHub. A figure of 0 is
// GitHub's own limit; a negative one does not pace.
type Pace struct {
	// CreationsPerMinute and CreationsPerHour bound what makes something new that
	// people may be told of: comments, issues, pull requests, checks, reactions.
	CreationsPerMinute int // 80
	CreationsPerHour   int // 500
	// PointsPerMinute bounds all calls: a read is one point, a write is five.
	PointsPerMinute int // 900
	// Patience is how long a write waits for its turn before its job is told to
	// come back; a minute where 0.
	Patience time.Duration
}

const (
	readPoints  = 1
	writePoints = 5
	// vaguePause is how long nothing is asked after a limit that does not say until
	// when; it doubles with each in a row, up to longestPause.
	vaguePause   = time.Minute
	longestPause = 15 * time.Minute
	// briefly is a pause that a read waits out rather than fails for.
	briefly = 2 * time.Second
	// decorum is how much later than a check of the same moment a comment is due,
	// and a reaction later than that: decisions come before decorations, and yet
	// nothing waits for ever.
	decorum = 30 * time.Second
)

// A budget keeps one installation within GitHub's limits. Writes take turns: the
// one that is due first goes as soon as the pace allows. While GitHub wants no
// calls, none is made. The limiters are this process's own; where there is a ledger, a
// write whose turn it is asks that, too.
type budget struct {
	creations []*rate.Limiter // each of which a creation passes
	points    *rate.Limiter   // nil does not pace
	patience  time.Duration
	ledger    *shared // nil where no other process spends

	mu      sync.Mutex
	asking  bool      // the ledger, for the turn that was let go last
	dry     time.Time // by the ledger: no write before
	untold  int       // reads that the ledger was not told of
	turns   []*turn   // that wait, in no order
	wake    *time.Timer
	paused  time.Time // no call before
	strikes int       // limits in a row that did not say until when
	stats   Stats
}

// Stats are one installation's figures.
type Stats struct {
	Installation int64
	Calls        int       // that GitHub answered
	Free         int       // of these: unchanged (304), free of the hour's limit
	Shared       int       // reads that another read in flight answered
	Limit        int       // calls an hour, as GitHub said last; 0 before
	Remaining    int       // of Limit
	Reset        time.Time // when Remaining is Limit again
	Waiting      int       // writes that wait for their turn
	PausedUntil  time.Time // in the past where nothing is paused
	Limited      int       // answers that said so: 403 or 429
}

// A turn is a write that waits.
type turn struct {
	due      time.Time
	creation bool
	ready    chan error // one value: nil to go
}

func newBudget(pace Pace) *budget {
	b := &budget{patience: cmp.Or(pace.Patience, time.Minute)}
	for _, l := range []*rate.Limiter{
		limiter(cmp.Or(pace.CreationsPerMinute, 80), time.Minute, 4),
		limiter(cmp.Or(pace.CreationsPerHour, 500), time.Hour, 2),
	} {
		if l != nil {
			b.creations = append(b.creations, l)
		}
	}
	b.points = limiter(cmp.Or(pace.PointsPerMinute, 900), time.Minute, 2)
	return b
}

// newSharedBudget is an installation's budget that other processes spend of, too.
func newSharedBudget(pace Pace, ledger Ledger, installation int64) *budget {
	b := newBudget(pace)
	if ledger != nil {
		b.ledger = &shared{
			ledger: ledger, installation: installation,
			minute: shareOf(cmp.Or(pace.CreationsPerMinute, 80), time.Minute, 4),
			hour:   shareOf(cmp.Or(pace.CreationsPerHour, 500), time.Hour, 2),
			points: shareOf(cmp.Or(pace.PointsPerMinute, 900), time.Minute, 2),
		}
	}
	return b
}

// limiter allows n events in any period: a part of them at once, the others
// spread. Nil where n is negative.
func limiter(n int, period time.Duration, part int) *rate.Limiter {
	if n < 0 {
		return nil
	}
	burst := max(1, n/part)
	return rate.NewLimiter(rate.Limit(float64(max(1, n-burst))/period.Seconds()), burst)
}

// write waits for a write's turn. The error is an [*errPaused] where the turn
// would come later than the installation's patience.
func (b *budget) write(ctx context.Context, op Operation) error {
	t := &turn{due: time.Now().Add(time.Duration(op.rank()) * decorum), creation: op.creates(), ready: make(chan error, 1)}
	for {
		if err := b.line(ctx, t); err != nil || b.ledger == nil {
			return err
		}
		wait, err := b.ledger.write(ctx, t.creation)
		b.answered(wait)
		if err != nil || wait == 0 { // without the ledger a process keeps to the pace by itself
			return ctx.Err()
		}
	}
}

// line waits for a turn's time in the line.
func (b *budget) line(ctx context.Context, t *turn) error {
	b.mu.Lock()
	b.turns = append(b.turns, t)
	b.arrange()
	b.mu.Unlock()
	select {
	case err := <-t.ready:
		return err
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		b.turns = slices.DeleteFunc(b.turns, func(other *turn) bool { return other == t })
		select {
		case err := <-t.ready:
			if err == nil { // it was let go at the same moment
				b.asking = false
				b.arrange()
			}
		default:
		}
		return ctx.Err()
	}
}

// answered hears from the ledger that a write may go, or after how long the next may.
func (b *budget) answered(wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asking = false
	if wait > 0 {
		b.dry = time.Now().Add(wait)
	}
	b.arrange()
}

// arrange lets go whose turn it is, sends away who would wait too long, and comes
// back for the others. The caller holds the lock.
func (b *budget) arrange() {
	now := time.Now()
	slices.SortStableFunc(b.turns, func(a, b *turn) int { return a.due.Compare(b.due) })
	var waiting []*turn
	soonest := time.Duration(-1)
	creations, points := 0, 0 // that those before it in the line wait for
	for _, t := range b.turns {
		wait := max(b.paused.Sub(now), b.dry.Sub(now), delay(b.points, now, points+writePoints))
		if t.creation {
			for _, l := range b.creations {
				wait = max(wait, delay(l, now, creations+1))
			}
		}
		switch {
		case wait > b.patience:
			t.ready <- &errPaused{now.Add(wait)}
			continue
		case wait > 0:
			if t.creation {
				creations++
			}
			points += writePoints
			if soonest < 0 || wait < soonest {
				soonest = wait
			}
			waiting = append(waiting, t)
			continue
		case b.asking:
			waiting = append(waiting, t)
			continue
		}
		b.asking = b.ledger != nil
		b.spend(now, t)
		t.ready <- nil
	}
	b.turns = waiting
	if b.wake != nil {
		b.wake.Stop()
		b.wake = nil
	}
	if soonest >= 0 {
		b.wake = time.AfterFunc(soonest, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.arrange()
		})
	}
}

func (b *budget) spend(now time.Time, t *turn) {
	if b.points != nil {
		b.points.AllowN(now, writePoints)
	}
	if t.creation {
		for _, l := range b.creations {
			l.AllowN(now, 1)
		}
	}
}

// delay is how long it takes until a limiter has n tokens.
func delay(l *rate.Limiter, now time.Time, n int) time.Duration {
	if l == nil {
		return 0
	}
	missing := float64(n) - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	// A nanosecond more, because the library rounds down.
	return time.Duration(missing/float64(l.Limit())*float64(time.Second)) + time.Nanosecond
}

// read passes a read, or waits a little. An [*errPaused] where GitHub wants no calls.
func (b *budget) read(ctx context.Context) error {
	now := time.Now()
	b.mu.Lock()
	wait := b.paused.Sub(now)
	if wait > briefly {
		defer b.mu.Unlock()
		return &errPaused{b.paused}
	}
	if b.points != nil {
		if more := b.points.ReserveN(now, readPoints); more.OK() {
			wait = max(wait, more.DelayFrom(now))
		}
	}
	untold := b.readsToTell()
	b.mu.Unlock()
	if untold > 0 {
		beyond, err := b.ledger.reads(ctx, untold)
		if err == nil { // without the ledger a process keeps to the pace by itself
			wait = max(wait, beyond)
		}
	}
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readsToTell counts a read, and returns how many the ledger is to be told of. The
// caller holds the lock.
func (b *budget) readsToTell() int {
	if b.ledger == nil {
		return 0
	}
	if b.untold++; b.untold < readsTold {
		return 0
	}
	n := b.untold
	b.untold = 0
	return n
}

// limited hears that GitHub wants no calls before until, and returns when the next
// makes sense: later, where until is a guess (vague) that was wrong before.
func (b *budget) limited(until time.Time, vague bool) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Limited++
	if vague {
		until = until.Add(min(vaguePause<<min(b.strikes, 8), longestPause) - vaguePause)
		b.strikes++
	}
	b.paused = later(b.paused, until)
	b.arrange()
	return until
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// heard learns from an answer's headers how much of the hour is left.
func (b *budget) heard(response *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Calls++
	if response.StatusCode == http.StatusNotModified {
		b.stats.Free++
	}
	if response.StatusCode < 300 {
		b.strikes = 0
	}
	remaining, err := strconv.Atoi(response.Header.Get("X-RateLimit-Remaining"))
	if err != nil {
		return
	}
	b.stats.Remaining = remaining
	b.stats.Limit, _ = strconv.Atoi(response.Header.Get("X-RateLimit-Limit")) // 0 where it does not say
	if reset, ok := resetOf(response, time.Now()); ok {
		b.stats.Reset = reset
		if remaining == 0 {
			b.paused = later(b.paused, reset)
			b.arrange()
		}
	}
}

// pausedUntil is when calls are wanted again; in the past where they are.
func (b *budget) pausedUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.paused
}

func (b *budget) shared() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Shared++
}

func (b *budget) figures(installation int64) Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Installation, s.Waiting, s.PausedUntil = installation, len(b.turns), b.paused
	return s
}

// errPaused says that a call was not made, because GitHub wants none yet.
type errPaused struct{ until time.Time }

func (e *errPaused) Error() string {
	return fmt.Sprintf("not asked, within GitHub's limits, before %s", e.until.UTC().Format(time.RFC3339))
}
