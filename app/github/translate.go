package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/render"
)

// ErrMalformed says that a delivery, although signed, is not what GitHub sends.
var ErrMalformed = errors.New("malformed payload")

// translations is each event that is handled, with what reads it. app.yml
// declares exactly these; everything else is acknowledged and dropped.
var translations = map[string]func(*App, []byte) (handlers.Event, error){
	"pull_request":        (*App).pullRequest,
	"check_run":           (*App).checkRun,
	"check_suite":         (*App).checkSuite,
	"merge_group":         (*App).mergeGroup,
	"push":                (*App).push,
	"issue_comment":       (*App).issueComment,
	"pull_request_review": (*App).review,
}

// Events returns the names of the events that are handled, in no order.
func Events() []string {
	names := make([]string, 0, len(translations))
	for name := range translations {
		names = append(names, name)
	}
	return names
}

// Translate reads a delivery's payload. The event is nil where nothing is to be
// done: an event that is not handled, an account that is not served, a check
// run of another App. The error wraps [ErrMalformed].
func (a *App) Translate(eventType string, payload []byte) (handlers.Event, error) {
	translate := translations[eventType]
	if translate == nil {
		return nil, nil
	}
	event, err := translate(a, payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", eventType, err)
	}
	return event, nil
}

func (a *App) pullRequest(payload []byte) (handlers.Event, error) {
	var e gogithub.PullRequestEvent
	repo, served, err := a.open(payload, &e, &e.Repo, &e.Installation)
	if err != nil || !served {
		return nil, err
	}
	number := e.GetNumber()
	if number <= 0 || e.GetAction() == "" {
		return nil, fmt.Errorf("%w: no number or action", ErrMalformed)
	}
	var before render.Commit
	if e.GetAction() == "synchronize" && e.GetBefore() != "" {
		if before, err = commitOf(e.GetBefore()); err != nil {
			return nil, err
		}
	}
	return handlers.PullRequestEvent{
		Action: e.GetAction(), Repository: repo, Number: number, Before: before,
		BaseChanged: e.GetChanges() != nil && e.GetChanges().Base != nil,
	}, nil
}

func (a *App) review(payload []byte) (handlers.Event, error) {
	var e gogithub.PullRequestReviewEvent
	repo, served, err := a.open(payload, &e, &e.Repo, &e.Installation)
	if err != nil || !served {
		return nil, err
	}
	number := e.GetPullRequest().GetNumber()
	if number <= 0 || e.GetAction() == "" {
		return nil, fmt.Errorf("%w: no number or action", ErrMalformed)
	}
	return handlers.ReviewEvent{Action: e.GetAction(), Repository: repo, Number: number}, nil
}

func (a *App) checkRun(payload []byte) (handlers.Event, error) {
	var e gogithub.CheckRunEvent
	repo, served, err := a.open(payload, &e, &e.Repo, &e.Installation)
	if err != nil || !served || e.GetAction() != "rerequested" {
		return nil, err
	}
	run := e.GetCheckRun()
	if run.GetApp().GetID() != a.id {
		return nil, nil
	}
	return rerun(repo, run.GetHeadSHA(), run.GetCheckSuite().GetHeadBranch())
}

func (a *App) checkSuite(payload []byte) (handlers.Event, error) {
	var e gogithub.CheckSuiteEvent
	repo, served, err := a.open(payload, &e, &e.Repo, &e.Installation)
	if err != nil || !served || e.GetAction() != "rerequested" {
		return nil, err
	}
	suite := e.GetCheckSuite()
	if suite.GetApp().GetID() != a.id {
		return nil, nil
	}
	return rerun(repo, suite.GetHeadSHA(), suite.GetHeadBranch())
}

func rerun(repo handlers.Repository, head, branch string) (handlers.Event, error) {
	commit, err := commitOf(head)
	if err != nil {
		return nil, err
	}
	return handlers.RerunEvent{Repository: repo, Head: commit, HeadBranch: branch}, nil
}

func (a *App) mergeGroup(payload []byte) (handlers.Event, error) {
	var e gogithub.MergeGroupEvent
	repo, served, err := a.open(payload, &e, &e.Repo, &e.Installation)
	if err != nil || !served {
		return nil, err
	}
	group := e.GetMergeGroup()
	base, err := commitOf(group.GetBaseSHA())
	if err != nil {
		return nil, err
	}
	head, err := commitOf(group.GetHeadSHA())
	if err != nil {
		return nil, err
	}
	if group.GetBaseRef() == "" {
		return nil, fmt.Errorf("%w: no base ref", ErrMalformed)
	}
	return handlers.MergeGroupEvent{
		Action: e.GetAction(), Repository: repo, Base: base, BaseRef: group.GetBaseRef(), Head: head,
	}, nil
}

