package github

import (
	"context"
	"fmt"
	"strings"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// Allowances keep the word for an outsider's commit as a check run on that commit:
// nobody but the App can write its check runs, not even an administrator, and a
// further push has a commit without one. It implements [handlers.Allowances].
type Allowances struct{ checks *Checks }

// Allowances returns the keeper of words for outsiders' commits.
func (a *App) Allowances() *Allowances { return &Allowances{a.Checks()} }

// The external id says that a run is such a word, and whose. A run's name does not:
// a report's runs are named for environments, which outsiders can name.
const allowancePrefix = "ok-to-plan "

func allowanceKey(pull int, commit render.Commit) string {
	return fmt.Sprintf("%s%d %s by ", allowancePrefix, pull, commit)
}

func isAllowance(r *run) bool { return strings.HasPrefix(r.key, allowancePrefix) }

// Allowed implements [handlers.Allowances].
func (a *Allowances) Allowed(ctx context.Context, repo handlers.Repository, number int, commit render.Commit) (string, error) {
	name := report.AllowedCheckName(number)
	runs, err := a.checks.list(ctx, repo, commit, name)
	if err != nil || runs[name] == nil || !runs[name].done {
		return "", err
	}
	by, ok := strings.CutPrefix(runs[name].key, allowanceKey(number, commit))
	if !ok || !personName.MatchString(by) {
		return "", nil
	}
	return by, nil
}

// Allow implements [handlers.Allowances].
func (a *Allowances) Allow(ctx context.Context, repo handlers.Repository, number int, commit render.Commit, by string) error {
	if !personName.MatchString(by) {
		return fmt.Errorf("allow %s of %s#%d: %q is not a person's name", commit.Short(), repo, number, by)
	}
	already, err := a.Allowed(ctx, repo, number, commit)
	if err != nil || already != "" {
		return err
	}
	want := contentOf(report.AllowedCheck(number, by), "")
	status, key := "completed", allowanceKey(number, commit)+by
	options := gogithub.CreateCheckRunOptions{
		Name: want.Name, HeadSHA: string(commit), ExternalID: &key,
		Status: &status, Conclusion: &want.Conclusion, Output: want.output(nil, false),
	}
	_, err = a.checks.open(ctx, repo, options, 0)
	return err
}
