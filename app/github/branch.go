package github

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers"
)

// A branch is a proposal's branch as GitHub has it, against the proposal's parent.
type branch struct {
	head    string // the commit that it is at; empty where there is no branch
	tree    string // of the parent; empty where there is no branch
	foreign string // why its commits are not all ours; empty where they are
	holds   bool   // its commits change exactly what is proposed
	behind  int    // commits of the parent that it lacks
}

// look compares the branch with the parent. One that has no commit of its own, such
// as one that was merged and left behind, is nobody's.
func (p *Proposals) look(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal) (branch, error) {
	compared, err := p.compare(ctx, repo, string(proposal.Parent), proposal.Branch)
	if errors.Is(err, handlers.ErrGone) {
		return branch{}, nil
	}
	if err != nil {
		return branch{}, err
	}
	b := branch{
		head: compared.GetMergeBaseCommit().GetSHA(), tree: compared.GetBaseCommit().GetCommit().GetTree().GetSHA(),
		behind: compared.GetBehindBy(),
	}
	commits := compared.Commits
	if len(commits) == 0 {
		return b, nil
	}
	b.head = commits[len(commits)-1].GetSHA()
	if compared.GetTotalCommits() > len(commits) {
		b.foreign = fmt.Sprintf("%s has %d commits", proposal.Branch, compared.GetTotalCommits())
		return b, nil
	}
	bot, err := p.app.bot(ctx)
	if err != nil {
		return branch{}, err
	}
	for _, commit := range commits {
		if !committedBy(commit, bot, p.app.signs()) {
			b.foreign = foreign(commit, proposal.Branch)
			return b, nil
		}
	}
	b.holds = changes(compared.Files, proposal.Files)
	return b, nil
}

func (p *Proposals) compare(ctx context.Context, repo handlers.Repository, base, head string) (compared *gogithub.CommitsComparison, err error) {
	err = p.app.call(ctx, commitsCompare, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		compared, _, err = client.Repositories.CompareCommits(ctx, repo.Owner, repo.Name, base, head, nil)
		return err
	})
	return compared, err
}

// committedBy reports whether a commit was made by the App's account through the
// API, and not by a person who amended or moved it. Anybody can write the bot's name
// into a commit; where GitHub signs what bots commit, only a signed one counts.
func committedBy(commit *gogithub.RepositoryCommit, bot string, signs bool) bool {
	committer := commit.GetCommitter().GetLogin()
	if commit.GetAuthor().GetLogin() != bot || committer != bot && committer != "web-flow" {
		return false
	}
	signature := commit.GetCommit().GetVerification()
	return signature.GetVerified() || !signs && signature.GetReason() == "unsigned"
}

// signs reports whether GitHub signs the commits of bots: github.com does, an
// Enterprise Server only where its operator has set that up.
func (a *App) signs() bool { return a.api.String() == publicAPI }

// changes reports whether a diff is exactly the proposed files.
func changes(diff []*gogithub.CommitFile, files []handlers.File) bool {
	wanted := map[string]string{}
	for _, file := range files {
		wanted[file.Path] = blobName(file.Content)
	}
	for _, file := range diff {
		status := file.GetStatus()
		if status != "modified" && status != "added" || wanted[file.GetFilename()] != file.GetSHA() {
			return false
		}
	}
	return len(diff) == len(wanted)
}

// blobName is Git's name of a content.
func blobName(content []byte) string {
	hash := sha1.New()
	fmt.Fprintf(hash, "blob %d\x00", len(content))
	hash.Write(content)
	return hex.EncodeToString(hash.Sum(nil))
}

// filesCompared is how many files GitHub compares at most.
const filesCompared = 300

// untouched reports whether the parent has the proposed files as they were where the
// branch left it; else the two might conflict.
func (p *Proposals) untouched(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal, b branch) (bool, error) {
	compared, err := p.compare(ctx, repo, b.head, string(proposal.Parent))
	if err != nil {
		return false, err
	}
	proposed := map[string]bool{}
	for _, file := range proposal.Files {
		proposed[file.Path] = true
	}
	for _, file := range compared.Files {
		if proposed[file.GetFilename()] || proposed[file.GetPreviousFilename()] {
			return false, nil
		}
	}
	return len(compared.Files) < filesCompared, nil
}

