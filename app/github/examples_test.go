package github

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers"
)

// examples returns GitHub's published example payloads, by event.
func examples(t testing.TB) map[string][]json.RawMessage {
	t.Helper()
	packed, err := os.ReadFile("../../fixtures/github/testdata/webhooks-examples.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	unpack, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]json.RawMessage
	if err := json.NewDecoder(unpack).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// installed returns a payload as an App gets it: with its installation.
func installed(t testing.TB, payload []byte) string {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		t.Fatal(err)
	}
	if fields["installation"] == nil {
		fields["installation"] = json.RawMessage(`{"id":7}`)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A8: every payload that GitHub publishes goes through the webhook. Those that ask for
// something are taken, the rest is acknowledged, and none panics. The figures were
// counted by hand: actions that ask for a plan or end one, merge groups, branches that were
// pushed.
func TestAttackPublishedPayloads(t *testing.T) {
	asked := map[string]int{}
	total := 0
	for event, payloads := range examples(t) {
		for i, payload := range payloads {
			total++
			var q taken
			w := webhookFor(t, Settings{}, &q)
			body := installed(t, payload)
			want := 202
			if event == "check_run" && strings.Contains(body, `"created_at":"2018-04-25 20:42:10"`) {
				want = 400 // as GitHub wrote times in 2018, which go-github cannot read
			}
			if got := answer(w, delivery(event, body)); got != want {
				t.Errorf("%s %d: answered %d, want %d: %.200s", event, i, got, want, body)
			}
			for _, e := range q.events {
				for _, job := range e.Jobs() {
					asked[event+" "+job.Kind()]++
				}
			}
			// Without an installation it is no App's delivery: of an event that is handled,
			// refused; of any other, of no interest.
			want = 202
			if slices.Contains(Events(), event) {
				want = 400
			}
			bare := strings.Replace(body, `"installation":`, `"was":`, 1)
			if got := answer(webhookFor(t, Settings{}, &taken{}), delivery(event, bare)); got != want {
				t.Errorf("%s %d without its installation: answered %d, want %d", event, i, got, want)
			}
		}
	}
	if total != 329 {
		t.Errorf("there are %d examples, want 329: the test looks at something else", total)
	}
	want := map[string]int{
		"merge_group plan_group": 2, "pull_request plan_pull": 12, "pull_request judge_pull": 7,
		"pull_request_review judge_pull": 4, "push deploy_branch": 2, "push refresh": 2,
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("jobs asked for (-want +got):\n%s", diff)
	}
}

// A8: any one field of a payload that is null, of another type or missing is a
// delivery of no interest or a malformed one, and never a panic.
func TestAttackDamagedPayloads(t *testing.T) {
	a := newApp(t, Settings{})
	damaged := 0
	for event, payloads := range examples(t) {
		if !slices.Contains(Events(), event) {
			continue
		}
		for _, payload := range payloads[:min(len(payloads), 4)] {
			var whole any
			if err := json.Unmarshal([]byte(installed(t, payload)), &whole); err != nil {
				t.Fatal(err)
			}
			damage(whole, 3, func() {
				body, err := json.Marshal(whole)
				if err != nil {
					t.Fatal(err)
				}
				damaged++
				checkTranslation(t, a, event, body)
			})
		}
	}
	if damaged < 1000 {
		t.Errorf("only %d payloads were damaged", damaged)
	}
}

// damage calls do with each field of value, so many levels down, damaged in turn.
func damage(value any, levels int, do func()) {
	object, ok := value.(map[string]any)
	if !ok || levels == 0 {
		return
	}
	for key, field := range object {
		for _, other := range []any{nil, "text", -1.5, []any{}, map[string]any{}} {
			object[key] = other
			do()
		}
		delete(object, key)
		do()
		object[key] = field
		damage(field, levels-1, do)
	}
}

// checkTranslation holds what comes of any payload to what the rest relies on.
func checkTranslation(t *testing.T, a *App, event string, body []byte) {
	t.Helper()
	translated, err := a.Translate(event, body)
	switch {
	case err != nil && !errors.Is(err, ErrMalformed):
		t.Fatalf("%s: %v is no ErrMalformed: %s", event, err, body)
	case err != nil || translated == nil:
		return
	}
	repo := repositoryOf(translated)
	owner, name, both := strings.Cut(repo, "/")
	if !both || !ownerName.MatchString(owner) || !repositoryName.MatchString(name) || name == "." || name == ".." {
		t.Fatalf("%s: the repository is %q: %s", event, repo, body)
	}
	for _, job := range translated.Jobs() {
		if job.Key() == "" || job.Kind() == "" {
			t.Fatalf("%s: a job without a key: %#v", event, job)
		}
	}
	if e, ok := translated.(handlers.CommentEvent); ok && e.Person && !personName.MatchString(e.Author) {
		t.Fatalf("a person of the name %q", e.Author)
	}
}

// A7: a body that comes a byte at a time, or stops coming, holds its sender's
// connection and nobody else's.
func TestAttackSlowBody(t *testing.T) {
	var q taken
	w := webhookFor(t, Settings{}, &q)
	waiting := make(chan struct{})
	answers := make(chan int)
	for range payloadsLarge * 4 {
		go func() {
			r := delivery("pull_request", "")
			r.Body, r.ContentLength = stuck{waiting}, -1
			answers <- answer(w, r)
		}()
	}
	if got := answer(w, delivery("pull_request", payload("pull_request"))); got != 202 {
		t.Errorf("an honest delivery meanwhile: answered %d", got)
	}
	close(waiting) // as the listener's time limit does
	for range payloadsLarge * 4 {
		if got := <-answers; got != 400 {
			t.Errorf("a body that broke off: answered %d, want 400", got)
		}
	}
	if q.count() != 1 {
		t.Errorf("took %d events, want 1", q.count())
	}
}

// stuck is a body of which nothing more comes until its connection is cut.
type stuck struct{ cut chan struct{} }

func (s stuck) Read([]byte) (int, error) { <-s.cut; return 0, fmt.Errorf("i/o timeout") }
func (s stuck) Close() error             { return nil }
