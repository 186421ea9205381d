// Package app turns the operator's configuration into the running service. It is
// the only package that knows every concrete thing, and it decides nothing that a
// test would want to ask about.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/slipwayhq/slipway/app/clusters"
	"github.com/slipwayhq/slipway/app/github"
	"github.com/slipwayhq/slipway/app/queue"
	"github.com/slipwayhq/slipway/app/sandbox"
	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
)

// A Service is the GitHub App, at work from New until Close. It takes deliveries, works
// jobs, or both, as its roles say.
type Service struct {
	config  Config
	github  *github.App
	webhook *github.Webhook
	queue   *queue.Queue
	mirrors *mirrors
	workers *sandbox.Pool
	// renderers and watch are here for their figures.
	renderers *renderers
	watch     *watch
	log       *slog.Logger
	// temporary is the data directory where the operator named none; Close deletes it.
	temporary string
}

// New starts the service's workers. It listens nowhere: Handler is to be served,
// as Run does.
func New(config Config, log *slog.Logger) (*Service, error) {
	data, temporary, err := config.data()
	if err != nil {
		return nil, err
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Service{config: config, log: log, watch: newWatch(log)}
	if temporary {
		s.temporary = data
	}
	s.github, err = github.New(github.Settings{
		AppID: config.GitHub.AppID, PrivateKey: config.GitHub.privateKey, WebhookSecret: string(config.GitHub.webhookSecret),
		Web: config.GitHub.URL, API: config.GitHub.APIURL, Accounts: config.GitHub.Accounts,
		Pace: config.Limits.pace(), Ledger: ledger{s},
		Cache: filepath.Join(data, "answers"),
		Now:   config.Now,
	})
	if err != nil {
		return nil, errors.Join(err, s.clear())
	}
	s.workers, err = sandbox.New(context.Background(), sandbox.Options{Workers: config.Limits.Workers, Memory: int64(config.Limits.WorkerMemory) << 20, Log: log})
	if err != nil {
		return nil, err
	}
	s.mirrors = newMirrors(filepath.Join(data, "mirrors"), s.github)
	s.renderers = newRenderers(maskKey(config.GitHub.privateKey), config.Sensitive, s.workers.Builder(), config.Limits.RenderTime.Duration)
	worker := s.worker()
	watchWorker(worker, s.watch)
	opening, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if s.queue, err = queue.New(opening, queue.Options{Database: config.database(data), Home: data, Workers: config.Limits.Jobs, Redact: github.Redact, Log: log}); err != nil {
		s.workers.Close()
		return nil, errors.Join(err, s.mirrors.Close(), s.clear())
	}
	worker.Queue = s.queue
	s.webhook, err = s.github.Webhook(s.take, log)
	if err == nil && config.Roles.workers() {
		err = s.queue.Start(opening, watched{worker, s.watch})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	return s, nil
}

// ledger is the queue's accounts, which all processes with its database share.
type ledger struct{ s *Service }

// Spend implements [github.Ledger].
func (l ledger) Spend(ctx context.Context, spendings []github.Spending) (time.Duration, error) {
	all := make([]queue.Spending, len(spendings))
	for i, s := range spendings {
		all[i] = queue.Spending(s)
	}
	if l.s.queue == nil {
		return 0, errors.New("the queue is not open yet")
	}
	return l.s.queue.Spend(ctx, all)
}

// worker lists what the jobs stand on. Its queue is set once there is one.
func (s *Service) worker() *handlers.Worker {
	registry := clusters.New(s.config.Clusters,
		preview.ClusterOptions{Parallel: s.config.Limits.DryRuns},
		deploy.Options{Identity: identity(), Parallel: s.config.Limits.DryRuns, Now: s.config.Now})
	comments := s.github.Comments()
	return &handlers.Worker{
		Planner: &handlers.Planner{
			Renderers:  s.renderers,
			Policies:   policy.NewCache(64, s.workers.Runner()),
			Clusters:   registry,
			Granting:   true,
			Unconfined: s.workers.Sandboxed() != nil,
			Defaults:   s.mirrors.defaults,
			Now:        s.config.Now,
		},
		Pulls: s.github.PullRequests(), Checks: s.github.Checks(), Comments: comments, Published: comments, Allowances: s.github.Allowances(),
		OpenPulls: s.github.PullRequests(), Reviews: s.github.Reviews(),
		Trees: s.mirrors, Deployers: registry,
		Deployments: s.github.Deployments(), History: s.github.History(), Proposals: s.github.Proposals(),
		People: s.github.People(), Reactions: s.github.Reactions(),
		Issues: s.github.Issues(), Repositories: s.github.Repositories(), Deliveries: s.github.Redelivery(),
		Web:      s.config.GitHub.URL,
		Deadline: s.config.Limits.Deadline.Duration,
		Log:      s.log,
	}
}

// identity names this process to those who wait for a lease that it holds.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "slipway"
	}
	return host + "-" + uuid.NewString()[:8]
}

// take keeps what an event asks for before its delivery is answered.
func (s *Service) take(ctx context.Context, delivery string, event handlers.Event) error {
	jobs := event.Jobs()
	duplicate, err := s.queue.Take(ctx, delivery, jobs...)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		s.log.InfoContext(ctx, "job queued", "delivery", delivery, "job", job.Key(), "duplicate", duplicate)
	}
	return nil
}

// clocks does what is to be done again and again, until ctx ends. Of several
// processes, one does it at a time.
func (s *Service) clocks(ctx context.Context) {
	var running sync.WaitGroup
	if every := s.config.Limits.Sweep.Duration; every > 0 {
		running.Go(func() {
			s.queue.Every(ctx, "sweep", every, swept)
		})
	}
	running.Go(func() { s.queue.Prune(ctx) })
	running.Wait()
}

// Sweep has every repository looked at: what is to be deployed, and the drift whose
// schedule came due between since and until.
func (s *Service) Sweep(ctx context.Context, since, until time.Time) error {
	return s.queue.Insert(ctx, swept(since, until)...)
}

// swept is what the clock asks for.
func swept(since, until time.Time) []handlers.Job {
	return []handlers.Job{handlers.Repair{}, handlers.Sweep{Since: since, Until: until}}
}

// Webhook is the route that GitHub delivers to.
func (s *Service) Webhook() http.Handler { return traceDeliveries(s.webhook) }

// Idle waits until nothing is left to do.
func (s *Service) Idle(ctx context.Context) error { return s.queue.Idle(ctx) }

// startTimeout bounds how long the database may take to open and migrate.
const startTimeout = 5 * time.Minute

// stopTimeout is how long running jobs may take to finish when the service stops.
const stopTimeout = 10 * time.Second

// Close lets running jobs finish until ctx ends, then cancels them and hands them back.
func (s *Service) Close(ctx context.Context) error {
	err := s.queue.Stop(ctx)
	s.workers.Close()
	if closing := s.mirrors.Close(); closing != nil {
		err = errors.Join(err, fmt.Errorf("close mirrors: %w", closing))
	}
	return errors.Join(err, s.clear())
}

func (s *Service) clear() error {
	if s.temporary == "" {
		return nil
	}
	if err := os.RemoveAll(s.temporary); err != nil {
		return fmt.Errorf("delete the temporary data directory: %w", err)
	}
	return nil
}
