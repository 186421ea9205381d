package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/app/queue"
)

func newMigrate() *cobra.Command {
	var file, from string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the GitHub App's database up to date",
		Long: `Migrate makes or changes the tables in which slipway serve keeps its jobs, in the
database of --config or SLIPWAY_DATABASE. Slipway serve does so itself when it starts;
this is for those who want it done before. Only one process migrates at a time, and
the version of Slipway before this one works on with what it made.

With --from it also copies what an SQLite file keeps into that database, which must be
empty: jobs that are not done, those that failed for good, and which deliveries were
taken. No slipway serve may be at work on the file, nor on it again afterwards.`,
		Example: `  slipway migrate --config slipway.yaml
  SLIPWAY_DATABASE=postgres://slipway@db.example.com/slipway slipway migrate --from /var/lib/slipway/queue.db`,
		Args: none(""),
	}
	bindDatabase(cmd, &file)
	cmd.Flags().StringVar(&from, "from", "", "an SQLite file to copy the jobs of")
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
		if from != "" {
			moved, err := queue.Move(cmd.Context(), from, queue.Options{Database: address})
			if err != nil {
				return err
			}
			said += fmt.Sprintf("\ncopied: %d jobs that are not done, %d that failed, %d deliveries\nkeep %s as a backup, and serve it no more", moved.Jobs, moved.Failed, moved.Deliveries, from)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
		return err
	}
	return cmd
}
