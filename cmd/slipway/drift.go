package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/handlers/report"
)

func newDrift() *cobra.Command {
	var options app.DriftOptions
	cmd := &cobra.Command{
		Use:   "drift [TARGET|ENVIRONMENT]",
		Short: "Say what was changed in the clusters behind Git's back",
		Long: `Drift compares the live objects of targets with the commit that is deployed there, as
their cluster has it on record: fields that differ, objects that are missing, and
fields that a person set and Git does not have. It says who did so and when, and
writes nothing. slipway apply puts things back.

Which environments there are, and what is to be ignored, the commit at --ref says.

Exit codes: 0 nothing has drifted; 2 something has; 1 it could not be checked.`,
		Example: `  slipway drift
  slipway drift production/web-app
  slipway drift production --ref main`,
		Args:              takes(0, 1, "one environment or target, or none for all"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	bindCheckout(cmd, &options.Checkout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		say := progress()
		options.Targets, options.Progress = args, say
		reports, outcome, err := app.Drift(cmd.Context(), options)
		say("")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(report.DriftText(reports, terminal(os.Stdout)), "\n")); err != nil {
			return err
		}
		return ended(outcome)
	}
	return cmd
}
