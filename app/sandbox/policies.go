package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// Runner returns the pool as what compiles and evaluates policies. A worker that
// does has no other work, and serves one set of policies: what was built in another
// can change no verdict.
func (p *Pool) Runner() policy.Runner { return runner{p} }

type runner struct{ pool *Pool }

// A set is the scope of a worker that serves policies: the digest of their files.
type set [sha256.Size]byte

func setOf(files map[string][]byte) set {
	hash := sha256.New()
	write := func(data []byte) {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(data))))
		hash.Write(data)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write([]byte(name))
		write(files[name])
	}
	return set(hash.Sum(nil))
}

// Limits of a worker that serves policies. Its own limit of time comes first.
const (
	compileTime = 30 * time.Second
	judgeTime   = policy.MaxTime + 10*time.Second
	maxVerdicts = 64 << 20
)

// Compile implements [policy.Runner].
func (r runner) Compile(ctx context.Context, files map[string][]byte) (policy.Summary, []render.Problem, error) {
	w, err := r.pool.take(ctx, setOf(files))
	if err != nil {
		return policy.Summary{}, nil, err
	}
	defer r.pool.release(w)
	said, why, err := r.compile(ctx, w, files)
	if why != "" {
		return policy.Summary{}, []render.Problem{{Message: "compiling the policies " + why}}, nil
	}
	return said.Summary, said.Problems, err
}

func (r runner) compile(ctx context.Context, w *worker, files map[string][]byte) (compiledReply, string, error) {
	said, why, err := r.ask(ctx, w, command{Compile: &compileCommand{Files: files, Time: compileTime}}, compileTime)
	if err != nil || why != "" {
		return compiledReply{}, why, err
	}
	if said.Compiled == nil {
		w.kill()
		return compiledReply{}, "gave an answer that cannot be read", nil
	}
	w.compiled = true
	return *said.Compiled, "", nil
}

// Judge implements [policy.Runner].
func (r runner) Judge(ctx context.Context, files map[string][]byte, facts policy.Facts, inputs []map[string]any) ([][]policy.Verdict, string, error) {
	w, err := r.pool.take(ctx, setOf(files))
	if err != nil {
		return nil, "", err
	}
	defer r.pool.release(w)
	if !w.compiled { // by another worker, that is gone or busy
		if _, why, err := r.compile(ctx, w, files); why != "" || err != nil {
			return nil, why, err
		}
	}
	said, why, err := r.ask(ctx, w, command{Evaluate: &evaluateCommand{Inputs: inputs, Facts: facts, Time: judgeTime}}, judgeTime)
	if err != nil || why != "" {
		return nil, why, err
	}
	var verdicts [][]policy.Verdict
	if said.Verdicts != nil {
		verdicts, err = said.Verdicts.of(len(inputs))
	}
	if said.Verdicts == nil || err != nil {
		w.kill()
		return nil, "gave an answer that cannot be read", nil
	}
	return verdicts, "", nil
}

// ask is the worker's ask; why says how it died of what it was asked.
func (r runner) ask(ctx context.Context, w *worker, c command, most time.Duration) (said reply, why string, err error) {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	said, err = w.ask(limited, c, maxVerdicts, nil)
	switch {
	case err == nil && said.Failure != "":
		w.kill()
		return said, "", errors.New(said.Failure)
	case err == nil:
		return said, "", nil
	case ctx.Err() != nil:
		return said, "", ctx.Err()
	case r.pool.life.Err() != nil:
		return said, "", errClosed
	case limited.Err() != nil:
		return said, policy.TooSlow, nil
	}
	return said, w.dead(err, r.pool.options.Memory).message, nil
}
