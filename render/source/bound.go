package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// watchEvery is how often what arrives is measured. A fast remote sends some hundred
// megabytes meanwhile.
const watchEvery = 100 * time.Millisecond

// bounded runs a fetch and ends it, with its helpers, when more arrives than the mirror
// takes: Git itself knows no such limit. What had arrived is deleted. That there is more
// is a [*render.Problem].
func (m *Mirror) bounded(ctx context.Context, call invocation) error {
	tooMuch := &render.Problem{Message: fmt.Sprintf("the repository has more than %d MiB of history to fetch", m.most>>20)}
	fetching, end := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for tick := time.NewTicker(watchEvery); ; {
			select {
			case <-fetching.Done():
				tick.Stop()
				return
			case <-tick.C:
				if m.arrived() > m.most {
					end(tooMuch)
				}
			}
		}
	})
	_, err := call.run(fetching)
	end(nil)
	watching.Wait()
	if errors.Is(err, tooMuch) {
		return errors.Join(tooMuch, m.removeStale())
	}
	return err
}

// arriving returns the files of packs that are not whole yet.
func (m *Mirror) arriving() ([]string, error) {
	return filepath.Glob(filepath.Join(m.dir, "objects", "pack", "tmp_*"))
}

// arrived returns how many bytes they have.
func (m *Mirror) arrived() (size int64) {
	files, _ := m.arriving() // the pattern is well-formed
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	return size
}

// fetchesOnlyWhenAsked makes sure, once, that git can be kept from fetching what it
// misses on its own. Where it cannot, a remote that answers a fetch with a page makes it
// start itself over and over. That came with 2.45 and, by a fix of May 2024, with 2.39.4
// and its like; distributions have it in versions of other numbers, so git is tried.
var fetchesOnlyWhenAsked = sync.OnceValue(func() error {
	binary, err := installed()
	if err != nil {
		return err
	}
	return tryMissing(binary)
})

// tryMissing asks git for an object that is missing from a partial clone whose remote
// may not be reached.
func tryMissing(binary string) error {
	dir, err := os.MkdirTemp("", "slipway-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := create(dir, sha1Length); err != nil {
		return err
	}
	try := invocation{dir: dir, binary: binary, args: []string{"cat-file", "-e", strings.Repeat("1", sha1Length)}}
	try.settings = []setting{{"remote.origin.url", "https://slipway.invalid/"}, {"remote.origin.promisor", "true"}}
	_, err = try.run(context.Background())
	var failed *failure
	if !errors.As(err, &failed) {
		return fmt.Errorf("try git: want a missing object, got %w", err)
	}
	if failed.says("not allowed") { // the transport: it was about to fetch
		return errors.New("this git fetches what it misses even when told not to: version 2.45 or newer is needed, or 2.39.4 and other releases since May 2024")
	}
	return nil
}
