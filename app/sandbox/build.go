package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// errQuestion is the worker's own fault.
var errQuestion = errors.New("it asks what no worker asks")

// slack is what a reply may have beside objects.
const slack = 16 << 20

// Builder returns the pool as what an engine builds with.
func (p *Pool) Builder() render.Builder { return builder{p} }

type builder struct{ pool *Pool }

// Build implements [render.Builder].
func (b builder) Build(ctx context.Context, files render.Files, task render.Task) (render.Built, error) {
	if gap := b.pool.Sandboxed(); task.Scope.Outsider && gap != nil {
		return render.Built{Unfinished: true, Problem: &render.Problem{
			File: task.Dir, Message: "what outsiders propose is not rendered here: " + gap.Error(), Hint: "the operator's installation has to offer a sandbox",
		}}, nil
	}
	w, err := b.pool.take(ctx, task.Scope)
	if err != nil {
		return render.Built{}, err
	}
	defer b.pool.release(w)
	limited, cancel := context.WithTimeout(ctx, task.Limits.Time)
	defer cancel()
	s := serving{ctx: limited, files: files, left: task.Limits.Bytes, room: task.Limits.Bytes + slack, seen: map[string]bool{}}
	c, err := s.command(task)
	if err != nil {
		return render.Built{}, err
	}
	said, err := w.ask(limited, command{Build: c}, task.Limits.Bytes+slack, s.answer)
	if err == nil && said.Failure != "" {
		err = errors.New(said.Failure)
		w.kill()
	}
	if err == nil && said.Built != nil {
		return s.accept(*said.Built, task)
	}
	if b.pool.life.Err() != nil && ctx.Err() == nil {
		return render.Built{}, errClosed
	}
	return s.lost(ctx, w, task, err, b.pool.options.Memory)
}

// lost is what a build comes to whose worker is dead.
func (s *serving) lost(ctx context.Context, w *worker, task render.Task, err error, memory int64) (render.Built, error) {
	if ended := ctx.Err(); ended != nil {
		return render.Built{}, ended
	}
	lost := render.Built{Unfinished: true, Reads: s.reads(s.brought)} // nobody is left to say which of those it looked at
	var ours *answerError
	switch {
	case s.ctx.Err() != nil:
		lost.Problem = render.TooSlow(task.Dir, task.Limits.Time)
	case errors.As(err, &ours) && !errors.Is(err, errQuestion):
		return render.Built{}, ours.err
	default:
		how := w.dead(err, memory)
		lost.Problem = &render.Problem{File: task.Dir, Message: "rendering it " + how.message, Hint: how.hint}
	}
	return lost, nil
}

// serving is the parent's side of one build: what the worker may read, and has.
type serving struct {
	ctx   context.Context
	files render.Files
	left  int64 // bytes that may still be served
	room  int64 // bytes that seen may still take
	seen  map[string]bool
	// brought are the files that the worker got before it asked.
	brought []string
}

// see keeps that a path was asked for, and reports whether there was room for it.
func (s *serving) see(name string) bool {
	if !s.seen[name] {
		s.room -= int64(len(name)) + 100
		s.seen[name] = true
	}
	return s.room >= 0
}

