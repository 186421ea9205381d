package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// commentRunes is GitHub's limit on a comment, in characters.
const commentRunes = 65536

// Comments keeps comments of pull requests: the report, what became of the merge,
// the answer to a command. It implements [handlers.Comments] and
// [handlers.PublishedComments]. Which comment is meant is said by the marker, the
// first line of its body; a comment is ours when our own App wrote it. Anybody can
// copy a marker, nobody our identity.
type Comments struct {
	app   *App
	known *ids
}

// Comments returns the keeper of comments.
func (a *App) Comments() *Comments { return &Comments{app: a, known: newIDs()} }

// comment is an issue comment.
type comment struct {
	byline
	ID        int64     `json:"id"`
	Body      string    `json:"body"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Publish implements [handlers.Comments]. Body begins with a marker. Where several
// comments of ours have it (two replicas created at once), the oldest is kept and
// the others deleted: they say the same, and their readers lose nothing.
func (c *Comments) Publish(ctx context.Context, repo handlers.Repository, pull int, body string) error {
	body = cutRunes(body, commentRunes)
	p := place{repo, pull, markerOf(body)}
	if p.marker == "" {
		return fmt.Errorf("publish on %s#%d: the body does not begin with a marker", repo, pull)
	}
	if c.known.wasAbsent(p.String(), c.app.now()) { // whoever writes has just looked
		return c.create(ctx, p, body)
	}
	existing, err := c.find(ctx, p)
	if err != nil {
		return err
	}
	if existing == nil {
		return c.create(ctx, p, body)
	}
	err = c.edit(ctx, p, existing, body)
	if errors.Is(err, handlers.ErrGone) { // deleted between the two calls
		c.known.forget(p.String())
		return c.create(ctx, p, body)
	}
	return err
}

// Published implements [handlers.PublishedComments].
func (c *Comments) Published(ctx context.Context, repo handlers.Repository, pull int, marker string) (string, time.Time, error) {
	p := place{repo, pull, marker}
	existing, err := c.find(ctx, p)
	if err != nil {
		return "", time.Time{}, err
	}
	if existing == nil {
		c.known.absent(p.String(), c.app.now())
		return "", time.Time{}, nil
	}
	return existing.Body, existing.UpdatedAt, nil
}

// A place is where a comment is: a pull request, and which of ours there.
type place struct {
	repo   handlers.Repository
	pull   int
	marker string
}

// String identifies the place.
func (p place) String() string { return fmt.Sprintf("%s#%d %s", p.repo, p.pull, p.marker) }

// find returns our comment, nil where there is none: by the id that is
// remembered, else by looking through the pull request.
func (c *Comments) find(ctx context.Context, p place) (*comment, error) {
	if id, ok := c.known.recall(p.String()); ok {
		existing, err := c.get(ctx, p.repo, id)
		if err == nil || !errors.Is(err, handlers.ErrGone) {
			return existing, err
		}
		c.known.forget(p.String())
	}
	ours, err := c.list(ctx, p)
	if err != nil || len(ours) == 0 {
		return nil, err
	}
	for _, duplicate := range ours[1:] {
		if err := c.delete(ctx, p.repo, duplicate.ID); err != nil && !errors.Is(err, handlers.ErrGone) {
			return nil, err
		}
	}
	c.known.remember(p.String(), ours[0].ID)
	return &ours[0], nil
}

// create writes the comment. When GitHub fails, it may have done it all the same:
// then the comment is looked for, and only without one is it an error. The next
// attempt looks again before it creates.
func (c *Comments) create(ctx context.Context, p place, body string) error {
	id, err := c.post(ctx, p.repo, p.pull, body)
	if err == nil {
		c.known.remember(p.String(), id)
		return nil
	}
	if !errors.Is(err, ErrTemporary) {
		return err
	}
	existing, lookErr := c.find(ctx, p)
	if lookErr != nil || existing == nil {
		return err
	}
	return c.edit(ctx, p, existing, body)
}

func (c *Comments) edit(ctx context.Context, p place, existing *comment, body string) error {
	if sameText(existing.Body, body) {
		return nil
	}
	return c.app.call(ctx, issuesUpdateComment, p.repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Issues.EditComment(ctx, p.repo.Owner, p.repo.Name, existing.ID, &gogithub.IssueComment{Body: &body})
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
func (c *Comments) list(ctx context.Context, p place) ([]comment, error) {
	var ours []comment
	for page := 1; page != 0 && len(ours) == 0; {
		var comments []comment
		err := c.app.call(ctx, issuesListComments, p.repo, func(ctx context.Context, client *gogithub.Client) error {
			path := fmt.Sprintf("repos/%s/%s/issues/%d/comments?per_page=100&page=%d", p.repo.Owner, p.repo.Name, p.pull, page)
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
			mine, err := c.ours(ctx, p.marker, candidate)
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

// ours reports whether a comment has the marker and our App wrote it.
func (c *Comments) ours(ctx context.Context, marker string, candidate comment) (bool, error) {
	if markerOf(candidate.Body) != marker {
		return false, nil
	}
	return c.app.wrote(ctx, candidate.byline)
}

// read gets a path of the API into v, for what go-github has no type.
func read(ctx context.Context, client *gogithub.Client, path string, v any) (*gogithub.Response, error) {
	request, err := client.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(ctx, request, v)
}

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
