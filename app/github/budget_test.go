package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// In any minute and any hour no more is created than GitHub allows, and all of it
// goes within the time that this takes.
func TestPaceOfCreations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(Pace{Patience: 2 * time.Hour})
		var mu sync.Mutex
		var at []time.Time
		var all sync.WaitGroup
		for range 700 {
			all.Go(func() {
				if err := b.write(t.Context(), issuesCreateComment); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				at = append(at, time.Now())
			})
		}
		all.Wait()
		for period, most := range map[time.Duration]int{time.Minute: 80, time.Hour: 500} {
			for i := range at {
				if i+most < len(at) && at[i+most].Sub(at[i]) < period {
					t.Fatalf("more than %d creations within %s", most, period)
				}
			}
		}
		if took := at[len(at)-1].Sub(at[0]); took > 2*time.Hour {
			t.Errorf("700 creations took %s", took)
		}
	})
}

// Of the writes that wait, checks go first, then comments, then reactions; and one
// that waited long enough goes before a decision that came later.
func TestDecisionsBeforeDecorations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(Pace{CreationsPerMinute: 4, Patience: time.Hour}) // one at once, then one in 20 s
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		write := func(op Operation) {
			all.Go(func() {
				if err := b.write(t.Context(), op); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, op.ID)
			})
			synctest.Wait()
		}
		for _, op := range []Operation{checksCreate, reactionsCreate, issuesCreateComment, checksCreate} {
			write(op)
		}
		time.Sleep(70 * time.Second) // by when the reaction is due before any later check
		write(checksCreate)
		all.Wait()
		want := []string{checksCreate.ID, checksCreate.ID, issuesCreateComment.ID, reactionsCreate.ID, checksCreate.ID}
		if !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
	})
}

// A write whose turn is far away does not hold a worker: it is told when to come
// back. One whose job ends leaves the line.
func TestWritesDoNotWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(Pace{})
		b.limited(time.Now().Add(40*time.Second), false)
		left, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.write(left, issuesCreateComment); !errors.Is(err, context.Canceled) {
			t.Errorf("a job that ended: %v", err)
		}
		got := make(chan error)
		go func() { got <- b.write(t.Context(), issuesCreateComment) }()
		synctest.Wait()
		if s := b.figures(7); s.Waiting != 1 || s.Limited != 1 || !s.PausedUntil.After(time.Now()) {
			t.Errorf("figures %+v, want one that waits and a pause", s)
		}
		b.limited(time.Now().Add(10*time.Minute), false)
		var paused *errPaused
		if err := <-got; !errors.As(err, &paused) || time.Until(paused.until) != 10*time.Minute {
			t.Errorf("got %v, want to be told to come back in ten minutes", err)
		}
		if err := b.read(t.Context()); !errors.As(err, &paused) {
			t.Errorf("a read during the pause: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if err := errors.Join(b.read(t.Context()), b.write(t.Context(), issuesCreateComment)); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

// Limits that do not say until when are given more time with each in a row.
func TestVagueLimitsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(Pace{})
		for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
			if got := time.Until(b.limited(time.Now().Add(time.Minute), true)); got != want {
				t.Errorf("pause of %s, want %s", got, want)
			}
		}
		b.heard(&http.Response{StatusCode: http.StatusOK, Header: http.Header{}})
		if got := time.Until(b.limited(time.Now().Add(time.Minute), true)); got != time.Minute {
			t.Errorf("after an answer: pause of %s, want a minute", got)
		}
	})
}

// The hour that is used up is known from the last answer of it: nothing is asked
// before the next, whatever the two clocks say.
func TestExhaustedHour(t *testing.T) {
	ahead := 10 * time.Minute // GitHub's clock
	asked := 0
	a := appAt(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		theirs := time.Now().Add(ahead)
		w.Header().Set("Date", theirs.UTC().Format(http.TimeFormat))
		w.Header().Set("X-RateLimit-Limit", "5000")
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(theirs.Add(time.Hour).Unix()))
		_, _ = io.WriteString(w, `{"number":3}`)
	})
	if _, err := a.PullRequests().Pull(t.Context(), testRepo, 3); err != nil {
		t.Fatal(err)
	}
	_, err := a.PullRequests().Pull(t.Context(), testRepo, 3)
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, ErrRateLimited) || asked != 1 {
		t.Fatalf("%v after %d calls, want a rate limit after one", err, asked)
	}
	if in := time.Until(e.NotBefore()); in < 50*time.Minute || in > 61*time.Minute {
		t.Errorf("come back in %s, want in an hour", in)
	}
}

// GitHub's words say that it is a limit where its headers do not.
func TestLimitsByTheirWords(t *testing.T) {
	asked := 0
	a := appAt(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`)
	})
	for range 3 {
		if _, err := a.PullRequests().Pull(t.Context(), testRepo, 3); !errors.Is(err, ErrRateLimited) {
			t.Errorf("got %v, want a rate limit", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times during the limit, want once", asked)
	}
}

// Those who ask the same at once share answers that were asked for after they came.
func TestReadsInFlightAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked, state := 0, "one"
		c := newConditional(answers(func(*http.Request) *http.Response {
			mu.Lock()
			asked++
			said := state
			mu.Unlock()
			time.Sleep(time.Second)
			recorder := httptest.NewRecorder()
			_, _ = io.WriteString(recorder, said)
			return recorder.Result()
		}), 1<<20, inMemory{}, nil)
		read := func(ctx context.Context) string {
			response, err := c.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodGet, "http://x/pulls", nil))
			if err != nil {
				return err.Error()
			}
			body, _ := io.ReadAll(response.Body)
			return string(body)
		}
		var all sync.WaitGroup
		early := ""
		all.Go(func() { early = read(t.Context()) })
		time.Sleep(time.Millisecond)
		mu.Lock()
		state = "two" // GitHub changes while the first answer is under way
		mu.Unlock()
		gone, cancel := context.WithCancel(t.Context())
		all.Go(func() { read(gone) })
		late := make([]string, 9)
		for i := range late {
			all.Go(func() { late[i] = read(t.Context()) })
		}
		synctest.Wait()
		cancel() // one of those who share leaves, and takes nothing with it
		all.Wait()
		if early != "one" || asked != 2 {
			t.Errorf("the first read %q, and %d calls were made, want two", early, asked)
		}
		for _, got := range late {
			if got != "two" {
				t.Errorf("one who came after the change read %q", got)
			}
		}
		if len(c.flights) != 0 {
			t.Errorf("%d flights are left", len(c.flights))
		}
	})
}

// What is remembered outlives the process; what a crash left half-written is not used.
func TestAnswersOnDisk(t *testing.T) {
	var tags []string
	a := appAt(t, func(w http.ResponseWriter, r *http.Request) {
		tags = append(tags, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", `"x"`)
		if r.Header.Get("If-None-Match") == `"x"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, `{"number":3,"title":"kept"}`)
	})
	dir := t.TempDir()
	read := func() {
		t.Helper()
		a := newApp(t, Settings{API: a.api.String(), Cache: dir})
		pull, err := a.PullRequests().Pull(t.Context(), testRepo, 3)
		if err != nil || pull.Title != "kept" {
			t.Fatalf("read %q, %v", pull.Title, err)
		}
	}
	read()
	read()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"+answerSuffix))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v, want one", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], content[:len(content)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	read()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	read()
	if want := []string{"", `"x"`, "", ""}; strings.Join(tags, " ") != strings.Join(want, " ") {
		t.Errorf("asked with tags %q, want %q", tags, want)
	}
}
