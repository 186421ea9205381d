package github

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // what must be refused
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers"
)

const testSecret = "It's a Secret to Everybody"

// taken is a queue that remembers.
type taken struct {
	mu     sync.Mutex
	events []handlers.Event
	err    error
}

func (q *taken) take(_ context.Context, _ string, event handlers.Event) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.events = append(q.events, event)
	return nil
}

func (q *taken) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events)
}

func webhookFor(t testing.TB, s Settings, q *taken) *Webhook {
	t.Helper()
	s.AppID, s.PrivateKey, s.WebhookSecret = 42, testKey(), testSecret
	a, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	w, err := a.Webhook(q.take, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func payload(event string) string {
	about := `"installation":{"id":7},"repository":{"id":1,"name":"shop","default_branch":"main","owner":{"login":"octo"}}`
	switch event {
	case "pull_request":
		return `{"action":"opened","number":3,` + about + `}`
	case "check_run":
		return `{"action":"rerequested","check_run":{"head_sha":"` + testCommit + `","app":{"id":42},"check_suite":{"head_branch":"feature"}},` + about + `}`
	case "check_suite":
		return `{"action":"rerequested","check_suite":{"head_sha":"` + testCommit + `","app":{"id":42},"head_branch":"feature"},` + about + `}`
	case "merge_group":
		return `{"action":"checks_requested","merge_group":{"base_ref":"refs/heads/main","base_sha":"` + testCommit + `","head_sha":"` + strings.Repeat("a", 40) + `"},` + about + `}`
	}
	switch event {
	case "pull_request_review":
		return `{"action":"submitted","pull_request":{"number":3},"review":{"id":5},` + about + `}`
	case "push":
		return `{"ref":"refs/heads/main","after":"` + testCommit + `","deleted":false,` + about + `}`
	case "issue_comment":
		return `{"action":"created","issue":{"number":3,"pull_request":{}},"comment":{"id":9,"body":"/plan","created_at":"2026-11-20T10:00:00Z",` +
			`"user":{"login":"alice","type":"User"},"performed_via_github_app":null},"sender":{"login":"alice","type":"User"},` + about + `}`
	}
	return `{"action":"created",` + about + `}`
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// delivery is a delivery as GitHub makes it.
func delivery(event, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	r.Header.Set("X-Hub-Signature-256", sign(body))
	return r
}

func answer(w http.Handler, r *http.Request) int {
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	return recorder.Code
}

// GitHub publishes this vector for implementations to check themselves by.
func TestSignatureVector(t *testing.T) {
	if got, want := sign("Hello, World!"), "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// TestAttackWebhook is what an unfriendly sender may try, and what it gets: a
// refusal, and no event.
func TestAttackWebhook(t *testing.T) {
	body := payload("pull_request")
	for _, tc := range []struct {
		name string
		edit func(*http.Request)
		want int
	}{
		{"A0 an honest delivery", func(*http.Request) {}, 202},
		{"A1 no signature", func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, 401},
		{"A2 a wrong signature", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)) }, 401},
		{"A2 a signature that is no hex", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256=zz") }, 401},
		{"A2 an empty signature", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "") }, 401},
		{"A2 half a signature", func(r *http.Request) {
			r.Header.Set("X-Hub-Signature-256", sign(body)[:40])
		}, 401},
		{"A3 another body", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(body, "shop", "shoq", 1)))
		}, 401},
		{"A4 SHA-1 alone", func(r *http.Request) {
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", sha1Of(body))
		}, 401},
		{"A4 SHA-1 in the SHA-256 header", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", sha1Of(body)) }, 401},
		{"A7 a length over the cap", func(r *http.Request) { r.ContentLength = payloadBytes + 1 }, 413},
		{"A7 compressed", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415},
		{"A12 a form", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		{"A12 no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		{"no delivery id", func(r *http.Request) { r.Header.Del("X-GitHub-Delivery") }, 400},
		{"a delivery id that breaks lines", func(r *http.Request) { r.Header.Set("X-GitHub-Delivery", "x\ny") }, 400},
		{"no event", func(r *http.Request) { r.Header.Del("X-GitHub-Event") }, 400},
		{"not a POST", func(r *http.Request) { r.Method = http.MethodGet }, 405},
		{"a content type with parameters", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 202},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var q taken
			r := delivery("pull_request", body)
			tc.edit(r)
			if got := answer(webhookFor(t, Settings{}, &q), r); got != tc.want {
				t.Errorf("answered %d, want %d", got, tc.want)
			}
			if got := q.count() == 1; got != (tc.want == 202) {
				t.Errorf("took %d events", q.count())
			}
		})
	}
}

func sha1Of(body string) string {
	mac := hmac.New(sha1.New, []byte(testSecret))
	mac.Write([]byte(body))
	return "sha1=" + hex.EncodeToString(mac.Sum(nil))
}

