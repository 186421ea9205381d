package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/handlers/config"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check a repository's configuration, or print its schema",
		Args:  commandsOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	check := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say everything that is wrong with a .slipway.yaml, each with its line",
		Long: `Check reads FILE (.slipway.yaml where none is given) and prints every problem at
once, each as file:line: what is wrong; what to write instead. It exits with 1 when
there is any.`,
		Args: takes(0, 1, "one file, or none for .slipway.yaml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := config.File
			if len(args) > 0 {
				file = args[0]
			}
			return checkConfig(cmd, file)
		},
	}
	schema := &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of .slipway.yaml, for editors",
		Example: `  slipway config schema > slipway.schema.json`,
		Args:    none(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(config.Schema())
			return err
		},
	}
	cmd.AddCommand(check, schema)
	return cmd
}

func checkConfig(cmd *cobra.Command, file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s does not exist: without one, conventional layouts are recognised and nothing is ever applied", file)
	}
	if err != nil {
		return err
	}
	_, problems := config.Parse(file, content)
	for _, problem := range problems {
		fmt.Fprintln(cmd.OutOrStdout(), problem.Error())
	}
	if len(problems) > 0 {
		return errors.New(counted(len(problems)))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is well formed\n", file)
	return nil
}

func counted(problems int) string {
	if problems == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", problems)
}
