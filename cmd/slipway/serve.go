package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/app"
	"github.com/slipwayhq/slipway/app/web"
)

func newServe() *cobra.Command {
	var file, roles, logFormat, logLevel string
	var setup bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the GitHub App",
		Long: `Serve listens for GitHub's webhooks and answers pull requests with a comment and
checks. It needs a GitHub App: slipway serve --setup registers one, from app.yml, in
the browser.

Everything it is told is in one YAML file; secrets may come from the environment:
SLIPWAY_GITHUB_APP_ID, SLIPWAY_GITHUB_PRIVATE_KEY, SLIPWAY_GITHUB_WEBHOOK_SECRET and
SLIPWAY_INTERNAL_TOKEN. Traces go to OTEL_EXPORTER_OTLP_ENDPOINT where that is set.`,
		Example: `  slipway serve --config slipway.yaml --setup
  slipway serve --config slipway.yaml`,
		Args: none(""),
	}
	flags := cmd.Flags()
	flags.StringVar(&file, "config", "", "the operator's configuration file")
	flags.BoolVar(&setup, "setup", false, "register a GitHub App first, on a page whose address is printed")
	flags.StringVar(&roles, "roles", "web,workers", "what this process does: web takes deliveries, workers work jobs")
	flags.StringVar(&logFormat, "log-format", "json", "json or text")
	flags.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log, err := newLog(logFormat, logLevel)
		if err != nil {
			return err
		}
		if setup {
			config, err := app.LoadSetupConfig(file)
			if err != nil {
				return err
			}
			return app.RunSetup(cmd.Context(), config, func(address string) {
				fmt.Fprintf(cmd.OutOrStdout(), "Open this once, within an hour, to register the GitHub App:\n\n  %s\n\nThen stop this and run slipway serve.\n", address)
			}, log)
		}
		config, err := app.LoadConfig(file, os.Getenv)
		if err != nil {
			return err
		}
		if config.Roles, err = app.ParseRoles(roles); err != nil {
			return fmt.Errorf("--roles: %w", err)
		}
		return app.Run(cmd.Context(), config, buildVersion(), log)
	}
	return cmd
}

func newLog(format, level string) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var parsed slog.Level
	if err := parsed.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		return nil, fmt.Errorf("--log-level %s is unknown; write debug, info, warn or error", level)
	}
	options.Level = parsed
	switch format {
	case "json":
		return slog.New(web.LogHandler(slog.NewJSONHandler(stderr, &options))), nil
	case "text":
		return slog.New(web.LogHandler(slog.NewTextHandler(stderr, &options))), nil
	}
	return nil, errors.New("--log-format takes json or text")
}
