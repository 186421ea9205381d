package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/slipwayhq/slipway"
	"github.com/slipwayhq/slipway/app/github"
	"github.com/slipwayhq/slipway/app/web"
	"github.com/slipwayhq/slipway/handlers/config"
)

// Run serves the GitHub App until ctx ends, then lets running jobs finish for a
// while. version is shown on the status page.
func Run(ctx context.Context, c Config, version string, log *slog.Logger) error {
	public := c.Server.Address
	if !c.Roles.web() {
		public = ""
	}
	listeners, err := web.Listen(ctx, public, c.Server.InternalAddress, c.Server.internalToken)
	if err != nil {
		return err
	}
	stopTraces, err := startTraces(ctx, version)
	if err != nil {
		return err
	}
	s, err := New(c, log)
	if err != nil {
		return err
	}
	started := time.Now()
	address, internal := listeners.Addresses()
	log.Info("serving", "version", version, "address", address, "internal", internal, "app", c.GitHub.AppID, "github", c.GitHub.URL)
	if c.Roles.workers() {
		go s.clocks(ctx)
	}
	err = web.Serve(ctx, listeners, web.Public{Schema: config.Schema(), Webhook: s.Webhook()}.Handler(), s.Internal(version, started), log)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, s.Close(closing), stopTraces(closing))
}

// Internal is what operators and probes see: health, metrics, status and jobs.
func (s *Service) Internal(version string, started time.Time) http.Handler {
	pages, err := s.queue.Pages(web.JobsPath)
	if err != nil {
		s.log.Warn("the queue's pages are not served", "error", err)
	}
	return web.Internal{
		Token: s.config.Server.internalToken, Metrics: s.metrics(version), Log: s.log,
		Ready:  s.queue.Ready,
		Status: func(ctx context.Context) web.Status { return s.status(ctx, version, started) },
		Jobs:   pages,
	}.Handler()
}

// RunSetup serves the page that registers the GitHub App, until it has or ctx
// ends. It prints the page's address, which is a secret, with print.
func RunSetup(ctx context.Context, c Config, print func(address string), log *slog.Logger) error {
	data, _, err := c.data() // LoadSetupConfig wants one
	if err != nil {
		return err
	}
	listeners, err := web.Listen(ctx, c.Server.Address, "", "")
	if err != nil {
		return err
	}
	setup := &web.Setup{
		Manifest: slipway.Manifest, PublicURL: c.Server.PublicURL, GitHub: c.GitHub.URL, Directory: filepath.Join(data, setupDirectory), Log: log,
		Convert: func(ctx context.Context, code string) (web.Credentials, error) {
			credentials, err := github.Convert(ctx, github.Settings{API: c.GitHub.APIURL}, code)
			return web.Credentials{
				AppID: credentials.AppID, Page: credentials.Page,
				PrivateKey: credentials.PrivateKey, WebhookSecret: credentials.WebhookSecret,
			}, err
		},
	}
	address, err := setup.Start()
	if err != nil {
		return err
	}
	print(address)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-setup.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return web.Serve(ctx, listeners, web.Public{Setup: setup, Schema: config.Schema()}.Handler(), nil, log)
}
