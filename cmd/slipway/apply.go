package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/slipwayhq/slipway/app"
)

func newApply() *cobra.Command {
	var options app.ApplyOptions
	var yes bool
	cmd := &cobra.Command{
		Use:   "apply [TARGET…]",
		Short: "Bring targets to what a commit says",
		Long: `Apply brings the targets (or environments; all where none is named) to what the
commit at --ref says. It shows the plan and asks before it writes; --yes does not
ask, and is needed where there is no terminal. Environments go in order, and one
that does not end well keeps those behind it from beginning.

You act as yourself: with your kubeconfig and kubectl's flags, on the objects and on
the records in the namespace slipway-system, which a GitHub App of the same
repository shares. An environment's cluster is the kubeconfig's context of that
name, where there is one; otherwise the current context.

Your yes stands for /apply: it lets what is not automatic be applied, takes over
what nobody of Slipway's owns, and writes again what has drifted. Deleting a large
share, a protected kind or a whole target needs --confirm with the plan's digest,
which the refusal prints. What a policy denies is not applied.

Uncommitted changes do not count: what is applied is a commit.

Exit codes: 0 applied, or unchanged; 2 it waits for a person, or is refused, denied
or held; 1 it failed, or could not be found out.`,
		Example: `  slipway apply --dry-run                      # what would be done?
  slipway apply staging                        # one environment
  slipway apply production/web-app --ref v1.3.0
  slipway apply --yes --ref main               # in a script
  slipway apply production/old --confirm production/old=1a2b3c4d5e6f`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	bindCheckout(cmd, &options.Checkout)
	flags.BoolVarP(&yes, "yes", "y", false, "apply without asking")
	options.Confirmed = make(map[string]string)
	flags.Var(confirmations(options.Confirmed), "confirm", "let the plan of this digest delete what it deletes; may be given several times")
	flags.BoolVar(&options.DryRun, "dry-run", false, "show the plan, and apply nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Targets, options.Progress = args, progress()
		options.Out, options.Colour = cmd.OutOrStdout(), terminal(os.Stdout)
		options.Progressing, options.Colourful = stderr, terminal(stderr)
		options.Agree = func(question string) (bool, error) {
			if yes {
				return true, nil
			}
			return ask(cmd.InOrStdin(), stderr, question)
		}
		outcome, err := app.Apply(cmd.Context(), options)
		if err != nil {
			return err
		}
		return ended(outcome)
	}
	return cmd
}

// bindCheckout adds the flags that say which commit of what is meant, and where its
// clusters are.
func bindCheckout(cmd *cobra.Command, checkout *app.Checkout) {
	flags := cmd.Flags()
	flags.StringVar(&checkout.Directory, "repo", ".", "a local Git repository, bare or not")
	flags.StringVar(&checkout.Ref, "ref", "HEAD", "a commit, branch or tag")
	flags.StringVar(&checkout.Repository, "repository", "", "owner/name, as records call the repository (default: of the remote origin)")
	bindClusters(cmd, checkout.BindClusterFlags, checkout.Contexts)
}

// ended turns an outcome into the exit code.
func ended(outcome app.Outcome) error {
	switch outcome {
	case app.Done:
		return nil
	case app.Stands:
		return errDenied
	default:
		return errors.New("it failed; what is above says why")
	}
}

// minDigits is how much of a digest a person has to write.
const minDigits = 12

// confirmations are the values of --confirm: digests of plans, by target.
type confirmations map[string]string

// Set implements [pflag.Value].
func (c confirmations) Set(written string) error {
	for each := range strings.SplitSeq(written, ",") {
		target, digest, ok := strings.Cut(each, "=")
		if !ok || target == "" || len(digest) < minDigits || strings.Trim(digest, "0123456789abcdef") != "" {
			return fmt.Errorf("write TARGET=DIGEST, with the digest that slipway apply --dry-run prints, %d digits of it or more", minDigits)
		}
		c[target] = digest
	}
	return nil
}

// String implements [pflag.Value].
func (c confirmations) String() string { return "" } // nothing is confirmed by itself

// Type implements [pflag.Value]: it is what help shows behind the flag.
func (confirmations) Type() string { return "TARGET=DIGEST" }

// ask has a person answer a question on a terminal. No answer is no.
func ask(in io.Reader, out io.Writer, question string) (bool, error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return false, errors.New("nothing was applied: there is no terminal to ask on; add --yes to apply without being asked, or --dry-run to see the plan alone")
	}
	fmt.Fprintf(out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
