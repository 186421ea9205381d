package sandbox

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// What goes over the pipes is frames: four bytes, big-endian, of length, and that
// many bytes of CBOR. The parent says a command; the worker asks about files, one
// question at a time, and then replies.

// A command is what the parent says. Exactly one field is set.
type command struct {
	Setup    *setup
	Build    *buildCommand
	Compile  *compileCommand
	Evaluate *evaluateCommand
	Answer   *answer
}

// setup is the first command of all.
type setup struct {
	Memory int64
	Tries  tries
}

// buildCommand asks for a build, and gives what it will probably read.
type buildCommand struct {
	Dir     string
	Objects int
	Bytes   int64
	Time    time.Duration
	Modes   map[string]render.Mode // of directories on the way to files
	Lists   map[string][]listed    // directories, in full
	Files   map[string][]byte      // blobs
}

// listed is an entry of a directory.
type listed struct {
	Name string // in the directory
	Mode render.Mode
}

// compileCommand asks to compile policies, which later commands are then about.
type compileCommand struct {
	Files map[string][]byte
	Time  time.Duration
}

// evaluateCommand asks the compiled policies about objects.
type evaluateCommand struct {
	Inputs []map[string]any
	Facts  policy.Facts
	Time   time.Duration
}

// answer is what a question about a path comes to.
type answer struct {
	Mode    render.Mode
	Found   bool
	List    []listed
	Content []byte
	Problem *render.Problem
}

// A reply is what the worker says. Exactly one field is set.
type reply struct {
	Hello    *hello
	Ask      *question
	Built    *builtReply
	Compiled *compiledReply
	Verdicts *verdictsReply
	Failure  string // why a command cannot be done; never a person's mistake
}

// hello follows the set-up.
type hello struct {
	Gap     string   // why there is no sandbox; empty where there is
	Refused []string // what was tried, and refused
}

// The kinds of a question.
const (
	askStat = "stat"
	askList = "list"
	askRead = "read"
)

type question struct {
	Kind, Path string
}

type builtReply struct {
	Objects  []builtObject
	Warnings []string
	Reads    []string
	Problem  *render.Problem
}

type builtObject struct {
	File    string
	Line    int
	Content cbor.RawMessage
}

type compiledReply struct {
	Summary  policy.Summary
	Problems []render.Problem
}

// verdictsReply has a list of [policy.Verdict] for each input. A verdict of two bytes
// takes a hundred here, so that they are decoded one list after the other.
type verdictsReply struct {
	Verdicts []cbor.RawMessage
}

// allVerdicts is how many verdicts one reply may have.
const allVerdicts = 1 << 20

func (r verdictsReply) of(inputs int) ([][]policy.Verdict, error) {
	if len(r.Verdicts) > inputs {
		return nil, errors.New("there are more verdicts than inputs")
	}
	all, left := make([][]policy.Verdict, len(r.Verdicts)), allVerdicts
	for i, encoded := range r.Verdicts {
		var elements []cbor.RawMessage // as few bytes each as can be
		if err := decoding.Unmarshal(encoded, &elements); err != nil {
			return nil, err
		}
		if left -= len(elements); left < 0 {
			return nil, errTooLarge
		}
		if err := decoding.Unmarshal(encoded, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// errTooLarge ends a conversation in which the other side says too much.
var errTooLarge = errors.New("the message is larger than allowed")

// A line is one side's end of the pipes.
type line struct {
	in  *bufio.Reader
	out *bufio.Writer
}

func newLine(in io.Reader, out io.Writer) line {
	return line{bufio.NewReaderSize(in, 64<<10), bufio.NewWriterSize(out, 64<<10)}
}

// say writes one message.
func (l line) say(message any) error {
	body, err := encoding.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if int64(len(body)) > maxFrame {
		return errTooLarge
	}
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(body)))
	_, err = l.out.Write(length[:])
	if err == nil {
		_, err = l.out.Write(body)
	}
	if err == nil {
		err = l.out.Flush()
	}
	return err
}

// maxFrame bounds any message, and is what a length can say.
const maxFrame = 1 << 30

// hear reads one message of at most limit bytes. Room is made as they arrive, not
// as they are announced.
func (l line) hear(message any, limit int64) error {
	var length [4]byte
	if _, err := io.ReadFull(l.in, length[:]); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(length[:]))
	if size > limit {
		return errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(l.in, size))
	if err == nil && int64(len(body)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if err := decoding.Unmarshal(body, message); err != nil {
		return fmt.Errorf("decode: %v", err) // an end of file in it is not the pipe's
	}
	return nil
}

// encoding and decoding keep integers and fractions apart, which JSON does not, and
// take nothing but the shapes of encoding/json.
var (
	encoding = must(cbor.EncOptions{}.EncMode())
	decoding = must(cbor.DecOptions{
		DefaultMapType:        reflect.TypeFor[map[string]any](),
		DefaultByteStringType: reflect.TypeFor[string](),
		IntDec:                cbor.IntDecConvertSignedOrFail,
		UTF8:                  cbor.UTF8DecodeInvalid, // a YAML's !!binary may hold anything
		TagsMd:                cbor.TagsForbidden,
		NaN:                   cbor.NaNDecodeForbidden,
		Inf:                   cbor.InfDecodeForbidden,
		MaxNestedLevels:       2000,
		MaxArrayElements:      1 << 22,
		MaxMapPairs:           1 << 22,
	}.DecMode())
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err) // of constants
	}
	return value
}
