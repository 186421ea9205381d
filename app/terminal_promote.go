package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/source"
)

// PromoteOptions ask for a version to be carried from one environment to another.
type PromoteOptions struct {
	Checkout
	From, To     string
	Applications []string // all of the source's where empty
	Write        bool     // into the work tree's files
	Colour       bool
}

// Promote returns what would change, as text for a terminal, and writes it into the
// work tree's files where that is asked for. Nothing is committed.
func Promote(ctx context.Context, o PromoteOptions) (string, Outcome, error) {
	terminal, checkout, closing, err := o.open(ctx)
	if err != nil {
		return "", Failed, err
	}
	defer closing()
	carriage, err := terminal.Carry(ctx, checkout, render.Environment(o.From), render.Environment(o.To), o.Applications)
	if err != nil {
		return "", Failed, err
	}
	diffs := make([]string, len(carriage.Files))
	for i, file := range carriage.Files {
		diffs[i] = report.FileDiff(file.Path, file.Before, file.After)
	}
	text := report.PromotionText(report.PromotionReport{From: carriage.From, To: carriage.To, Carried: carriage.Carried},
		diffs, carriage.Same, carriage.Problems, o.Colour)
	if o.Write {
		if err := writeFiles(ctx, o.Directory, o.Ref, carriage.Files); err != nil {
			return text, Failed, err
		}
		for _, file := range carriage.Files {
			text += "wrote " + file.Path + "\n"
		}
	} else if len(carriage.Files) > 0 {
		text += "Nothing was written; --write puts it into the work tree.\n"
	}
	if len(carriage.Problems) > 0 {
		return text, Stands, nil
	}
	return text, Done, nil
}

// writeFiles writes all files below the work tree's top, or none: one that is not
// as the commit has it is a person's, and stays. A link leads nowhere outside.
func writeFiles(ctx context.Context, dir, ref string, files []handlers.EditedFile) error {
	top, err := source.WorkTree(ctx, dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return fmt.Errorf("open the work tree: %w", err)
	}
	defer func() { _ = root.Close() }() // all is written by then
	for _, file := range files {
		if err := unchanged(root, file, ref); err != nil {
			return err
		}
	}
	for _, file := range files {
		if err := replaceFile(root, filepath.FromSlash(file.Path), file.After); err != nil {
			return fmt.Errorf("write %s: %w", file.Path, err)
		}
	}
	return nil
}

// unchanged makes sure that a file of the work tree is as the commit has it.
func unchanged(root *os.Root, file handlers.EditedFile, ref string) error {
	name := filepath.FromSlash(file.Path)
	info, err := root.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at %s: %w", file.Path, err)
	}
	if err == nil && info.Mode().IsRegular() {
		content, err := root.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", file.Path, err)
		}
		if bytes.Equal(content, file.Before) {
			return nil
		}
	}
	return &render.Problem{
		File: file.Path, Message: fmt.Sprintf("it is not in the work tree as %s has it, and nothing was written", ref),
		Hint: "commit or stash what you changed, or check out what --ref names",
	}
}

// replaceFile puts a file in the place of another, whole, with its permissions.
func replaceFile(root *os.Root, name string, content []byte) error {
	info, err := root.Stat(name)
	if err != nil {
		return err
	}
	beside := name + ".slipway-new"
	file, err := root.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(beside, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(beside))
	}
	return nil
}
