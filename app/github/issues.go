package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

const (
	// issueTitleRunes is GitHub's limit on the title of issues and pull requests.
	issueTitleRunes = 256
	// reopenWithin is how long after its end an issue is taken up again.
	reopenWithin = 7 * 24 * time.Hour
	// closingOnce is how long a closing comment is not repeated, so that one whose
	// answer was lost is not written twice.
	closingOnce = time.Hour
)

// Issues keeps issues. It implements [handlers.Issues]. An issue is ours when the
// first line of its body is the marker and our own App opened it.
type Issues struct{ app *App }

// Issues returns the keeper of issues.
func (a *App) Issues() *Issues { return &Issues{a} }

// issue is an issue; pull requests are listed among them.
type issue struct {
	byline
	Number   int       `json:"number"`
	Title    string    `json:"title"`
	Body     string    `json:"body"`
	ClosedAt time.Time `json:"closed_at"`
	Pull     *struct{} `json:"pull_request"`
}

// Keep implements [handlers.Issues]. Where several open issues of ours have the
// marker (two replicas opened them at once), the oldest stays.
func (i *Issues) Keep(ctx context.Context, repo handlers.Repository, marker, title, body string) (int, error) {
	title, body = cutRunes(title, issueTitleRunes), cutRunes(body, commentRunes)
	if marker == "" || markerOf(body) != marker {
		return 0, fmt.Errorf("keep an issue of %s: its body does not begin with the marker %q", repo, marker)
	}
	open, err := i.open(ctx, repo, marker)
	if err != nil {
		return 0, noIssues(err)
	}
	state := ""
	if len(open) == 0 {
		state = "open"
		if open, err = i.closed(ctx, repo, marker); err != nil {
			return 0, noIssues(err)
		}
	}
	if len(open) == 0 {
		return i.create(ctx, repo, marker, title, body)
	}
	for _, duplicate := range open[1:] {
		if err := i.close(ctx, repo, duplicate.Number); err != nil {
			return 0, err
		}
	}
	kept := open[0]
	if state == "" && kept.Title == title && sameText(kept.Body, body) {
		return kept.Number, nil
	}
	err = i.edit(ctx, repo, kept.Number, &gogithub.IssueRequest{Title: &title, Body: &body, State: optional(state)})
	if errors.Is(err, handlers.ErrGone) { // deleted between the two calls
		return i.create(ctx, repo, marker, title, body)
	}
	return kept.Number, err
}

// Find implements [handlers.Issues].
func (i *Issues) Find(ctx context.Context, repo handlers.Repository, marker string) (int, string, error) {
	open, err := i.open(ctx, repo, marker)
	if err != nil || len(open) == 0 {
		return 0, "", onlyOthers(err)
	}
	return open[0].Number, open[0].Body, nil
}

// Close implements [handlers.Issues]. The comment comes first, so that whoever is
// told of the end can read why.
func (i *Issues) Close(ctx context.Context, repo handlers.Repository, marker, closing string) error {
	open, err := i.open(ctx, repo, marker)
	if err != nil || len(open) == 0 {
		return onlyOthers(err)
	}
	err = i.comment(ctx, repo, open[0].Number, cutRunes(closing, commentRunes))
	if err != nil && !errors.Is(err, ErrForbidden) { // a locked conversation can be closed all the same
		return err
	}
	for _, each := range open {
		if err := i.close(ctx, repo, each.Number); err != nil {
			return err
		}
	}
	return nil
}

// Open implements [handlers.Issues].
func (i *Issues) Open(ctx context.Context, repo handlers.Repository, prefix string) ([]string, error) {
	ours, err := i.list(ctx, repo, func(marker string) bool { return strings.HasPrefix(marker, prefix) }, "state=open")
	if err != nil {
		return nil, onlyOthers(err)
	}
	var markers []string
	for _, each := range ours {
		markers = append(markers, markerOf(each.Body))
	}
	slices.Sort(markers)
	return slices.Compact(markers), nil
}

// open returns our open issues with the marker, oldest first.
func (i *Issues) open(ctx context.Context, repo handlers.Repository, marker string) ([]issue, error) {
	return i.list(ctx, repo, is(marker), "state=open")
}

func is(marker string) func(string) bool { return func(other string) bool { return other == marker } }

