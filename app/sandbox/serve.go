package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// Verb is the argument by which a program is started as a worker.
const Verb = "worker"

// Intercept serves as a worker and ends the process where it was started as one.
// The main of a test calls it first, so that the test's own binary can be the
// program of its workers.
func Intercept() {
	if len(os.Args) == 2 && os.Args[1] == Verb {
		os.Exit(Serve())
	}
}

// Serve is the worker's side: it confines this process, for good, and then does
// what the parent says on standard input until that ends. It returns the exit code.
func Serve() int {
	s := server{line: newLine(os.Stdin, os.Stdout)}
	if err := s.run(); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

// A server is a worker's state.
type server struct {
	line     line
	policies *policy.Policies // that were compiled last
}

func (s *server) run() error {
	var first command
	if err := s.line.hear(&first, maxFrame); err != nil {
		return err
	}
	if first.Setup == nil {
		return errors.New("the first command is no set-up")
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(first.Setup.Memory / 2)
	said := hello{}
	if err := confine(first.Setup.Memory); err != nil {
		said.Gap = err.Error()
	} else {
		said.Refused, said.Gap = first.Setup.Tries.run()
	}
	warm()
	if err := s.line.say(reply{Hello: &said}); err != nil {
		return err
	}
	for {
		var next command
		if err := s.line.hear(&next, maxFrame); err != nil {
			return err
		}
		if err := s.line.say(s.do(next)); err != nil {
			return err
		}
	}
}

// do does one command. Whatever panics in it ends the process: the command dies
// with its worker.
func (s *server) do(c command) reply {
	switch {
	case c.Build != nil:
		defer selfDestruct(c.Build.Time)()
		return s.build(*c.Build)
	case c.Compile != nil:
		defer selfDestruct(c.Compile.Time)()
		policies, problems := policy.Compile(context.Background(), c.Compile.Files)
		s.policies = policies
		said := &compiledReply{Problems: problems}
		if policies != nil {
			said.Summary = policies.Summary()
		}
		return reply{Compiled: said}
	case c.Evaluate != nil && s.policies != nil:
		defer selfDestruct(c.Evaluate.Time)()
		verdicts, err := s.policies.Given(c.Evaluate.Facts).Judge(context.Background(), c.Evaluate.Inputs)
		if err != nil {
			return reply{Failure: err.Error()}
		}
		said := &verdictsReply{Verdicts: make([]cbor.RawMessage, len(verdicts))}
		for i := range verdicts {
			if said.Verdicts[i], err = encoding.Marshal(verdicts[i]); err != nil {
				return reply{Failure: err.Error()}
			}
		}
		return reply{Verdicts: said}
	}
	return reply{Failure: "the command is unknown"}
}

// selfDestruct ends the process some time after the parent should have, in case
// that the parent is gone.
func selfDestruct(after time.Duration) (disarm func()) {
	timer := time.AfterFunc(after+10*time.Second, func() { os.Exit(3) })
	return func() { timer.Stop() }
}

func (s *server) build(c buildCommand) reply {
	files := newSentFiles(s.line, c)
	task := render.Task{Dir: c.Dir, Limits: render.Limits{Objects: c.Objects, Bytes: c.Bytes, Time: c.Time}}
	built, err := render.Build(context.Background(), files, task)
	if err != nil {
		return reply{Failure: err.Error()}
	}
	said := &builtReply{Objects: make([]builtObject, len(built.Objects)), Warnings: built.Warnings, Reads: built.Reads, Problem: built.Problem}
	size := int64(0)
	for i, object := range built.Objects {
		content, err := encoding.Marshal(object.Content)
		if err != nil {
			return reply{Failure: err.Error()}
		}
		if size += int64(len(content)); size > c.Bytes {
			return reply{Built: &builtReply{Warnings: built.Warnings, Reads: built.Reads, Problem: render.TooLarge(c.Dir, size, c.Bytes)}}
		}
		said.Objects[i] = builtObject{object.Origin.File, object.Origin.Line, content}
	}
	return reply{Built: said}
}

// warm makes the engines load what they load once, so that no target waits for it.
func warm() {
	files := &sentFiles{
		modes: map[string]render.Mode{".": render.Directory},
		lists: map[string][]listed{".": {{"kustomization.yaml", render.File}, {"a.yaml", render.File}}},
		blobs: map[string][]byte{
			"kustomization.yaml": []byte("resources: [a.yaml]\nnamePrefix: a-\n"),
			"a.yaml":             []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
		},
	}
	files.index()
	// What it comes to does not matter.
	_, _ = render.Build(context.Background(), files, render.Task{Dir: ".", Limits: render.Limits{Objects: 1, Bytes: 1 << 20, Time: time.Minute}})
}
