package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/app/queue"
)

func newMigrate() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the GitHub App's database up to date",
		Long: `Migrate makes or changes the tables in which slipway serve keeps its jobs, in the
database of --config or SLIPWAY_DATABASE. Slipway serve does so itself when it starts;
this is for those who want it done before. Only one process migrates at a time, and
the version of Slipway before this one works on with what it made.`,
		Example: `  slipway migrate --config slipway.yaml`,
		Args:    none(""),
	}
	bindDatabase(cmd, &file)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		address, err := app.Database(file, os.Getenv)
		if err != nil {
			return err
		}
		applied, err := queue.Migrate(cmd.Context(), queue.Options{Database: address})
		if err != nil {
			return err
		}
		said := "the tables are up to date"
		if applied > 0 {
			said = fmt.Sprintf("the tables are up to date; they went forward by %d", applied)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
		return err
	}
	return cmd
}