// closed returns our issue with the marker that closed last, less than a week ago.
func (i *Issues) closed(ctx context.Context, repo handlers.Repository, marker string) ([]issue, error) {
	since := i.app.now().Add(-reopenWithin)
	recent, err := i.list(ctx, repo, is(marker), "state=closed&since="+url.QueryEscape(since.UTC().Format(time.RFC3339)))
	var last []issue
	for _, each := range recent {
		if each.ClosedAt.After(since) && (last == nil || !each.ClosedAt.Before(last[0].ClosedAt)) {
			last = []issue{each}
		}
	}
	return last, err
}

// list returns our issues with a marker that is meant, oldest first.
func (i *Issues) list(ctx context.Context, repo handlers.Repository, meant func(marker string) bool, filter string) ([]issue, error) {
	bot, err := i.app.bot(ctx)
	if err != nil {
		return nil, err
	}
	var ours []issue
	for page := 1; page != 0; {
		var found []issue
		err := i.app.call(ctx, issuesList, repo, func(ctx context.Context, client *gogithub.Client) error {
			path := fmt.Sprintf("repos/%s/%s/issues?creator=%s&%s&sort=created&direction=asc&per_page=100&page=%d",
				repo.Owner, repo.Name, url.QueryEscape(bot), filter, page)
			response, err := read(ctx, client, path, &found)
			if err == nil {
				page = response.NextPage
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, candidate := range found {
			if candidate.Pull != nil || markerOf(candidate.Body) == "" || !meant(markerOf(candidate.Body)) {
				continue
			}
			mine, err := i.app.wrote(ctx, candidate.byline)
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

// create opens an issue. When GitHub fails, it may have done it all the same: then it
// is looked for, and only without one is it an error.
func (i *Issues) create(ctx context.Context, repo handlers.Repository, marker, title, body string) (number int, err error) {
	err = i.app.call(ctx, issuesCreate, repo, func(ctx context.Context, client *gogithub.Client) error {
		created, _, err := client.Issues.Create(ctx, repo.Owner, repo.Name, &gogithub.IssueRequest{Title: &title, Body: &body})
		number = created.GetNumber()
		return err
	})
	if errors.Is(err, ErrTemporary) {
		if open, lookErr := i.open(ctx, repo, marker); lookErr == nil && len(open) > 0 {
			return open[0].Number, nil
		}
	}
	return number, noIssues(err)
}

func (i *Issues) close(ctx context.Context, repo handlers.Repository, number int) error {
	return i.edit(ctx, repo, number, &gogithub.IssueRequest{State: optional("closed")})
}

func (i *Issues) edit(ctx context.Context, repo handlers.Repository, number int, request *gogithub.IssueRequest) error {
	return i.app.call(ctx, issuesUpdate, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Issues.Edit(ctx, repo.Owner, repo.Name, number, request)
		return err
	})
}

// comment says text on an issue, unless we said so within the hour. When GitHub
// fails, it may have been said all the same.
func (i *Issues) comment(ctx context.Context, repo handlers.Repository, number int, text string) error {
	if said, err := i.said(ctx, repo, number, text); err != nil || said {
		return err
	}
	err := i.app.call(ctx, issuesCreateComment, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Issues.CreateComment(ctx, repo.Owner, repo.Name, number, &gogithub.IssueComment{Body: &text})
		return err
	})
	if errors.Is(err, ErrTemporary) {
		if said, lookErr := i.said(ctx, repo, number, text); lookErr == nil && said {
			return nil
		}
	}
	return err
}

// said reports whether we said text on an issue within the hour.
func (i *Issues) said(ctx context.Context, repo handlers.Repository, number int, text string) (bool, error) {
	var recent []comment
	err := i.app.call(ctx, issuesListComments, repo, func(ctx context.Context, client *gogithub.Client) error {
		since := i.app.now().Add(-closingOnce).UTC().Format(time.RFC3339)
		path := fmt.Sprintf("repos/%s/%s/issues/%d/comments?since=%s&per_page=100", repo.Owner, repo.Name, number, url.QueryEscape(since))
		_, err := read(ctx, client, path, &recent)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, each := range recent {
		ours, err := i.app.wrote(ctx, each.byline)
		if err != nil || ours && sameText(each.Body, text) {
			return err == nil, err
		}
	}
	return false, nil
}

// noIssues makes GitHub's answer that a repository has no issues
// [handlers.ErrNoIssues].
func noIssues(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusGone {
		said := *e
		said.kind = handlers.ErrNoIssues
		return &said
	}
	return err
}

// onlyOthers drops that error: where issues are switched off, none of ours is open.
func onlyOthers(err error) error {
	if errors.Is(noIssues(err), handlers.ErrNoIssues) {
		return nil
	}
	return err
}

// optional is nil for "", which leaves a field as it is.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
