package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
)

const (
	// commentRunes is GitHub's limit on a comment, in characters.
	commentRunes = 65536
	// commentsKnown bounds the comment ids that are remembered.
	commentsKnown = 10000
)

// Comments keeps the report comment of pull requests. It implements
// [handlers.Comments]. A comment is ours when its first line is the marker and
// our own App wrote it; anybody can copy a marker, nobody our identity.
type Comments struct {
	app *App

	mu    sync.Mutex
	known map[string]int64 // owner/name#number → comment id
}

// Comments returns the keeper of report comments.
func (a *App) Comments() *Comments {
	return &Comments{app: a, known: map[string]int64{}}
}

// comment is an issue comment. go-github's type leaves out the App that wrote it.
type comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"user"`
	App *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// Publish implements [handlers.Comments]. Body begins with the marker. Where
// several comments of ours exist (two replicas created at once), the oldest is
// kept and the others deleted: they say the same, and their readers lose nothing.
func (c *Comments) Publish(ctx context.Context, repo handlers.Repository, pull int, body string) error {
	if !strings.HasPrefix(body, report.Marker) {
		return fmt.Errorf("publish on %s#%d: the body does not begin with the marker", repo, pull)
	}
	body = cutRunes(body, commentRunes)
	existing, err := c.find(ctx, repo, pull)
	if err != nil {
		return err
	}
	if existing == nil {
		return c.create(ctx, repo, pull, body)
	}
	err = c.edit(ctx, repo, pull, existing, body)
	if errors.Is(err, handlers.ErrGone) { // deleted between the two calls
		c.forget(repo, pull)
		return c.create(ctx, repo, pull, body)
	}
	return err
}

// find returns our comment, nil where there is none: by the id that is
// remembered, else by looking through the pull request.
func (c *Comments) find(ctx context.Context, repo handlers.Repository, pull int) (*comment, error) {
	if id, ok := c.recall(repo, pull); ok {
		existing, err := c.get(ctx, repo, id)
		if err == nil || !errors.Is(err, handlers.ErrGone) {
			return existing, err
		}
		c.forget(repo, pull)
	}
	ours, err := c.list(ctx, repo, pull)
	if err != nil || len(ours) == 0 {
		return nil, err
	}
	for _, duplicate := range ours[1:] {
		if err := c.delete(ctx, repo, duplicate.ID); err != nil && !errors.Is(err, handlers.ErrGone) {
			return nil, err
		}
	}
	c.remember(repo, pull, ours[0].ID)
	return &ours[0], nil
}

// create writes the comment. When GitHub fails, it may have done it all the same:
// then the comment is looked for, and only without one is it an error. The next
// attempt looks again before it creates.
func (c *Comments) create(ctx context.Context, repo handlers.Repository, pull int, body string) error {
	id, err := c.post(ctx, repo, pull, body)
	if err == nil {
		c.remember(repo, pull, id)
		return nil
	}
	if !errors.Is(err, ErrTemporary) {
		return err
	}
	existing, lookErr := c.find(ctx, repo, pull)
	if lookErr != nil || existing == nil {
		return err
	}
	return c.edit(ctx, repo, pull, existing, body)
}

func (c *Comments) edit(ctx context.Context, repo handlers.Repository, pull int, existing *comment, body string) error {
	if sameText(existing.Body, body) {
		return nil
	}
	return c.app.call(ctx, issuesUpdateComment, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Issues.EditComment(ctx, repo.Owner, repo.Name, existing.ID, &gogithub.IssueComment{Body: &body})
		return err
	})
}

func (c *Comments) post(ctx context.Context, repo handlers.Repository, pull int, body string) (id int64, err error) {
	err = c.app.call(ctx, issuesCreateComment, repo, func(ctx context.Context, client *gogithub.Client) error {
		created, _, err := client.Issues.CreateComment(ctx, repo.Owner, repo.Name, pull, &gogithub.IssueComment{Body: &body})
		id = created.GetID()
		return err
	})
	return id, err
}

func (c *Comments) get(ctx context.Context, repo handlers.Repository, id int64) (*comment, error) {
	var got comment
	err := c.app.call(ctx, issuesGetComment, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, err := read(ctx, client, fmt.Sprintf("repos/%s/%s/issues/comments/%d", repo.Owner, repo.Name, id), &got)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &got, nil
}

func (c *Comments) delete(ctx context.Context, repo handlers.Repository, id int64) error {
	return c.app.call(ctx, issuesDeleteComment, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, err := client.Issues.DeleteComment(ctx, repo.Owner, repo.Name, id)
		return err
	})
}

// list returns our comments on the first page that has any, oldest first, which
// is the order that GitHub lists them in. Duplicates come of two creations at
// the same moment, so they are neighbours.
func (c *Comments) list(ctx context.Context, repo handlers.Repository, pull int) ([]comment, error) {
	var ours []comment
	for page := 1; page != 0 && len(ours) == 0; {
		var comments []comment
		err := c.app.call(ctx, issuesListComments, repo, func(ctx context.Context, client *gogithub.Client) error {
			path := fmt.Sprintf("repos/%s/%s/issues/%d/comments?per_page=100&page=%d", repo.Owner, repo.Name, pull, page)
			response, err := read(ctx, client, path, &comments)
			if err == nil {
				page = response.NextPage
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, candidate := range comments {
			mine, err := c.ours(ctx, candidate)
			if err != nil {
				return nil, err
			}
			if mine {
				ours = append(ours, candidate)
			}
		}
	}
	return ours, nil
}

// ours reports whether our App wrote the comment as itself (a person may also
// write through an App, then the user is theirs) and it begins with the marker.
func (c *Comments) ours(ctx context.Context, candidate comment) (bool, error) {
	if !strings.HasPrefix(candidate.Body, report.Marker) || candidate.User.Type != "Bot" {
		return false, nil
	}
	if candidate.App != nil {
		return candidate.App.ID == c.app.id, nil
	}
	slug, err := c.app.Slug(ctx)
	return slug != "" && candidate.User.Login == slug+"[bot]", err
}

// read gets a path of the API into v, for what go-github has no type.
func read(ctx context.Context, client *gogithub.Client, path string, v any) (*gogithub.Response, error) {
	request, err := client.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(ctx, request, v)
}

func (c *Comments) recall(repo handlers.Repository, pull int) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.known[place(repo, pull)]
	return id, ok
}

func (c *Comments) remember(repo handlers.Repository, pull int, id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= commentsKnown {
		clear(c.known) // costs a look each, once
	}
	c.known[place(repo, pull)] = id
}

func (c *Comments) forget(repo handlers.Repository, pull int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, place(repo, pull))
}

func place(repo handlers.Repository, pull int) string { return fmt.Sprintf("%s#%d", repo, pull) }

// sameText compares as GitHub keeps text: line ends are normalised and what is
// blank at the end is dropped.
func sameText(a, b string) bool { return normal(a) == normal(b) }

func normal(s string) string {
	return strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), " \t\r\n")
}

// cutRunes shortens s to at most limit characters, whole ones.
func cutRunes(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	count := 0
	for i := range s {
		if count == limit {
			return s[:i]
		}
		count++
	}
	return s
}

// cutBytes shortens s to at most limit bytes, whole characters.
func cutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