// push reads the move of a branch; tags are of no interest.
func (a *App) push(payload []byte) (handlers.Event, error) {
	var e struct {
		Ref          string                 `json:"ref"`
		Before       string                 `json:"before"`
		After        string                 `json:"after"`
		Deleted      bool                   `json:"deleted"`
		Repo         *gogithub.Repository   `json:"repository"`
		Installation *gogithub.Installation `json:"installation"`
	}
	repo, served, err := a.open(payload, &e, &e.Repo, &e.Installation)
	if err != nil || !served {
		return nil, err
	}
	branch, ok := strings.CutPrefix(e.Ref, "refs/heads/")
	switch {
	case e.Ref == "":
		return nil, fmt.Errorf("%w: no ref", ErrMalformed)
	case !ok || branch == "":
		return nil, nil
	case e.Deleted:
		return handlers.PushEvent{Repository: repo, Branch: branch, Deleted: true}, nil
	}
	head, err := commitOf(e.After)
	if err != nil {
		return nil, err
	}
	before := render.Commit(e.Before)
	if !commitName.MatchString(e.Before) || strings.Trim(e.Before, "0") == "" { // a new branch was nowhere
		before = ""
	}
	return handlers.PushEvent{Repository: repo, Branch: branch, Before: before, Head: head}, nil
}

// issueComment reads what was said on a pull request or an issue. A person said it
// who sent the event, wrote the comment, and did so without an App's help: whoever
// edits another's comment, and what a bot or a script says, is none.
func (a *App) issueComment(payload []byte) (handlers.Event, error) {
	var e struct {
		Action string `json:"action"`
		Issue  struct {
			Number int       `json:"number"`
			Pull   *struct{} `json:"pull_request"`
		} `json:"issue"`
		Comment struct {
			comment
			CreatedAt time.Time `json:"created_at"`
		} `json:"comment"`
		Sender       account                `json:"sender"`
		Repo         *gogithub.Repository   `json:"repository"`
		Installation *gogithub.Installation `json:"installation"`
	}
	repo, served, err := a.open(payload, &e, &e.Repo, &e.Installation)
	if err != nil || !served {
		return nil, err
	}
	said := e.Comment
	if e.Action == "" || e.Issue.Number <= 0 || said.ID <= 0 {
		return nil, fmt.Errorf("%w: no action, number or comment", ErrMalformed)
	}
	return handlers.CommentEvent{
		Action: e.Action, Repository: repo, Number: e.Issue.Number, OnPull: e.Issue.Pull != nil,
		Comment: said.ID, Author: said.User.Login, Body: said.Body, At: said.CreatedAt.UTC(),
		Person: said.App == nil && said.User.Type == "User" && e.Sender == said.User && personName.MatchString(said.User.Login),
	}, nil
}

// open decodes the payload into event and returns its repository, and whether
// that is served. Fields of event are passed by address because they are read
// only once it has been decoded.
func (a *App) open(payload []byte, event any, repo **gogithub.Repository, installation **gogithub.Installation) (handlers.Repository, bool, error) {
	if err := json.Unmarshal(payload, event); err != nil && !unread(err) {
		return handlers.Repository{}, false, fmt.Errorf("%w: not JSON of this event", ErrMalformed)
	}
	r := handlers.Repository{
		Installation:  (*installation).GetID(),
		Owner:         (*repo).GetOwner().GetLogin(),
		Name:          (*repo).GetName(),
		DefaultBranch: (*repo).GetDefaultBranch(),
	}
	switch {
	case r.Installation <= 0:
		return r, false, fmt.Errorf("%w: no installation", ErrMalformed)
	case !ownerName.MatchString(r.Owner), !repositoryName.MatchString(r.Name), r.Name == ".", r.Name == "..":
		return r, false, fmt.Errorf("%w: no repository, or not a name", ErrMalformed)
	}
	return r, a.serves(r.Owner), nil
}

// unread reports that all was decoded but what nobody here reads and go-github takes
// for something else: a repository's custom properties, for single values, and in a push
// the repository's organisation, which is a name there, for an object.
func unread(err error) bool {
	var mistyped *json.UnmarshalTypeError
	return errors.As(err, &mistyped) && (strings.Contains(mistyped.Field, "custom_properties") || mistyped.Field == "repository.organization")
}

// serves reports whether the repositories of an account are served.
func (a *App) serves(owner string) bool {
	return len(a.accounts) == 0 || a.accounts[strings.ToLower(owner)]
}

// Names end up in URLs and directories, so they are what GitHub allows and no more.
var (
	ownerName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	commitName     = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
)

func commitOf(sha string) (render.Commit, error) {
	if !commitName.MatchString(sha) {
		return "", fmt.Errorf("%w: not a commit's name", ErrMalformed)
	}
	return render.Commit(sha), nil
}
