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
	// unsureAge is how long where the admission configuration cannot be read.
	unsureAge = time.Minute
)

// An answerKey says in which circumstances an answer was given. Equal ones give
// an equal answer.
type answerKey struct {
	uid, resourceVersion string // of the live object
	payload              [sha256.Size]byte
	admission            string
}

// An answer is what the API server said to a dry run that went well.
type answer struct {
	after    map[string]any // nil where nothing would change
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
	until  time.Time
}

func newAnswerCache(size int) *answerCache {
	return &answerCache{size: size, order: list.New(), byKey: make(map[answerKey]*list.Element)}
}

func (c *answerCache) get(key answerKey) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[key]
	if !ok {
		return answer{}, false
	}
	r := element.Value.(*remembered)
	if time.Now().After(r.until) {
		c.order.Remove(element)
		delete(c.byKey, key)
		return answer{}, false
	}
	c.order.MoveToFront(element)
	return r.answer, true
}

func (c *answerCache) put(key answerKey, a answer) {
	age := answerAge
	if key.admission == "" {
		age = unsureAge
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byKey[key]; ok {
		c.order.Remove(element)
	}
	c.byKey[key] = c.order.PushFront(&remembered{key: key, answer: a, until: time.Now().Add(age)})
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
