package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// What an [*Error] may be, beside [handlers.ErrGone], [handlers.ErrNoIssues] and a
// context's errors.
var (
	// ErrForbidden is [handlers.ErrForbidden]: the App lacks a permission, the
	// installation is suspended, its key is no longer valid. A retry changes nothing
	// until a person does.
	ErrForbidden = handlers.ErrForbidden
	// ErrRateLimited says that GitHub wants no call before [Error.NotBefore].
	ErrRateLimited = errors.New("rate limited")
	// ErrTemporary says that a retry may well succeed: 5xx, no connection.
	ErrTemporary = errors.New("temporary")
	// ErrRejected says that GitHub understood and refuses: what was sent is wrong,
	// and would be wrong again.
	ErrRejected = errors.New("rejected")
)

// An Error is a call of GitHub that failed. Its text holds no token, and it does
// not unwrap to the library's error, which might.
type Error struct {
	Operation string    // GitHub's operationId
	Subject   string    // owner/name, or what the call was about
	Status    int       // 0 where there was no answer
	until     time.Time // of ErrRateLimited
	kind      error
	text      string
	words     string // what GitHub said; empty where there was no answer to the call itself
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s of %s: %v: %s", e.Operation, e.Subject, e.kind, e.text)
}

// Unwrap returns what kind of error it is.
func (e *Error) Unwrap() error { return e.kind }

// NotBefore returns the earliest time that a retry makes sense; the zero time
// where GitHub did not say.
func (e *Error) NotBefore() time.Time { return e.until }

// secrets matches both forms of installation tokens, other GitHub tokens, and
// the App's JWT.
var secrets = regexp.MustCompile(`(?:gh[a-z]_|github_pat_)[A-Za-z0-9._-]+|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|(?i:(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{16,}`)

// Redact returns text with everything that looks like a GitHub credential
// replaced. It is for text that came from elsewhere: a library, Git, a proxy.
func Redact(text string) string { return secrets.ReplaceAllString(text, "[redacted]") }

// explain turns whatever a library returned into an [*Error], and tells the budget of
// a limit.
func (a *App) explain(ctx context.Context, op Operation, subject string, budget *budget, err error) error {
	e, vague := a.understand(ctx, op, subject, err)
	var paused *errPaused
	switch {
	case e.kind != ErrRateLimited:
	case errors.As(err, &paused): // by the budget itself, without a call
		e.until = paused.until
	case e.until.IsZero(): // by the library, which has heard what the budget has heard
		e.until = budget.pausedUntil()
	default:
		e.until = budget.limited(e.until, vague)
	}
	return e
}

// understand says what an error means; vague where it is a limit of which GitHub does
// not say when it ends.
func (a *App) understand(ctx context.Context, op Operation, subject string, err error) (e *Error, vague bool) {
	e = &Error{Operation: op.ID, Subject: subject, text: Redact(err.Error())}
	var (
		limit    *gogithub.RateLimitError
		abuse    *gogithub.AbuseRateLimitError
		answer   *gogithub.ErrorResponse
		minting  *ghinstallation.HTTPError
		paused   *errPaused
		response *http.Response
	)
	switch {
	case errors.Is(err, handlers.ErrFenced):
		e.kind = handlers.ErrFenced
		return e, false
	case ctx.Err() != nil: // not our own limit on one request: that one is temporary
		e.kind = ctx.Err()
		return e, false
	case errors.As(err, &paused):
		e.kind = ErrRateLimited
		return e, false
	case errors.As(err, &limit):
		e.kind, e.Status = ErrRateLimited, status(limit.Response)
		if limit.Response != nil && len(limit.Response.Header) > 0 { // else there was no call
			e.until, vague = a.retryAt(limit.Response)
		}
		return e, vague
	case errors.As(err, &abuse):
		e.kind, e.Status = ErrRateLimited, status(abuse.Response)
		if abuse.Response != nil && len(abuse.Response.Header) > 0 {
			e.until, vague = a.retryAt(abuse.Response)
		}
		return e, vague
	case errors.As(err, &answer):
		response = answer.Response
		e.words = Redact(answerWords(answer))
		e.text = fmt.Sprint(status(answer.Response), " ", e.words)
	case errors.As(err, &minting):
		response = minting.Response
		if response != nil {
			drain(response)
		}
	}
	if response == nil {
		e.kind = ErrTemporary
		return e, false
	}
	e.Status = response.StatusCode
	e.kind = kindOf(response)
	switch {
	case e.kind != ErrForbidden:
	case limitWords.MatchString(e.words):
		e.kind = ErrRateLimited
	case e.Status == http.StatusUnauthorized && minting == nil && !op.itself():
		e.kind = ErrTemporary // it has just given out the token that it refuses
	}
	if e.kind == ErrRateLimited {
		e.until, vague = a.retryAt(response)
	}
	return e, vague
}

// limitWords is how GitHub words a limit where its headers do not show it.
var limitWords = regexp.MustCompile(`(?i)secondary rate limit|API rate limit exceeded|abuse detection`)

// kindOf says what an answer means for whoever asked.
func kindOf(response *http.Response) error {
	code := response.StatusCode
	switch {
	case code == http.StatusTooManyRequests,
		code == http.StatusForbidden && response.Header.Get("Retry-After") != "",
		code == http.StatusForbidden && response.Header.Get("X-RateLimit-Remaining") == "0":
		return ErrRateLimited
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return ErrForbidden
	case code == http.StatusNotFound, code == http.StatusGone, code == http.StatusUnavailableForLegalReasons:
		return handlers.ErrGone
	case code >= 500, code == http.StatusRequestTimeout:
		return ErrTemporary
	}
	return ErrRejected
}

// retryAt follows GitHub's rules: retry-after, then the reset of an exhausted
// limit, then, where neither is said (vague), a minute.
func (a *App) retryAt(response *http.Response) (until time.Time, vague bool) {
	if response != nil {
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds >= 0 {
			return a.now().Add(time.Duration(seconds) * time.Second), false
		}
		if response.Header.Get("X-RateLimit-Remaining") == "0" {
			if reset, ok := resetOf(response, a.now()); ok {
				return reset, false
			}
		}
	}
	return a.now().Add(time.Minute), true
}

// tolerance is how far two clocks may be apart, and a header be old, without it
// meaning anything.
const tolerance = 5 * time.Second

// resetOf returns when the answer's limit ends, by our clock: GitHub says it by its
// own, which the answer shows.
func resetOf(response *http.Response, now time.Time) (time.Time, bool) {
	seconds, err := strconv.ParseInt(response.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	reset := time.Unix(seconds, 0)
	if theirs, err := http.ParseTime(response.Header.Get("Date")); err == nil && theirs.Sub(now).Abs() > tolerance {
		reset = now.Add(reset.Sub(theirs))
	}
	return reset, true
}

// answerWords is what GitHub said, without the URL and documentation.
func answerWords(answer *gogithub.ErrorResponse) string {
	parts := []string{answer.Message}
	for _, detail := range answer.Errors {
		text := detail.Message
		if text == "" {
			text = strings.TrimSpace(detail.Resource + " " + detail.Field + " " + detail.Code)
		}
		parts = append(parts, text)
	}
	return strings.TrimSpace(strings.Join(parts, "; "))
}

func status(response *http.Response) int {
	if response == nil {
		return 0
	}
	return response.StatusCode
}
