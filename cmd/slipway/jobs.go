package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/app/queue"
)

func newJobs() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List, try again or cancel the jobs of the GitHub App",
		Long: `Jobs looks into the database that slipway serve keeps its jobs in, whether that runs
or not: that of --config, or SLIPWAY_DATABASE. A job has a key, such as
pr/acme/shop#7; there is at most one of a key.`,
		Args: commandsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newJobsList(), newJobsShow(), newJobsRetry(), newJobsCancel())
	return cmd
}

// atDesk runs do with the jobs of the operator's database.
func atDesk(cmd *cobra.Command, file string, do func(context.Context, *queue.Desk) error) error {
	address, err := app.Database(file, os.Getenv)
	if err != nil {
		return err
	}
	desk, err := queue.OpenDesk(cmd.Context(), address)
	if err != nil {
		return err
	}
	err = do(cmd.Context(), desk)
	return cmp.Or(err, desk.Close())
}

func bindDatabase(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "the operator's configuration file")
}

func newJobsList() *cobra.Command {
	var file, format string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what failed for good, what is worked, and what waits",
		Example: `  slipway jobs list --config slipway.yaml
  slipway jobs list --config slipway.yaml -o json | jq -r '.jobs[] | select(.state == "failed").key'`,
		Args: none(""),
	}
	bindDatabase(cmd, &file)
	bindFormat(cmd, &format)
	cmd.Flags().IntVar(&limit, "limit", 1000, "how many at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFormat(format); err != nil {
			return err
		}
		return atDesk(cmd, file, func(ctx context.Context, desk *queue.Desk) error {
			jobs, err := desk.List(ctx, limit)
			if err != nil {
				return err
			}
			return show(cmd, format, jobsText(jobs, time.Now()), func() ([]byte, error) {
				return json.MarshalIndent(map[string][]queue.Listed{"jobs": append([]queue.Listed{}, jobs...)}, "", "  ")
			})
		})
	}
	return cmd
}

// jobsText is a table of jobs, one a line.
func jobsText(jobs []queue.Listed, now time.Time) string {
	if len(jobs) == 0 {
		return "no jobs"
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STATE\tKEY\tKIND\tAGE\tTRIES\tERROR")
	for _, j := range jobs {
		line, _, _ := strings.Cut(j.Error, "\n")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", j.State, printable(j.Key), j.Kind, max(now.Sub(j.Asked), 0).Round(time.Second), j.Tries, printable(line))
	}
	_ = table.Flush() // into memory
	return text.String()
}

// printable is text without what would steer a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, text)
}

func newJobsShow() *cobra.Command {
	var file, format string
	cmd := &cobra.Command{
		Use:     "show KEY",
		Short:   "Say everything about one job",
		Example: `  slipway jobs show --config slipway.yaml 'pr/acme/shop#7'`,
		Args:    takes(1, 1, "the key of a job"),
	}
	bindDatabase(cmd, &file)
	bindFormat(cmd, &format)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFormat(format); err != nil {
			return err
		}
		return atDesk(cmd, file, func(ctx context.Context, desk *queue.Desk) error {
			job, err := desk.Show(ctx, args[0])
			if err != nil {
				return err
			}
			return show(cmd, format, jobText(job), func() ([]byte, error) { return json.MarshalIndent(job, "", "  ") })
		})
	}
	return cmd
}

// jobText is all about one job, a fact a line; what is not known is left out.
func jobText(j queue.Listed) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	state := string(j.State)
	if j.Cancelled {
		state += ", to be cancelled"
	}
	for _, fact := range [][2]string{
		{"key", j.Key}, {"kind", j.Kind}, {"state", state}, {"asked", moment(j.Asked)}, {"delivery", j.Delivery},
		{"tries", fmt.Sprint(j.Tries)}, {"crashes", fmt.Sprint(j.Crashes)}, {"alone", fmt.Sprint(j.Alone)}, {"until", moment(j.Until)}, {"replica", j.Replica},
		{"failed at", moment(j.FailedAt)}, {"job", j.Payload},
	} {
		if fact[1] != "" {
			fmt.Fprintf(table, "%s\t%s\n", fact[0], printable(fact[1]))
		}
	}
	_ = table.Flush() // into memory
	if j.Error != "" {
		text.WriteString("\n")
		for line := range strings.Lines(j.Error) {
			text.WriteString(printable(strings.TrimRight(strings.ReplaceAll(line, "\t", "  "), "\n")) + "\n")
		}
	}
	return text.String()
}

func newJobsRetry() *cobra.Command {
	return newJobsChange("retry", "Try a job again now, from its first try",
		"Retry has a job that failed for good begin anew, and one that pauses be tried at once.\nOne that is being worked is left alone.",
		func(ctx context.Context, desk *queue.Desk, key string) (string, error) {
			was, err := desk.Retry(ctx, key)
			if was.State == queue.Running {
				return key + " is being worked; nothing was changed", err
			}
			return fmt.Sprintf("%s was %s; it is tried again", key, was.State), err
		})
}

func newJobsCancel() *cobra.Command {
	return newJobsChange("cancel", "Cancel a job, or forget one that failed for good",
		"Cancel ends a job that is being worked within a second, and keeps others from being\nworked; a worker then says so where somebody waits for it. One that failed for good is\nforgotten. Whatever asks for it anew, such as a push, has it worked again.",
		func(ctx context.Context, desk *queue.Desk, key string) (string, error) {
			was, err := desk.Cancel(ctx, key)
			if was.State == queue.Failed {
				return key + " had failed; it is forgotten", err
			}
			return fmt.Sprintf("%s was %s; it is cancelled", key, was.State), err
		})
}

func newJobsChange(verb, short, long string, change func(context.Context, *queue.Desk, string) (string, error)) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: verb + " KEY", Short: short, Long: long,
		Example: "  slipway jobs " + verb + " --config slipway.yaml 'pr/acme/shop#7'",
		Args:    takes(1, 1, "the key of a job"),
	}
	bindDatabase(cmd, &file)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return atDesk(cmd, file, func(ctx context.Context, desk *queue.Desk) error {
			said, err := change(ctx, desk, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), printable(said))
			return err
		})
	}
	return cmd
}
