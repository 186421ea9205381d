package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
)

func newRender() *cobra.Command {
	var options app.RenderOptions
	cmd := &cobra.Command{
		Use:   "render",
		Short: "Print the Kubernetes objects that a target or a directory produces",
		Long: `Render prints the objects as YAML, the same objects in the same order on every run.
It reads the files from Git at --ref, so uncommitted changes do not show.

Give --target for one that the layout knows, --path for any directory of the tree
(no configuration needed), or neither for all targets.

Values of Secrets are printed as they would be applied, as kustomize build does;
--mask replaces them, and every other sensitive field, by marks.`,
		Example: `  slipway render --ref main --target production/web-app
  slipway render --ref HEAD --path apps/web-app/base | kubectl apply --dry-run=server -f -`,
		Args: none("; name a target with --target, a directory with --path"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Target != "" && options.Path != "" {
				return errors.New("--target and --path exclude each other; give one of them")
			}
			options.Warn = func(warning string) { fmt.Fprintln(stderr, "warning:", warning) }
			return app.Render(cmd.Context(), options, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.Repository, "repo", ".", "a local Git repository, bare or not")
	flags.StringVar(&options.Ref, "ref", "HEAD", "a commit, branch or tag")
	flags.StringVar(&options.Target, "target", "", "a target, e.g. production/web-app")
	flags.StringVar(&options.Path, "path", "", "a directory of the tree")
	flags.BoolVar(&options.Mask, "mask", false, "print marks in place of sensitive values")
	return cmd
}
