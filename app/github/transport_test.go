package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/handlers"
)

// An unchanged answer is asked for again with its ETag, and then comes out of
// memory; a changed one replaces it.
func TestConditionalRequests(t *testing.T) {
	title, asked := "one", []string{}
	a := appAt(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match"))
		etag := `W/"` + title + `"`
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprintf(w, `{"number":3,"title":%q}`, title)
	})
	read := func() string {
		t.Helper()
		pull, err := a.PullRequests().Pull(t.Context(), testRepo, 3)
		if err != nil {
			t.Fatal(err)
		}
		return pull.Title
	}
	got := []string{read(), read()}
	title = "two"
	got = append(got, read(), read())
	if want := "one one two two"; strings.Join(got, " ") != want {
		t.Errorf("read %q, want %q", got, want)
	}
	if want := []string{"", `W/"one"`, `W/"one"`, `W/"two"`}; strings.Join(asked, " ") != strings.Join(want, " ") {
		t.Errorf("asked with %q, want %q", asked, want)
	}
}

// What one installation was told never answers another, although both ask for
// the same address.
func TestConditionalRequestsArePrivateToAnInstallation(t *testing.T) {
	var conditional int
	a := appAt(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			conditional++
		}
		w.Header().Set("ETag", `"x"`)
		_, _ = io.WriteString(w, `{"number":3}`)
	})
	for _, id := range []int64{7, 8} {
		repo := testRepo
		repo.Installation = id
		if _, err := a.PullRequests().Pull(t.Context(), repo, 3); err != nil {
			t.Fatal(err)
		}
	}
	if conditional != 0 {
		t.Errorf("%d conditional requests across installations, want none", conditional)
	}
}

type answers func(*http.Request) *http.Response

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestConditionalRequestsAreBounded(t *testing.T) {
	body := strings.Repeat("x", 1000)
	c := newConditional(answers(func(r *http.Request) *http.Response {
		recorder := httptest.NewRecorder()
		recorder.Header().Set("ETag", `"x"`)
		_, _ = io.WriteString(recorder, body)
		return recorder.Result()
	}), 3500, inMemory{}, nil)
	for i := range 10 {
		response, err := c.RoundTrip(httptest.NewRequest(http.MethodGet, fmt.Sprintf("http://x/%d", i), nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(response.Body); string(got) != body {
			t.Fatalf("body of %d is not what was sent", i)
		}
	}
	if c.size != 3000 || c.order.Len() != 3 || len(c.places) != 3 {
		t.Errorf("keeps %d bytes in %d answers, want the newest three", c.size, c.order.Len())
	}
	if c.get(" http://x/9") == nil || c.get(" http://x/6") != nil {
		t.Error("keeps others than the newest")
	}
	body = strings.Repeat("y", conditionalBody+10)
	response, err := c.RoundTrip(httptest.NewRequest(http.MethodGet, "http://x/big", nil))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(response.Body); string(got) != body || c.get(" http://x/big") != nil {
		t.Error("a body too large to keep must pass whole and not be kept")
	}
}

// F2: a token that has expired on the way is replaced once, and the request,
// body included, is made again. A second refusal is an answer.
func TestExpiredTokenIsReplacedOnce(t *testing.T) {
	for _, refusals := range []int{1, 100} {
		var bodies []string
		a := appAt(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			if len(bodies) <= refusals {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"message":"Bad credentials"}`)
				return
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":1}`)
		})
		_, err := a.Comments().post(t.Context(), testRepo, 1, "hello")
		if refusals == 1 && err != nil {
			t.Errorf("one refusal: %v", err)
		}
		if refusals > 1 && !errors.Is(err, ErrTemporary) { // GitHub's trouble: it gave out the token a moment ago
			t.Errorf("refused again: %v, want ErrTemporary", err)
		}
		if len(bodies) != 2 || bodies[0] != bodies[1] || !strings.Contains(bodies[0], "hello") {
			t.Errorf("sent %q, want the same twice", bodies)
		}
	}
}

