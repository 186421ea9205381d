package preview

import (
	"container/list"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

const (
	// maxAnswers bounds how many answers to dry runs a Cluster remembers.
	maxAnswers = 8192
	// answerAge is how long an answer may be believed: a webhook may decide
	// otherwise without any configuration having changed.
	answerAge = 10 * time.Minute
	// foresightAge is how long the answer to a creation may be believed by a plan
	// that is about to be carried out, where the write is judged in the same way:
	// a review may take that long. See docs/adr/0012-creations-judged-once.md.
	foresightAge = 24 * time.Hour
	// unsureAge is how long where the admission configuration cannot be read.
	unsureAge = time.Minute
)

// An answerKey says in which circumstances an answer was given. Equal ones give
// an equal answer.
type answerKey struct {
	uid, resourceVersion string // of the live object; empty for a creation
	payload              [sha256.Size]byte
	// admission is the version of what else decides: of the admission configuration,
	// and for a creation of its namespace and the API server, too; empty where it
	// is not known.
	admission string
}

// An answer is what the API server said to a dry run that went well.
type answer struct {
	after    map[string]any // nil where nothing would change, or nothing but what was sent comes of it
	whole    bool           // of a creation: it was asked what admission makes of it
	removed  []path         // of it, by taking over another deployer's fields
	warnings []string
}

// answerCache remembers answers, the latest used longest. It is safe for
// concurrent use.
type answerCache struct {
	mu    sync.Mutex
	size  int
	order *list.List // of *remembered, latest first
	byKey map[answerKey]*list.Element
}

type remembered struct {
	key    answerKey
	answer answer
	at     time.Time
}

func newAnswerCache(size int) *answerCache {
	return &answerCache{size: size, order: list.New(), byKey: make(map[answerKey]*list.Element)}
}

// get returns the answer that was given at most age ago.
func (c *answerCache) get(key answerKey, age time.Duration) (answer, bool) {
	if key.admission == "" {
		age = min(age, unsureAge)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[key]
	if !ok {
		return answer{}, false
	}
	r := element.Value.(*remembered)
	if time.Since(r.at) > age {
		return answer{}, false // another question may believe it longer
	}
	c.order.MoveToFront(element)
	return r.answer, true
}

func (c *answerCache) put(key answerKey, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byKey[key]; ok {
		c.order.Remove(element)
	}
	c.byKey[key] = c.order.PushFront(&remembered{key: key, answer: a, at: time.Now()})
	for c.order.Len() > c.size {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.byKey, oldest.Value.(*remembered).key)
	}
}

// keyOf returns the circumstances of a dry run of the payload, which is encoded as
// body, over the live object.
func keyOf(live map[string]any, body []byte, admission string) answerKey {
	metadata, _ := live["metadata"].(map[string]any)
	key := answerKey{payload: sha256.Sum256(body), admission: admission}
	key.uid, _ = metadata["uid"].(string)
	key.resourceVersion, _ = metadata["resourceVersion"].(string)
	return key
}

// encode returns the payload as the API server gets it; equal payloads give equal
// bytes.
func encode(payload map[string]any) ([]byte, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("encode object: %w", err)
	}
	return body, nil
}
