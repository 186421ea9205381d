package github

import (
	"bytes"
	"container/list"
	"io"
	"net/http"
	"strings"
	"sync"
)

const (
	// conditionalBytes bounds the bodies that one installation remembers.
	conditionalBytes = 32 << 20
	// conditionalBody is the largest body worth remembering.
	conditionalBody = 1 << 20
)

// conditional asks GitHub again only whether what it said has changed: an
// unchanged answer (304) costs nothing of the rate limit. It never answers
// without asking, so it is never stale. Of several who ask the same at once, those
// who came while an answer was under way share the next one: what they get was
// asked for after they came, and a push that one of them has heard of is in it.
//
// One belongs to one installation: what one may see never answers another.
type conditional struct {
	next   http.RoundTripper
	limit  int
	shelf  shelf
	shared func() // told of each answer that was shared; may be nil

	mu      sync.Mutex
	size    int
	order   *list.List // of place, most recently used first
	places  map[string]*list.Element
	flights map[string]*flight
}

// A shelf keeps what is remembered. What it lost, or cannot read, is nil.
type shelf interface {
	load(key string) *remembered
	save(*remembered) error
	drop(key string)
}

type remembered struct {
	key    string
	etag   string
	header http.Header
	body   []byte
}

// volume says where on the shelf an answer is, by its key, and how large it is.
type volume struct {
	key  string
	size int
}

// A flight is a question that is under way, or, as the next of one that is, waits
// for it to end. The lock of [conditional] guards all but done, which is closed
// when the others are set for good.
type flight struct {
	started bool
	next    *flight
	done    chan struct{}
	answer  *answered // nil where it cannot be shared
	err     error
}

// answered is an answer whose body was read to its end.
type answered struct {
	response *http.Response
	body     []byte
}

func newConditional(next http.RoundTripper, limit int, on shelf, kept []volume) *conditional {
	c := &conditional{
		next: next, limit: limit, shelf: on, order: list.New(), places: map[string]*list.Element{}, flights: map[string]*flight{},
	}
	for _, v := range kept {
		c.place(v)
	}
	return c
}

// RoundTrip implements [http.RoundTripper].
func (c *conditional) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return c.next.RoundTrip(r)
	}
	key := r.Header.Get("Accept") + " " + r.URL.String()
	for {
		c.mu.Lock()
		current := c.flights[key]
		if current == nil {
			current = &flight{started: true, done: make(chan struct{})}
			c.flights[key] = current
			c.mu.Unlock()
			return c.fly(r, key, current)
		}
		if current.next == nil {
			current.next = &flight{done: make(chan struct{})}
		}
		mine := current.next
		c.mu.Unlock()
		if err := ended(r, current); err != nil {
			return nil, err
		}
		if c.takesOff(key, mine) {
			return c.fly(r, key, mine)
		}
		if err := ended(r, mine); err != nil {
			return nil, err
		}
		if mine.err != nil || mine.answer != nil {
			if c.shared != nil {
				c.shared()
			}
			return mine.answer.to(r), mine.err
		}
	}
}

// ended waits for a flight's end, or the request's.
func ended(r *http.Request, f *flight) error {
	select {
	case <-f.done:
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// takesOff reports whether the caller is the first of those who wait for a flight,
// and so the one to ask for them all.
func (c *conditional) takesOff(key string, f *flight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.started {
		return false
	}
	f.started = true
	c.flights[key] = f
	return true
}

// fly asks, and lets those who wait have the answer, unless it is large, or was
// only not had because the one who asked has left.
func (c *conditional) fly(r *http.Request, key string, f *flight) (*http.Response, error) {
	response, err := c.ask(r, key)
	if err != nil && r.Context().Err() == nil {
		f.err = err
	}
	if err == nil {
		f.answer, response = whole(response)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.next == nil {
		delete(c.flights, key)
	}
	close(f.done)
	return response, err
}

// ask makes the call, with the tag of what is remembered.
func (c *conditional) ask(r *http.Request, key string) (*http.Response, error) {
	known := c.get(key)
	if known != nil {
		r = r.Clone(r.Context())
		r.Header.Set("If-None-Match", known.etag)
	}
	response, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusNotModified && known != nil {
		return known.unchanged(r, response), nil
	}
	if !lasting(response) {
		return response, nil
	}
	read, response := whole(response)
	if read != nil {
		c.put(&remembered{key: key, etag: response.Header.Get("ETag"), header: response.Header.Clone(), body: read.body})
	}
	return response, nil
}

// lasting reports whether an answer may be kept: GitHub varies by the token, which
// is the installation's, and by the media type, which is part of the key.
func lasting(response *http.Response) bool {
	return response.StatusCode == http.StatusOK && response.Header.Get("ETag") != "" &&
		!strings.Contains(response.Header.Get("Cache-Control"), "no-store") && response.Header.Get("Vary") != "*"
}

// whole reads a body, and returns a response that has it still. What is read is
// nil where it is too large or breaks off.
func whole(response *http.Response) (*answered, *http.Response) {
	head, err := io.ReadAll(io.LimitReader(response.Body, conditionalBody+1))
	if err != nil || len(head) > conditionalBody {
		rest := io.Reader(response.Body)
		if err != nil {
			rest = broken{err}
		}
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), rest), response.Body}
		return nil, response
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(head))
	return &answered{response, head}, response
}

// broken is the rest of a body that broke off.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// to is a copy of the answer for another who asked.
func (a *answered) to(r *http.Request) *http.Response {
	if a == nil {
		return nil
	}
	copied := *a.response
	copied.Header, copied.Request = a.response.Header.Clone(), r
	copied.Body = io.NopCloser(bytes.NewReader(a.body))
	return &copied
}

// unchanged makes the remembered body the answer to r, under the fresh headers,
// which carry the rate limit.
func (m *remembered) unchanged(r *http.Request, fresh *http.Response) *http.Response {
	drain(fresh)
	header := m.header.Clone()
	for name, values := range fresh.Header {
		if name != "Content-Length" && name != "Content-Type" {
			header[name] = values
		}
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: fresh.Proto,
		ProtoMajor: fresh.ProtoMajor, ProtoMinor: fresh.ProtoMinor,
		Header: header, Request: r, ContentLength: int64(len(m.body)),
		Body: io.NopCloser(bytes.NewReader(m.body)),
	}
}

func (c *conditional) get(key string) *remembered {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.places[key]
	if at == nil {
		return nil
	}
	known := c.shelf.load(key)
	if known == nil {
		c.forget(at)
		return nil
	}
	c.order.MoveToFront(at)
	return known
}

func (c *conditional) put(m *remembered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.places[m.key]; at != nil {
		c.forget(at)
	}
	if c.shelf.save(m) == nil { // a full disk costs calls, nothing else
		c.place(volume{m.key, len(m.body)})
	}
}

// place notes what is on the shelf, and makes room. The caller holds the lock.
func (c *conditional) place(v volume) {
	c.places[v.key] = c.order.PushFront(v)
	c.size += v.size
	for c.size > c.limit {
		c.forget(c.order.Back())
	}
}

func (c *conditional) forget(at *list.Element) {
	v := c.order.Remove(at).(volume)
	delete(c.places, v.key)
	c.size -= v.size
	c.shelf.drop(v.key)
}

// drain reads what little is left, so that the connection is used again.
func drain(response *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	response.Body.Close()
}
