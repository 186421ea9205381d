package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/policy"
)

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Run the tests of policies",
		Args:  commandsOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "test DIR",
		Short: "Run the tests (*_test.rego) of a directory of policies",
		Long: `Test compiles the policies below DIR as Slipway does, with the built-in functions
that policies may use, and runs every rule test_* of their *_test.rego files. It
exits with 1 when a test fails or a policy does not compile.`,
		Example: `  slipway policy test policies`,
		Args:    takes(1, 1, "one directory of policies"),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := readDirectory(args[0])
			if err != nil {
				return err
			}
			return testPolicies(cmd, files)
		},
	})
	return cmd
}

// testPolicies prints a line for each test, the reason below each that failed, and
// the counts.
func testPolicies(cmd *cobra.Command, files map[string][]byte) error {
	out := cmd.OutOrStdout()
	results, problems := policy.Test(cmd.Context(), files)
	for i := range problems {
		fmt.Fprintln(out, problems[i].Error())
	}
	if len(problems) > 0 {
		return fmt.Errorf("the policies do not compile: %s", counted(len(problems)))
	}
	for _, result := range results {
		fmt.Fprintf(out, "%-4s %s (%s)\n", result.Outcome, result.Name, result.Duration.Round(time.Microsecond))
		if result.Message != "" {
			fmt.Fprintf(out, "     %s:%d: %s\n", result.File, result.Line, result.Message)
		}
		if result.Output != "" {
			fmt.Fprintf(out, "     %s\n", strings.ReplaceAll(strings.TrimSpace(result.Output), "\n", "\n     "))
		}
	}
	counts := results.Counts()
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", counts[policy.Passed], counts[policy.Failed]+counts[policy.Broke], counts[policy.Skipped])
	if len(results) == 0 {
		return fmt.Errorf("there are no tests: write rules called test_* in files called *_test.rego")
	}
	if !results.OK() {
		return errors.New("the policies' tests failed")
	}
	return nil
}

// readDirectory returns the regular files below dir, by path.
func readDirectory(dir string) (map[string][]byte, error) {
	files := make(map[string][]byte)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no directory %s", dir)
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !policy.IsFile(filepath.ToSlash(path)) {
			return err
		}
		files[filepath.ToSlash(path)], err = os.ReadFile(path)
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no policies (*.rego)", dir)
	}
	return files, err
}