// A5: without a secret anybody could speak for GitHub, so there is no webhook.
func TestAttackEmptySecret(t *testing.T) {
	a, err := New(Settings{AppID: 42, PrivateKey: testKey()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Webhook((&taken{}).take, quiet()); err == nil {
		t.Error("a webhook without a secret")
	}
}

// endless is a body that has no end and counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }

// A7: of a body without end, the cap is read and no more.
func TestAttackEndlessBody(t *testing.T) {
	var q taken
	r := delivery("pull_request", "")
	body := &endless{}
	r.Body, r.ContentLength = io.NopCloser(body), -1
	if got := answer(webhookFor(t, Settings{}, &q), r); got != 413 {
		t.Errorf("answered %d, want 413", got)
	}
	if body.read > payloadBytes+1<<20 {
		t.Errorf("read %d bytes of it", body.read)
	}
}

// A7: large bodies of unknown senders take few places, so that many at once
// cannot fill memory; usual ones are not held up.
func TestAttackManyLargeBodies(t *testing.T) {
	var q taken
	w := webhookFor(t, Settings{}, &q)
	for range payloadsLarge {
		w.large <- struct{}{}
	}
	large := payload("other")
	large = large[:len(large)-1] + `,"x":"` + strings.Repeat("x", payloadUsual) + `"}`
	if got := answer(w, delivery("pull_request", large)); got != 503 {
		t.Errorf("one more large body: answered %d, want 503", got)
	}
	if got := answer(w, delivery("pull_request", payload("pull_request"))); got != 202 {
		t.Errorf("a usual body meanwhile: answered %d, want 202", got)
	}
	<-w.large
	if got := answer(w, delivery("issues", large)); got != 202 {
		t.Errorf("a large body, with a place free: answered %d, want 202", got)
	}
}

// A8: a signed payload of the wrong shape is refused, and nothing panics.
func TestAttackMalformedPayloads(t *testing.T) {
	for _, event := range Events() {
		good := payload(event)
		for name, body := range map[string]string{
			"no JSON":               "{",
			"null":                  "null",
			"a list":                "[]",
			"empty":                 "{}",
			"no installation":       strings.Replace(good, `"installation":{"id":7},`, "", 1),
			"installation null":     strings.Replace(good, `{"id":7}`, "null", 1),
			"a path for a name":     strings.Replace(good, `"name":"shop"`, `"name":"../../x"`, 1),
			"dots for a name":       strings.Replace(good, `"name":"shop"`, `"name":".."`, 1),
			"a query for an owner":  strings.Replace(good, `"login":"octo"`, `"login":"octo?x="`, 1),
			"a number for a name":   strings.Replace(good, `"name":"shop"`, `"name":5`, 1),
			"an option as a commit": strings.Replace(good, testCommit, "--upload-pack=x", 1),
			"a number below one":    strings.Replace(good, `"number":3`, `"number":-3`, 1),
		} {
			if body == good {
				continue // this event has no such field
			}
			t.Run(event+"/"+name, func(t *testing.T) {
				var q taken
				if got := answer(webhookFor(t, Settings{}, &q), delivery(event, body)); got != 400 || q.count() != 0 {
					t.Errorf("answered %d and took %d events, want 400 and none", got, q.count())
				}
			})
		}
	}
}

// A9: the same delivery, many times at once and again later, has one effect.
func TestAttackDuplicateDelivery(t *testing.T) {
	var q taken
	w := webhookFor(t, Settings{}, &q)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if got := answer(w, delivery("pull_request", payload("pull_request"))); got != 202 {
				t.Errorf("answered %d, want 202", got)
			}
		})
	}
	all.Wait()
	answer(w, delivery("pull_request", payload("pull_request")))
	if q.count() != 1 {
		t.Errorf("took %d events, want 1", q.count())
	}
}

// A10 and A13: what is taken names the pull request and not its state, so a
// delivery that comes late acts on nothing old; and taking is all that happens
// before the answer.
func TestAttackLateDeliveryCarriesNoState(t *testing.T) {
	var q taken
	body := strings.Replace(payload("pull_request"), `"number":3`, `"number":3,"pull_request":{"head":{"sha":"`+testCommit+`"},"state":"open"}`, 1)
	if got := answer(webhookFor(t, Settings{}, &q), delivery("pull_request", body)); got != 202 {
		t.Fatalf("answered %d", got)
	}
	want := []handlers.Event{handlers.PullRequestEvent{Action: "opened", Repository: testRepo, Number: 3}}
	if diff := cmp.Diff(want, q.events); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}

// A11: a signed delivery for an account that is not served is acknowledged, so
// that GitHub does not call it failed, and dropped.
func TestAttackForeignAccount(t *testing.T) {
	for accounts, want := range map[string]int{"": 1, "OCTO": 1, "acme": 0} {
		var q taken
		var s Settings
		if accounts != "" {
			s.Accounts = []string{accounts}
		}
		if got := answer(webhookFor(t, s, &q), delivery("pull_request", payload("pull_request"))); got != 202 {
			t.Errorf("%q: answered %d, want 202", accounts, got)
		}
		if q.count() != want {
			t.Errorf("%q: took %d events, want %d", accounts, q.count(), want)
		}
	}
}

// A delivery that could not be kept is answered 503, and is not taken for a
// duplicate when GitHub delivers it again.
func TestDeliveryThatCouldNotBeKept(t *testing.T) {
	q := taken{err: errors.New("the disk is full, ghs_secret")}
	w := webhookFor(t, Settings{}, &q)
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, delivery("pull_request", payload("pull_request")))
	if recorder.Code != 503 || strings.Contains(recorder.Body.String(), "disk") {
		t.Errorf("answered %d %q, want a bare 503", recorder.Code, recorder.Body)
	}
	q.err = nil
	if got := answer(w, delivery("pull_request", payload("pull_request"))); got != 202 || q.count() != 1 {
		t.Errorf("delivered again: answered %d, took %d", got, q.count())
	}
	got := w.Recent()
	if len(got) != 2 || got[0].Outcome != Taken || got[1].Outcome != Refused || got[0].Repository != "octo/shop" {
		t.Errorf("recent deliveries %+v", got)
	}
}
