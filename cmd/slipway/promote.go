package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
)

func newPromote() *cobra.Command {
	var options app.PromoteOptions
	cmd := &cobra.Command{
		Use:   "promote FROM TO [APPLICATION…]",
		Short: "Carry the images that one environment runs to another's files",
		Long: `Promote makes the images of TO's files those that are deployed, and healthy, in FROM,
as its cluster has them on record, and changes nothing else: that is proved by
rendering. It prints the diff of the files and, with --write, writes it into the
work tree. Nothing is committed.

The rules are those of the command /promote: promotions in .slipway.yaml says what
goes where and how long it has to be healthy first. --write refuses where a file is
not as the commit at --ref has it.

Exit codes: 0 it is carried, or is the same already; 2 something is not carried, and
the output says why; 1 the command failed.`,
		Example: `  slipway promote staging production            # what would change?
  slipway promote staging production web-app --write && git diff`,
		Args:              takes(2, 1000, "FROM and TO, two environments, e.g. slipway promote staging production"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	bindCheckout(cmd, &options.Checkout)
	cmd.Flags().BoolVar(&options.Write, "write", false, "write the edits into the work tree's files")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.From, options.To, options.Applications = args[0], args[1], args[2:]
		options.Colour = terminal(os.Stdout)
		text, outcome, err := app.Promote(cmd.Context(), options)
		if _, printed := fmt.Fprint(cmd.OutOrStdout(), text); printed != nil {
			return printed
		}
		if err != nil {
			return err
		}
		return ended(outcome)
	}
	return cmd
}
