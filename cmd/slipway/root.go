package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// version is set by the linker for a release; otherwise the module's own says.
var version = ""

// newRoot lists every command; each has a file of its own.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Say exactly what merging a change will do to the live clusters",
		Long: `Slipway renders the environments that a change affects, compares them with the
live clusters by a dry run on the API server, and asks your policies about them.

As a GitHub App (slipway serve) it says so on every pull request, and applies what is
merged. From a terminal, slipway plan says the same about any two commits of a local
repository, and slipway apply brings the clusters to what one of them says.`,
		Example: `  # what would merging my branch do?
  slipway plan --base main --head HEAD

  # the same without a cluster: what changes between the two
  slipway plan --base main --head HEAD --offline

  # bring staging to what HEAD says, after a look at the plan
  slipway apply staging

  # what runs where, and what has drifted?
  slipway status
  slipway drift

  # what does an overlay produce?
  slipway render --path apps/web-app/overlays/production`,
		Version:       describedVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          commandsOnly,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	})
	arrange(root)
	root.AddCommand(in(looking, newPlan(), newRender(), newStatus(), newHistory(), newDrift())...)
	root.AddCommand(in(changing, newApply(), newPromote())...)
	root.AddCommand(in(checking, newConfig(), newPolicy())...)
	root.AddCommand(in(serving, newServe(), newJobs(), newMigrate())...)
	root.AddCommand(newWorker(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  none(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), describedVersion())
			return err
		},
	}
}

// describedVersion is the version with what it was built by and for.
func describedVersion() string {
	return fmt.Sprintf("slipway %s %s %s/%s", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// buildVersion is the release's version, or the commit that the binary was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return "devel " + setting.Value[:min(len(setting.Value), 12)]
		}
	}
	return info.Main.Version
}

// terminal reports whether a stream is one, and colour is welcome on it.
func terminal(file *os.File) bool {
	return term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// progress returns where to say what long work is doing: standard error when that
// is a terminal, nowhere otherwise.
func progress() func(string) {
	if !terminal(stderr) {
		return func(string) {}
	}
	return func(stage string) { fmt.Fprintf(stderr, "\r\x1b[K%s", stage) }
}