func TestErrorsSayWhatTheyMean(t *testing.T) {
	reset := time.Now().Add(time.Hour).Truncate(time.Second)
	now := time.Now().Truncate(time.Second)
	for _, tc := range []struct {
		name   string
		status int
		header map[string]string
		want   error
		until  time.Time
	}{
		{"gone", 404, nil, handlers.ErrGone, time.Time{}},
		{"gone for good", 410, nil, handlers.ErrGone, time.Time{}},
		{"not permitted", 403, map[string]string{"X-RateLimit-Remaining": "100"}, ErrForbidden, time.Time{}},
		{"invalid", 422, nil, ErrRejected, time.Time{}},
		{"conflict", 409, nil, ErrRejected, time.Time{}},
		{"bad gateway", 502, nil, ErrTemporary, time.Time{}},
		{"primary limit", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(reset.Unix())}, ErrRateLimited, reset},
		{"primary limit by 429", 429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(reset.Unix())}, ErrRateLimited, reset},
		{"secondary limit", 403, map[string]string{"Retry-After": "17", "X-RateLimit-Remaining": "100"}, ErrRateLimited, now.Add(17 * time.Second)},
		{"secondary limit by 429", 429, map[string]string{"Retry-After": "17"}, ErrRateLimited, now.Add(17 * time.Second)},
		{"429 that says no more", 429, nil, ErrRateLimited, now.Add(time.Minute)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := appAt(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range tc.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, `{"message":"no, ghs_abcDEF.123 may not"}`)
			})
			a.now = func() time.Time { return now }
			_, err := a.PullRequests().Pull(t.Context(), testRepo, 1)
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if e.Status != tc.status || e.Operation != "pulls/get" || e.Subject != "octo/shop" {
				t.Errorf("status %d, operation %s, subject %s", e.Status, e.Operation, e.Subject)
			}
			if !e.NotBefore().Equal(tc.until) {
				t.Errorf("not before %s, want %s", e.NotBefore(), tc.until)
			}
			if strings.Contains(err.Error(), "ghs_abc") {
				t.Errorf("the error holds a token: %v", err)
			}
		})
	}
}

// D7: a renamed repository is followed, to another host nothing goes.
func TestRedirects(t *testing.T) {
	leaked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked = true }))
	defer elsewhere.Close()
	target := elsewhere.URL
	a := appAt(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/renamed") {
			_, _ = io.WriteString(w, `{"title":"here"}`)
			return
		}
		http.Redirect(w, r, target, http.StatusMovedPermanently)
	})
	if _, err := a.PullRequests().Pull(t.Context(), testRepo, 1); !errors.Is(err, ErrTemporary) || leaked {
		t.Errorf("to another host: %v, and it was asked: %v", err, leaked)
	}
	for _, target = range []string{elsewhere.URL, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)} {
		if err := a.Reactions().React(t.Context(), testRepo, 1, "eyes"); !errors.Is(err, ErrTemporary) || leaked {
			t.Errorf("a write to another host: %v, and it was asked: %v", err, leaked)
		}
	}
	target = "/api/v3/repositories/1/renamed"
	if pull, err := a.PullRequests().Pull(t.Context(), testRepo, 1); err != nil || pull.Title != "here" {
		t.Errorf("on the same host: %q, %v", pull.Title, err)
	}
}

func TestErrorsWithoutAnAnswer(t *testing.T) {
	a := newApp(t, Settings{API: "http://127.0.0.1:1/"})
	if _, err := a.PullRequests().Pull(t.Context(), testRepo, 1); !errors.Is(err, ErrTemporary) {
		t.Errorf("nobody listens: %v, want ErrTemporary", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.PullRequests().Pull(ctx, testRepo, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, want context.Canceled", err)
	}
}

// A mint that fails says what it means as well: an installation that is gone, one
// that is suspended.
func TestMintingFails(t *testing.T) {
	for status, want := range map[int]error{404: handlers.ErrGone, 403: ErrForbidden, 401: ErrForbidden, 500: ErrTemporary} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		a := newApp(t, Settings{API: server.URL})
		_, err := a.PullRequests().Pull(t.Context(), testRepo, 1)
		if !errors.Is(err, want) {
			t.Errorf("call, mint answered %d: %v, want %v", status, err, want)
		}
		if _, err := a.Token(t.Context(), 7); !errors.Is(err, want) {
			t.Errorf("token, mint answered %d: %v, want %v", status, err, want)
		}
		server.Close()
	}
}

// E1: no credential survives in a text.
func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"short form ghs_16C7e42F292c6912E7710c838347Ae178B4a, then": "short form [redacted], then",
		"long form ghs_123_eyJhbGciOi.J9-x_y.z failed":              "long form [redacted] failed",
		"jwt eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiI0MiJ9.c2ln.":           "jwt [redacted].",
		"Authorization: Bearer abcdefghijklmnopqrstuvwx":            "Authorization: [redacted]",
		"personal github_pat_11ABC_def and gho_abc":                 "personal [redacted] and [redacted]",
		"nothing to hide in ghost_town or token of a pull request":  "nothing to hide in ghost_town or token of a pull request",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
