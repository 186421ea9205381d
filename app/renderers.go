package app

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// renderers implements [handlers.Renderers]: an engine, with its cache, for each
// repository and set of sensitive fields.
type renderers struct {
	// key makes the marks of masked values: equal values have equal marks in one
	// installation of Slipway, and nobody outside can try values against them.
	key []byte
	// sensitive are the operator's fields, which no repository can show.
	sensitive []render.SensitiveField
	// builder builds, in time; nil for this process.
	builder render.Builder
	time    time.Duration

	mu      sync.Mutex
	engines map[string]*render.Engine
}

func newRenderers(key []byte, sensitive []render.SensitiveField, builder render.Builder, limit time.Duration) *renderers {
	return &renderers{key: key, sensitive: sensitive, builder: builder, time: limit, engines: make(map[string]*render.Engine)}
}

// stats are the counts of all engines.
func (r *renderers) stats() (all render.Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, engine := range r.engines {
		one := engine.Stats()
		all.Renders += one.Renders
		all.Hits += one.Hits
		all.CachedBytes += one.CachedBytes
	}
	return all
}

// maskKey derives the key of masks from a secret that stays the same over
// restarts, so that an unchanged report stays unchanged.
func maskKey(secret []byte) []byte {
	sum := sha256.Sum256(append([]byte("slipway mask key\x00"), secret...))
	return sum[:]
}

// Engine implements [handlers.Renderers].
func (r *renderers) Engine(repo handlers.Repository, sensitive []render.SensitiveField) *render.Engine {
	fields, err := json.Marshal(sensitive)
	if err != nil {
		panic(err) // of two strings
	}
	name := fmt.Sprintf("%d/%s", repo.Installation, repo)
	key := fmt.Sprintf("%s %x", name, sha256.Sum256(fields))
	r.mu.Lock()
	defer r.mu.Unlock()
	if engine := r.engines[key]; engine != nil {
		return engine
	}
	engine := render.New(render.Options{
		Masker:  render.NewMasker(r.key, append(sensitive[:len(sensitive):len(sensitive)], r.sensitive...)),
		Builder: r.builder, Repository: name, Limits: render.Limits{Time: r.time},
	})
	r.engines[key] = engine
	return engine
}
