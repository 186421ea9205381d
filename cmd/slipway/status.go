package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/handlers/report"
)

func newStatus() *cobra.Command {
	var options app.StatusOptions
	var format string
	cmd := &cobra.Command{
		Use:   "status [ENVIRONMENT|TARGET]",
		Short: "Say what runs where",
		Long: `Status says of each target which commit is deployed, whether it became healthy,
and whether the commit at --ref renders something else. It reads the records in the
namespace slipway-system of the targets' clusters, and writes nothing.

It exits with 0 whatever the status is, and with 1 when the command failed.`,
		Example: `  slipway status
  slipway status production --ref main
  slipway status --format json | jq -r '.targets[] | select(.health != "healthy").target'`,
		Args: takes(0, 1, "one environment or target, or none for all"),
	}
	bindCheckout(cmd, &options.Checkout)
	bindFormat(cmd, &format)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFormat(format); err != nil {
			return err
		}
		options.Targets = args
		status, err := app.Status(cmd.Context(), options)
		if err != nil {
			return err
		}
		return show(cmd, format, report.StatusText(status, terminal(os.Stdout)), func() ([]byte, error) { return report.StatusJSON(status) })
	}
	return cmd
}

// bindFormat adds --format for verbs that write for people or for programs.
func bindFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "format", "o", "text", "text or json")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
}

func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("--format %s is unknown; write text or json", format)
	}
	return nil
}

// show writes the text, or the JSON where that is the format.
func show(cmd *cobra.Command, format, text string, json func() ([]byte, error)) error {
	if format == "json" {
		content, err := json()
		if err != nil {
			return err
		}
		text = string(content)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(text, "\n"))
	return err
}
