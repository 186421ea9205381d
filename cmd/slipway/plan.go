package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/handlers/report"
)

func newPlan() *cobra.Command {
	var options app.PlanOptions
	var format string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what merging a head into a base would do to the live clusters",
		Long: `Plan merges --head into --base, renders the targets that the merge affects, and
compares them with the live cluster by server-side dry runs. Nothing is written, to
the cluster or to the repository.

The configuration (.slipway.yaml) and the policies are those of the base.

An environment's cluster is the kubeconfig's context of that name, where there is
one; otherwise the current context. Flags choose another.

Exit codes: 0 nothing stands against the change; 2 a policy denies it, the API
server refuses it, or it does not merge; 1 the command failed, or could not plan
all: a target does not render, a cluster does not answer, the configuration is
broken. Standard error says which.`,
		Example: `  slipway plan --base main --head HEAD
  slipway plan --base v1.2.0 --head v1.3.0 --target production/web-app
  slipway plan --base main --head HEAD --format json | jq '.affected[].changes'`,
		Args: none("; name a target with --target"),
	}
	flags := cmd.Flags()
	flags.StringVar(&options.Repository, "repo", ".", "a local Git repository, bare or not")
	flags.StringVar(&options.Base, "base", "", "the commit, branch or tag to compare with (required)")
	flags.StringVar(&options.Head, "head", "HEAD", "the commit, branch or tag that would be merged")
	flags.StringSliceVar(&options.Targets, "target", nil, "plan only this target, e.g. production/web-app; may be given several times")
	flags.StringVar(&format, "format", "text", "text, markdown or json")
	flags.BoolVar(&options.Offline, "offline", false, "ask no cluster: compare what base and head render")
	flags.BoolVar(&options.DryRunAll, "dry-run-all", false, "have the API server judge every object, also those that the live state shows to be unchanged")
	bindClusters(cmd, options.BindClusterFlags, options.Contexts)
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "markdown", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if options.Base == "" {
			return errors.New("slipway plan needs --base, the commit, branch or tag that --head would be merged into, e.g. --base main")
		}
		if !slices.Contains([]string{"text", "markdown", "json"}, format) {
			return fmt.Errorf("--format %s is unknown; write text, markdown or json", format)
		}
		return plan(cmd, options, format)
	}
	return cmd
}

func plan(cmd *cobra.Command, options app.PlanOptions, format string) error {
	say := progress()
	options.Progress = say
	r, err := app.Plan(cmd.Context(), options)
	say("")
	if err != nil {
		return err
	}
	out, err := formatted(r, format)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(out, "\n")); err != nil {
		return err
	}
	switch {
	case r.Denied():
		return errDenied
	case r.Conclusion() != report.Success:
		return errors.New("not everything could be planned: " + report.Verdict(r))
	}
	return nil
}

func formatted(r report.Report, format string) (string, error) {
	switch format {
	case "markdown":
		return report.Comment(r), nil
	case "json":
		content, err := report.JSON(r)
		return string(content), err
	default:
		return report.Text(r, terminal(os.Stdout)), nil
	}
}

// must is for what only a programming mistake makes fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
