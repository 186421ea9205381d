package app

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/slipwayhq/slipway/app/clusters"
	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render/source"
)

// A Checkout says which commit of which repository a verb is about, and how its
// clusters are reached.
type Checkout struct {
	Directory  string // of a local repository, bare or not
	Ref        string // a revision
	Repository string // owner/name; empty to ask the remote origin
	Progress   func(stage string)

	clusters *clusters.Flags
	reading  preview.ClusterOptions
	writing  deploy.Options
}

// BindClusterFlags adds kubectl's flags that choose a cluster.
func (c *Checkout) BindClusterFlags(flags *pflag.FlagSet) {
	c.writing.Identity = person() + "@" + identity()
	c.clusters = clusters.BindFlags(flags, &c.reading, &c.writing)
}

// Contexts returns the names that --context may have.
func (c *Checkout) Contexts() []string { return c.clusters.Contexts() }

// open resolves the checkout. The caller calls the last result when done.
func (c *Checkout) open(ctx context.Context) (*handlers.Terminal, handlers.Checkout, func(), error) {
	var none handlers.Checkout
	repository, commit, _, err := openLocal(ctx, c.Directory, c.Ref, c.Ref)
	if err != nil {
		return nil, none, nil, err
	}
	closing := func() { _ = repository.Close() } // read only: nothing is lost
	owner, name, err := c.repository(ctx, repository)
	if err != nil {
		closing()
		return nil, none, nil, err
	}
	planner, err := terminalPlanner()
	if err != nil {
		closing()
		return nil, none, nil, err
	}
	planner.Clusters, planner.Progress = c.clusters, c.Progress
	return &handlers.Terminal{Planner: planner, Deployers: c.clusters},
		handlers.Checkout{Repository: handlers.Repository{Owner: owner, Name: name}, Git: localRepo{repository}, Commit: commit, By: person()},
		closing, nil
}

// repository returns what records call the repository, so that a terminal and the
// GitHub App keep the same.
func (c *Checkout) repository(ctx context.Context, local *source.LocalRepository) (owner, name string, err error) {
	if c.Repository != "" {
		owner, name, ok := strings.Cut(c.Repository, "/")
		if !ok || !isRepository(owner, name) {
			return "", "", fmt.Errorf("--repository %q is no owner/name, e.g. acme/shop", c.Repository)
		}
		return owner, name, nil
	}
	remote, err := local.Origin(ctx)
	if err != nil {
		return "", "", err
	}
	owner, name, ok := repositoryOf(remote)
	if !ok {
		why := "the remote origin is no owner/name on a server"
		if remote == "" {
			why = "it has no remote origin"
		}
		return "", "", fmt.Errorf("what GitHub calls this repository is not known: %s; say it with --repository owner/name, e.g. acme/shop", why)
	}
	return owner, name, nil
}

// scpLike is how ssh's remotes are written short: git@github.com:acme/shop.git.
var scpLike = regexp.MustCompile(`^(?:[^@/\s]+@)?[^:/\s]+:([^:]+)$`)

// repositoryOf reads owner and name out of a remote's URL. Nothing else of the URL,
// which may have credentials, is looked at.
func repositoryOf(remote string) (owner, name string, ok bool) {
	path := ""
	if parsed, err := url.Parse(remote); strings.Contains(remote, "://") {
		if err == nil && parsed.Host != "" && slices.Contains([]string{"https", "http", "ssh", "git"}, parsed.Scheme) {
			path = parsed.Path
		}
	} else if m := scpLike.FindStringSubmatch(remote); m != nil {
		path = m[1]
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	owner, name, _ = strings.Cut(path, "/")
	return owner, name, isRepository(owner, name)
}

var (
	ownerName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// isRepository reports whether GitHub could have such a repository.
func isRepository(owner, name string) bool {
	return ownerName.MatchString(owner) && repositoryName.MatchString(name) && name != "." && name != ".."
}

// person is what records call who acts.
func person() string {
	if current, err := user.Current(); err == nil && current.Username != "" {
		return current.Username
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return "unknown"
}