// reads are what was served and what the worker says that it looked at, sorted.
func (s *serving) reads(said []string) []string {
	all := slices.Clone(said)
	for name := range s.seen {
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// command brings along what the build will probably read, and the directories that
// these files are in, so that it need not ask about what is not there either.
func (s *serving) command(task render.Task) (*buildCommand, error) {
	c := &buildCommand{
		Dir: task.Dir, Objects: task.Limits.Objects, Bytes: task.Limits.Bytes, Time: task.Limits.Time,
		Modes: map[string]render.Mode{}, Lists: map[string][]listed{}, Files: map[string][]byte{},
	}
	if task.Expected == nil {
		return c, nil
	}
	for _, name := range task.Expected() {
		content, err := s.files.Read(s.ctx, name)
		var problem *render.Problem
		if errors.As(err, &problem) || errors.Is(err, fs.ErrNotExist) || int64(len(content)) > s.left {
			continue // the build says so, should it ask
		}
		if err != nil {
			if s.ctx.Err() != nil {
				return c, nil // found out at once
			}
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		s.left -= int64(len(content))
		c.Files[name] = content
		s.brought = append(s.brought, name)
		dir := path.Dir(name)
		if _, known := c.Lists[dir]; !known {
			c.Lists[dir] = s.list(dir)
		}
		for ; dir != "." && c.Modes[dir] == 0; dir = path.Dir(dir) {
			c.Modes[dir] = render.Directory
		}
	}
	return c, nil
}

func (s *serving) list(dir string) []listed {
	entries := s.files.List(dir)
	list := make([]listed, len(entries))
	for i, entry := range entries {
		list[i] = listed{path.Base(entry.Path), entry.Mode}
	}
	return list
}

// answer answers a question about the tree. A path is looked up in it as it is: one
// that is not clean is in no tree.
func (s *serving) answer(q question) (answer, error) {
	if q.Kind != askStat && !s.see(q.Path) {
		return answer{}, errQuestion
	}
	switch q.Kind {
	case askStat:
		entry, ok := s.files.Stat(q.Path)
		return answer{Mode: entry.Mode, Found: ok}, nil
	case askList:
		entry, _ := s.files.Stat(q.Path)
		return answer{List: s.list(q.Path), Found: entry.Mode == render.Directory}, nil
	case askRead:
		return s.read(q.Path)
	}
	return answer{}, errQuestion
}

func (s *serving) read(name string) (answer, error) {
	content, err := s.files.Read(s.ctx, name)
	var problem *render.Problem
	switch {
	case errors.As(err, &problem):
		return answer{Problem: problem}, nil
	case errors.Is(err, fs.ErrNotExist):
		return answer{}, nil
	case err != nil:
		return answer{}, err
	}
	if s.left -= int64(len(content)); s.left < 0 {
		return answer{Problem: &render.Problem{File: name, Message: "rendering reads more bytes than are allowed", Hint: "split the target, or raise the limit"}}, nil
	}
	return answer{Found: true, Content: content}, nil
}

// accept checks what a worker says that it built.
func (s *serving) accept(said builtReply, task render.Task) (render.Built, error) {
	built := render.Built{Reads: s.reads(said.Reads)}
	for _, warning := range said.Warnings[:min(len(said.Warnings), maxWarnings)] {
		built.Warnings = append(built.Warnings, clip(warning))
	}
	if p := said.Problem; p != nil {
		built.Problem = &render.Problem{File: clip(p.File), Line: max(p.Line, 0), Message: clip(p.Message), Hint: clip(p.Hint)}
		return built, nil
	}
	if len(said.Objects) > task.Limits.Objects {
		built.Problem = &render.Problem{File: task.Dir, Message: fmt.Sprintf("renders %d objects, more than the %d that are allowed", len(said.Objects), task.Limits.Objects), Hint: "split the target, or raise the limit"}
		return built, nil
	}
	left := 4 * task.Limits.Bytes
	built.Objects = make([]render.BuiltObject, len(said.Objects))
	for i, object := range said.Objects {
		content := map[string]any{}
		if len(object.Content) > maxObject {
			built.Problem = &render.Problem{File: object.File, Message: fmt.Sprintf("an object of %d bytes is larger than the %d that are allowed", len(object.Content), maxObject), Hint: "no API server takes one of more than a few MiB"}
		} else if err := decoding.Unmarshal(object.Content, &content); err != nil {
			built.Problem = &render.Problem{File: object.File, Message: "holds a value that Kubernetes does not know"}
		} else if left -= weight(content); left < 0 {
			built.Problem = render.TooLarge(task.Dir, 4*task.Limits.Bytes-left, 4*task.Limits.Bytes)
		}
		if built.Problem != nil {
			built.Objects = nil
			return built, nil
		}
		built.Objects[i] = render.BuiltObject{Content: content, Origin: render.Origin{File: object.File, Line: object.Line}}
	}
	return built, nil
}

// maxWarnings and maxText bound what a worker says in words.
const (
	maxWarnings = 1000
	maxText     = 4000 // bytes
)

func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// maxObject bounds one object: decoded it may take many times the room.
const maxObject = 8 << 20

// weight is roughly what a decoded value takes in memory.
func weight(value any) int64 {
	total := int64(32)
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			total += int64(len(key)) + 48 + weight(inner)
		}
	case []any:
		for _, inner := range value {
			total += weight(inner)
		}
	case string:
		total += int64(len(value))
	}
	return total
}