// write commits the files onto the parent and brings the branch to that commit.
func (p *Proposals) write(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal, b branch) error {
	if b.tree == "" {
		parent, err := p.commit(ctx, repo, proposal)
		if err != nil {
			return err
		}
		b.tree = parent.GetTree().GetSHA()
	}
	commit, err := p.commitFiles(ctx, repo, proposal, b.tree)
	if err != nil {
		return err
	}
	if b.head == "" {
		return p.createRef(ctx, repo, proposal.Branch, commit)
	}
	return p.updateRef(ctx, repo, proposal.Branch, b.head, commit)
}

// commit reads the parent.
func (p *Proposals) commit(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal) (parent *gogithub.Commit, err error) {
	err = p.app.call(ctx, gitGetCommit, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		parent, _, err = client.Git.GetCommit(ctx, repo.Owner, repo.Name, string(proposal.Parent))
		return err
	})
	return parent, err
}

// commitFiles makes a commit that nothing points to yet, so that it may be made
// twice. It names no author: GitHub then makes it the App's, and signs it.
func (p *Proposals) commitFiles(ctx context.Context, repo handlers.Repository, proposal handlers.Proposal, base string) (string, error) {
	var entries []*gogithub.TreeEntry
	mode, kind := "100644", "blob"
	for _, file := range proposal.Files {
		path, content := file.Path, string(file.Content)
		entries = append(entries, &gogithub.TreeEntry{Path: &path, Mode: &mode, Type: &kind, Content: &content})
	}
	var tree *gogithub.Tree
	err := p.app.call(ctx, gitCreateTree, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		tree, _, err = client.Git.CreateTree(ctx, repo.Owner, repo.Name, base, entries)
		return err
	})
	if err != nil {
		return "", err
	}
	parent := string(proposal.Parent)
	var made *gogithub.Commit
	err = p.app.call(ctx, gitCreateCommit, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		made, _, err = client.Git.CreateCommit(ctx, repo.Owner, repo.Name, &gogithub.Commit{
			Message: &proposal.Message, Tree: tree, Parents: []*gogithub.Commit{{SHA: &parent}},
		}, nil)
		return err
	})
	return made.GetSHA(), err
}

// createRef makes the branch. Where GitHub fails or refuses, it may be there all
// the same: made by this very call, or by somebody else meanwhile.
func (p *Proposals) createRef(ctx context.Context, repo handlers.Repository, name, commit string) error {
	err := p.app.call(ctx, gitCreateRef, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Git.CreateRef(ctx, repo.Owner, repo.Name, reference(name, commit))
		return err
	})
	if !errors.Is(err, ErrTemporary) && !errors.Is(err, ErrRejected) {
		return err
	}
	at, lookErr := p.at(ctx, repo, name)
	switch {
	case lookErr != nil || at == "":
		return err
	case at == commit:
		return nil
	}
	return errMoved
}

// updateRef moves the branch, whatever it was. GitHub has no way to say what it must
// be at when it is moved, so that is asked just before.
func (p *Proposals) updateRef(ctx context.Context, repo handlers.Repository, name, from, commit string) error {
	at, err := p.at(ctx, repo, name)
	if err != nil {
		return err
	}
	if at != from {
		return errMoved
	}
	err = p.app.call(ctx, gitUpdateRef, repo, func(ctx context.Context, client *gogithub.Client) error {
		_, _, err := client.Git.UpdateRef(ctx, repo.Owner, repo.Name, reference(name, commit), true)
		return err
	})
	if errors.Is(err, ErrTemporary) {
		if at, lookErr := p.at(ctx, repo, name); lookErr == nil && at == commit {
			return nil
		}
	}
	return err
}

// at returns the commit that a branch is at, empty where there is no branch.
func (p *Proposals) at(ctx context.Context, repo handlers.Repository, name string) (string, error) {
	var ref *gogithub.Reference
	err := p.app.call(ctx, gitGetRef, repo, func(ctx context.Context, client *gogithub.Client) (err error) {
		ref, _, err = client.Git.GetRef(ctx, repo.Owner, repo.Name, "heads/"+name)
		return err
	})
	if errors.Is(err, handlers.ErrGone) {
		return "", nil
	}
	return ref.GetObject().GetSHA(), err
}

func reference(branch, commit string) *gogithub.Reference {
	name := "refs/heads/" + branch
	return &gogithub.Reference{Ref: &name, Object: &gogithub.GitObject{SHA: &commit}}
}
