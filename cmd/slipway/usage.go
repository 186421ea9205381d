package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups in which help lists the commands: what a person wants comes first.
const (
	looking  = "looking"
	changing = "changing"
	checking = "checking"
	serving  = "serving"
)

// arrange makes a command's help list its commands in groups, in the order in which
// they were added, and its own flags before kubectl's.
func arrange(root *cobra.Command) {
	cobra.EnableCommandSorting = false
	cobra.AddTemplateFunc("ownFlags", func(set *pflag.FlagSet) string { return usages(set, false) })
	cobra.AddTemplateFunc("clusterFlags", func(set *pflag.FlagSet) string { return usages(set, true) })
	root.SetUsageTemplate(usageTemplate)
	root.AddGroup(
		&cobra.Group{ID: looking, Title: "To look, which writes nothing:"},
		&cobra.Group{ID: changing, Title: "To change something:"},
		&cobra.Group{ID: checking, Title: "To check what is written in the repository:"},
		&cobra.Group{ID: serving, Title: "To run the GitHub App:"},
	)
}

// in puts commands into a group.
func in(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, command := range commands {
		command.GroupID = group
	}
	return commands
}

// usageTemplate is cobra's, in fewer words, with kubectl's flags at the end.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$all := .Commands}}{{if not .Groups}}

Commands:{{range $all}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $all}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}

And:{{range $all}}{{if and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{ownFlags .LocalFlags}}{{with clusterFlags .LocalFlags}}

Which cluster, and as whom, as with kubectl:
{{.}}{{end}}{{end}}{{if .HasAvailableSubCommands}}

{{.CommandPath}} COMMAND --help says more of one.{{end}}
`

// ofKubectl is what marks flags that kubectl has, too.
const ofKubectl = "slipway.dev/of-kubectl"

// bindClusters adds kubectl's flags to a command.
func bindClusters(cmd *cobra.Command, bind func(*pflag.FlagSet), contexts func() []string) {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	bind(set)
	set.VisitAll(func(flag *pflag.Flag) {
		flag.Annotations = map[string][]string{ofKubectl: nil}
		cmd.Flags().AddFlag(flag)
	})
	must(cmd.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return contexts(), cobra.ShellCompDirectiveNoFileComp
	}))
}

// usages explains those flags of a set that are, or are not, kubectl's.
func usages(all *pflag.FlagSet, ofKubectls bool) string {
	some := pflag.NewFlagSet("", pflag.ContinueOnError)
	some.SortFlags = false
	all.VisitAll(func(flag *pflag.Flag) {
		if _, theirs := flag.Annotations[ofKubectl]; theirs == ofKubectls {
			some.AddFlag(flag)
		}
	})
	return strings.TrimRight(some.FlagUsages(), "\n")
}

// takes takes from least to most arguments, and says what they are, with an example,
// where there are others.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		given := fmt.Sprintf("%d were given", len(args))
		switch len(args) {
		case 0:
			given = "none was given"
		case 1:
			given = fmt.Sprintf("only %q was given", args[0])
		}
		return fmt.Errorf("%s takes %s; %s", cmd.CommandPath(), what, given)
	}
}

// none takes no argument: instead says what to write in its place.
func none(instead string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("%s takes flags alone, and %q is none%s", cmd.CommandPath(), args[0], instead)
	}
}

// commandsOnly takes an argument for a mistaken command, and names the nearest or all.
func commandsOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("there is no command %s %s; did you mean %s %s?", cmd.CommandPath(), args[0], cmd.CommandPath(), strings.Join(near, " or "))
	}
	var names []string
	for _, command := range cmd.Commands() {
		if command.IsAvailableCommand() {
			names = append(names, command.Name())
		}
	}
	return fmt.Errorf("there is no command %s %s; there are: %s", cmd.CommandPath(), args[0], strings.Join(names, ", "))
}
