package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/handlers/report"
)

func newHistory() *cobra.Command {
	var options app.HistoryOptions
	var format string
	cmd := &cobra.Command{
		Use:   "history TARGET",
		Short: "Say what a target has run, the newest first",
		Long: `History prints the deployments of a target as its cluster has them on record: the
commit, what became of it and why, and who said so. It keeps the last 50.`,
		Example: `  slipway history production/web-app
  slipway history production/web-app --format json | jq -r '.deployments[0].reason'`,
		Args: takes(1, 1, "one target, e.g. production/web-app"),
	}
	bindCheckout(cmd, &options.Checkout)
	bindFormat(cmd, &format)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFormat(format); err != nil {
			return err
		}
		options.Target = args[0]
		history, err := app.History(cmd.Context(), options)
		if err != nil {
			return err
		}
		return show(cmd, format, report.HistoryText(history, terminal(os.Stdout)), func() ([]byte, error) { return report.HistoryJSON(history) })
	}
	return cmd
}
