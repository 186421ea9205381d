package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app/sandbox"
)

// newWorker is what serve starts, and no person but with --check.
func newWorker() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   sandbox.Verb,
		Short: "Render and judge, confined, for the process that started this one",
		Long: `Worker is started by slipway serve. With --check it starts one itself, says what a
worker tried and could not do, and exits with 1 where this machine offers no sandbox.`,
		Args:   cobra.NoArgs,
		Hidden: true,
	}
	cmd.Flags().BoolVar(&check, "check", false, "say whether workers are confined on this machine")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !check {
			os.Exit(sandbox.Serve())
		}
		pool, err := sandbox.New(cmd.Context(), sandbox.Options{Workers: 1})
		if err != nil {
			return err
		}
		defer pool.Close()
		if gap := pool.Sandboxed(); gap != nil {
			return fmt.Errorf("workers are not confined on this machine, so that outsiders' pull requests are not rendered: %w", gap)
		}
		for _, tried := range pool.Refused() {
			fmt.Fprintln(cmd.OutOrStdout(), "refused:", tried)
		}
		if len(pool.Refused()) == 0 {
			return errors.New("a worker tried nothing")
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "workers are confined")
		return err
	}
	return cmd
}
