package github

import (
	"bytes"
	"container/list"
	"io"
	"net/http"
	"sync"
)

const (
	// conditionalBytes bounds the bodies that one installation remembers.
	conditionalBytes = 8 << 20
	// conditionalBody is the largest body worth remembering.
	conditionalBody = 1 << 20
)

// conditional asks GitHub again only whether what it said has changed: an
// unchanged answer (304) costs nothing of the rate limit. It never answers
// without asking, so it is never stale. One belongs to one installation.
type conditional struct {
	next  http.RoundTripper
	limit int

	mu     sync.Mutex
	size   int
	order  *list.List // of *remembered, most recently used first
	places map[string]*list.Element
}

type remembered struct {
	key    string
	etag   string
	header http.Header
	body   []byte
}

func newConditional(next http.RoundTripper, limit int) *conditional {
	return &conditional{next: next, limit: limit, order: list.New(), places: map[string]*list.Element{}}
}

// RoundTrip implements [http.RoundTripper].
func (c *conditional) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return c.next.RoundTrip(r)
	}
	key := r.Header.Get("Accept") + " " + r.URL.String()
	known := c.get(key)
	if known != nil {
		r = r.Clone(r.Context())
		r.Header.Set("If-None-Match", known.etag)
	}
	response, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch {
	case response.StatusCode == http.StatusNotModified && known != nil:
		return known.answer(r, response), nil
	case response.StatusCode == http.StatusOK && response.Header.Get("ETag") != "":
		return c.keep(key, response)
	}
	return response, nil
}

// answer makes the remembered body the answer to r, under the fresh headers,
// which carry the rate limit.
func (m *remembered) answer(r *http.Request, fresh *http.Response) *http.Response {
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
	place := c.places[key]
	if place == nil {
		return nil
	}
	c.order.MoveToFront(place)
	return place.Value.(*remembered)
}

// keep reads the body, remembers it where it is small enough, and puts it back.
func (c *conditional) keep(key string, response *http.Response) (*http.Response, error) {
	head, err := io.ReadAll(io.LimitReader(response.Body, conditionalBody+1))
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	if len(head) > conditionalBody {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), response.Body), response.Body}
		return response, nil
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(head))
	c.put(&remembered{key: key, etag: response.Header.Get("ETag"), header: response.Header.Clone(), body: head})
	return response, nil
}

func (c *conditional) put(m *remembered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.places[m.key]; place != nil {
		c.forget(place)
	}
	c.places[m.key] = c.order.PushFront(m)
	c.size += len(m.body)
	for c.size > c.limit {
		c.forget(c.order.Back())
	}
}

func (c *conditional) forget(place *list.Element) {
	m := c.order.Remove(place).(*remembered)
	delete(c.places, m.key)
	c.size -= len(m.body)
}

// drain reads what little is left, so that the connection is used again.
func drain(response *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	response.Body.Close()
}
