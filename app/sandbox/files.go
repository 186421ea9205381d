package sandbox

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/slipwayhq/slipway/render"
)

// sentFiles are the worker's sight of a tree: what the command brought along, and
// for the rest the parent, asked over the pipe. It is for one goroutine.
type sentFiles struct {
	line  line
	modes map[string]render.Mode // 0 for what is known not to exist
	lists map[string][]listed
	blobs map[string][]byte
}

var _ render.Files = (*sentFiles)(nil)

func newSentFiles(l line, c buildCommand) *sentFiles {
	f := &sentFiles{line: l, modes: c.Modes, lists: c.Lists, blobs: c.Files}
	if f.modes == nil {
		f.modes = map[string]render.Mode{}
	}
	if f.lists == nil {
		f.lists = map[string][]listed{}
	}
	if f.blobs == nil {
		f.blobs = map[string][]byte{}
	}
	f.index()
	return f
}

// index notes the mode of everything listed.
func (f *sentFiles) index() {
	for dir, list := range f.lists {
		f.modes[dir] = render.Directory
		for _, child := range list {
			f.modes[path.Join(dir, child.Name)] = child.Mode
		}
	}
}

// ask asks the parent. Without one there is nothing left to do.
func (f *sentFiles) ask(kind, name string) answer {
	var next command
	err := f.line.say(reply{Ask: &question{kind, name}})
	if err == nil {
		err = f.line.hear(&next, maxFrame)
	}
	if err != nil || next.Answer == nil {
		os.Exit(3)
	}
	return *next.Answer
}

// Stat implements [render.Files].
func (f *sentFiles) Stat(name string) (render.Entry, bool) {
	mode, known := f.modes[name]
	if _, listed := f.lists[path.Dir(name)]; !known && !listed {
		mode = f.ask(askStat, name).Mode
		f.modes[name] = mode
	}
	return render.Entry{Path: name, Mode: mode}, mode != 0
}

// List implements [render.Files].
func (f *sentFiles) List(dir string) []render.Entry {
	if mode, known := f.modes[dir]; known && mode != render.Directory {
		return nil
	}
	list, known := f.lists[dir]
	if !known {
		said := f.ask(askList, dir)
		if !said.Found {
			return nil
		}
		list = said.List
		f.lists[dir] = list
		for _, child := range list {
			f.modes[path.Join(dir, child.Name)] = child.Mode
		}
	}
	entries := make([]render.Entry, len(list))
	for i, child := range list {
		entries[i] = render.Entry{Path: path.Join(dir, child.Name), Mode: child.Mode}
	}
	return entries
}

// Read implements [render.Files].
func (f *sentFiles) Read(_ context.Context, name string) ([]byte, error) {
	if content, known := f.blobs[name]; known {
		return content, nil
	}
	said := f.ask(askRead, name)
	switch {
	case said.Problem != nil:
		return nil, said.Problem
	case !said.Found:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	f.blobs[name] = said.Content
	return said.Content, nil
}
