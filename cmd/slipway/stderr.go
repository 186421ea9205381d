package main

import (
	"bytes"
	"io"
	"os"
)

// stderr is where this program itself writes what is no result.
var stderr = os.Stderr

// deprecated begins what kustomize writes to os.Stderr of each deprecated field, at
// each reading, without the file's name.
var deprecated = []byte("# Warning: '")

// quiet keeps those lines from standard error: [render.Rendered.Warnings] say the
// same, once and with the file. Whatever else the program's libraries write there, a
// credential plugin that asks a person to log in for one, passes. The result ends it.
func quiet() (end func()) {
	read, write, err := os.Pipe()
	if err != nil {
		return func() {} // with the noise, then
	}
	os.Stderr = write
	done := make(chan struct{})
	go func() {
		defer close(done)
		sift(stderr, read)
	}()
	return func() {
		os.Stderr = stderr
		_ = write.Close() // nothing is lost: pipes do not buffer on this side
		<-done
	}
}

// sift copies all lines but those of deprecated fields, and the beginning of a line,
// which may be a question, as soon as it is known to be none of those.
func sift(to io.Writer, from io.Reader) {
	var held []byte // the beginning of a line
	begun := false  // a line is copied in part
	chunk := make([]byte, 4096)
	for {
		n, err := from.Read(chunk)
		held = append(held, chunk[:n]...)
		for len(held) > 0 {
			line, rest, whole := bytes.Cut(held, []byte("\n"))
			if !whole && !begun && bytes.HasPrefix(deprecated, line[:min(len(line), len(deprecated))]) && err == nil {
				break // it may become one
			}
			if begun || !bytes.HasPrefix(line, deprecated) {
				_, _ = to.Write(held[:len(held)-len(rest)]) // there is nowhere to say that it fails
			}
			begun, held = !whole, rest
		}
		if err != nil {
			return
		}
	}
}
