package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/render"
)

const (
	sessionLimit = 2                // cat-file processes of one repository
	sessionIdle  = 30 * time.Second // after which an unused one ends
)

// objects reads Git objects through long-lived git cat-file processes. They run
// without any remote, so that a missing object is an answer and never the start
// of a download of one blob.
type objects struct {
	dir   string
	slots chan struct{}

	mu     sync.Mutex
	idle   []*session
	reaper *time.Timer
}

func newObjects(dir string) *objects {
	return &objects{dir: dir, slots: make(chan struct{}, sessionLimit)}
}

// An object is what cat-file says of one name.
type object struct {
	id   render.GitID
	kind string // blob, tree, commit, tag; empty where the object is missing
	size int64
}

// info asks for several names at once; the answers have their order. A name is an
// id, or an id and a suffix such as ^{tree}.
func (o *objects) info(ctx context.Context, names []string) ([]object, error) {
	found := make([]object, len(names))
	err := o.with(ctx, func(s *session) error {
		// Written beside reading: both pipes are finite.
		written := make(chan error, 1)
		go func() {
			w := bufio.NewWriter(s.in)
			for _, name := range names {
				_, _ = w.WriteString("info " + name + "\n") // Flush returns the first error
			}
			written <- w.Flush()
		}()
		for i, name := range names {
			var err error
			if found[i], err = s.header(name); err != nil {
				s.kill() // ends the writer, too
				<-written
				return err
			}
		}
		return <-written
	})
	if err != nil {
		return nil, fmt.Errorf("look up %d objects: %w", len(names), err)
	}
	return found, nil
}

// contents returns a blob's content; ok is false where the object is missing.
// A blob of more than limit bytes is not read: only its size is returned.
func (o *objects) contents(ctx context.Context, id render.GitID, limit int64) (content []byte, size int64, ok bool, err error) {
	err = o.with(ctx, func(s *session) error {
		if _, err := io.WriteString(s.in, "contents "+string(id)+"\n"); err != nil {
			return err
		}
		header, err := s.header(string(id))
		if err != nil || header.kind == "" {
			ok = false
			return err
		}
		if header.id != id || header.kind != "blob" {
			return fmt.Errorf("asked for blob %s, got %s %s", id, header.kind, header.id)
		}
		size, ok = header.size, true
		if size > limit {
			return errAbandon
		}
		content = make([]byte, size+1)
		if _, err := io.ReadFull(s.out, content); err != nil {
			return err
		}
		if content[size] != '\n' {
			return fmt.Errorf("blob %s does not end where its size says", id)
		}
		content = content[:size:size]
		return nil
	})
	if err != nil {
		return nil, 0, false, fmt.Errorf("read blob %s: %w", id, err)
	}
	return content, size, ok, nil
}

var (
	// errAbandon ends a session whose answer is not wanted any more.
	errAbandon = errors.New("answer not wanted")
	// errUnreadable says that git cat-file gave up, or no sensible answer.
	errUnreadable = errors.New("git cat-file failed")
)

// with lends a session to use, which must leave no unread answer behind unless it
// returns an error: the session is then ended and never lent again, as it is when
// ctx is cancelled. One that had died while idle is replaced once.
func (o *objects) with(ctx context.Context, use func(*session) error) error {
	select {
	case o.slots <- struct{}{}:
		defer func() { <-o.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		s, used, err := o.take()
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, s.kill)
		err = use(s)
		if stop() && err == nil {
			o.keep(s)
			return nil
		}
		said := s.end()
		switch {
		case err == nil || errors.Is(err, errAbandon):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !used:
			return fmt.Errorf("%w: %w: %s", errUnreadable, err, said)
		}
	}
}

// take returns an idle session, or a new one.
func (o *objects) take() (s *session, used bool, err error) {
	o.mu.Lock()
	if n := len(o.idle); n > 0 {
		s, o.idle = o.idle[n-1], o.idle[:n-1]
		o.mu.Unlock()
		return s, true, nil
	}
	o.mu.Unlock()
	s, err = startSession(o.dir)
	return s, false, err
}

func (o *objects) keep(s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.idle = append(o.idle, s)
	if o.reaper == nil {
		o.reaper = time.AfterFunc(sessionIdle, o.close)
	} else {
		o.reaper.Reset(sessionIdle)
	}
}

// close ends the sessions that nobody uses. The objects can still be read.
func (o *objects) close() {
	o.mu.Lock()
	idle := o.idle
	o.idle = nil
	o.mu.Unlock()
	for _, s := range idle {
		s.end()
	}
}

// A session is one git cat-file process, asked one thing at a time.
type session struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
}

func startSession(dir string) (*session, error) {
	cmd, stderr, err := invocation{dir: dir, args: []string{"cat-file", "--batch-command"}}.command(context.Background())
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start git cat-file: %w", err)
	}
	return &session{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 64<<10), stderr: stderr}, nil
}

// header reads one answer's first line.
func (s *session) header(name string) (object, error) {
	line, err := s.out.ReadString('\n')
	if err != nil {
		return object{}, err
	}
	fields := strings.Fields(line)
	switch {
	case len(fields) == 2 && fields[0] == name && fields[1] == "missing":
		return object{}, nil
	case len(fields) == 3:
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if err == nil && size >= 0 {
			return object{id: render.GitID(fields[0]), kind: fields[1], size: size}, nil
		}
	}
	return object{}, fmt.Errorf("asked for %s, git said %q", name, strings.TrimSpace(line))
}

func (s *session) kill() { _ = s.cmd.Process.Kill() } // it may have ended already

// end makes the process end and returns what it had said on standard error.
func (s *session) end() string {
	s.kill()
	_ = s.in.Close()
	_ = s.cmd.Wait() // killed: its status says nothing
	return strings.TrimSpace(s.stderr.String())
}
