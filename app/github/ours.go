package github

import (
	"context"
	"strings"
	"sync"
	"time"
)

// A byline says who wrote something. go-github's types leave out the App.
type byline struct {
	User account `json:"user"`
	App  *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

type account struct {
	Login string `json:"login"`
	Type  string `json:"type"` // User, Bot, …
}

// wrote reports whether our App wrote something as itself: a person may also write
// through an App, then the user is theirs.
func (a *App) wrote(ctx context.Context, by byline) (bool, error) {
	if by.User.Type != "Bot" {
		return false, nil
	}
	if by.App != nil {
		return by.App.ID == a.id, nil
	}
	bot, err := a.bot(ctx)
	return err == nil && by.User.Login == bot, err
}

// bot is the login of the App's own account.
func (a *App) bot(ctx context.Context) (string, error) {
	slug, err := a.Slug(ctx)
	return slug + "[bot]", err
}

// markerOf returns a text's first line where that is an HTML comment, by which
// what we wrote is found again; else "".
func markerOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimRight(line, " \t\r")
	if !strings.HasPrefix(line, "<!-- slipway:") || !strings.HasSuffix(line, " -->") {
		return ""
	}
	return line
}

const (
	// idsKnown bounds what one [ids] remembers.
	idsKnown = 10000
	// absence is how long it counts that something was looked for and not there.
	absence = time.Minute
)

// ids remembers which id GitHub gave to what we made. It is only ever a short cut:
// what is not remembered is looked for.
type ids struct {
	mu    sync.Mutex
	known map[string]int64
	none  map[string]time.Time // looked for then, and not there
}

func newIDs() *ids { return &ids{known: map[string]int64{}, none: map[string]time.Time{}} }

func (i *ids) recall(name string) (int64, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	id, ok := i.known[name]
	return id, ok
}

func (i *ids) remember(name string, id int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.known[name] = id
	i.bound()
}

func (i *ids) forget(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.known, name)
}

// absent remembers that something is not there.
func (i *ids) absent(name string, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.none[name] = now
	i.bound()
}

// wasAbsent reports whether something was not there a moment ago. It says so once,
// to the one who then makes it.
func (i *ids) wasAbsent(name string, now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	at, ok := i.none[name]
	delete(i.none, name)
	return ok && now.Sub(at) < absence
}

// bound forgets everything when it is too much, which costs a look each, once.
func (i *ids) bound() {
	if len(i.known)+len(i.none) > idsKnown {
		clear(i.known)
		clear(i.none)
	}
}
