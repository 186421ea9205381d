package app

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/app/clusters"
	"github.com/slipwayhq/slipway/app/github"
	"github.com/slipwayhq/slipway/app/web"
	"github.com/slipwayhq/slipway/render"
)

// A Config is what the operator says: one YAML file, and environment variables
// that override it. Secrets are best given as files or variables.
type Config struct {
	GitHub GitHub `json:"github"`
	Server Server `json:"server"`
	// Data is the directory of Git mirrors and, where Database is empty, of the queue.
	// The mirrors may be lost. A temporary one where empty.
	Data string `json:"data,omitempty"`
	// Database is where jobs are kept: postgres://user:password@host/name, which many
	// processes may share; where empty queue.db in Data, for one process.
	Database string `json:"database,omitempty"`
	// Clusters are the registered clusters, by name.
	Clusters map[string]clusters.Registration `json:"clusters,omitempty"`
	Limits   Limits                           `json:"limits"`
	// Sensitive are fields to mask that no repository can show.
	Sensitive []render.SensitiveField `json:"sensitive,omitempty"`
	// Roles are what this process does.
	Roles Roles `json:"-"`
	// Now is the clock; the time of day where nil, as always but in tests.
	Now func() time.Time `json:"-"`
}

// GitHub says where GitHub is, and who the App is there.
type GitHub struct {
	// URL is what people open, and where Git is served: https://github.com, or a
	// GitHub Enterprise Server's.
	URL string `json:"url,omitempty"`
	// APIURL is the REST API's; for an Enterprise Server https://HOST/api/v3/.
	// Derived from URL where empty.
	APIURL string `json:"apiURL,omitempty"`
	// AppID is the App's number.
	AppID int64 `json:"appID,omitempty"`
	// PrivateKeyFile holds the App's private key in PEM.
	PrivateKeyFile string `json:"privateKeyFile,omitempty"`
	// WebhookSecretFile holds the secret that deliveries are signed with.
	WebhookSecretFile string `json:"webhookSecretFile,omitempty"`
	// Accounts are the users and organisations whose installations are served; all where empty.
	Accounts []string `json:"accounts,omitempty"`

	privateKey, webhookSecret []byte
}

// Server says where to listen.
type Server struct {
	Address         string `json:"address,omitempty"`         // of the webhook; :8080 where empty
	PublicURL       string `json:"publicURL,omitempty"`       // where GitHub reaches Address; for set-up
	InternalAddress string `json:"internalAddress,omitempty"` // of metrics, health and status; 127.0.0.1:9090 where empty
	// InternalTokenFile holds the bearer token of the internal listener; needed
	// where that is not on loopback.
	InternalTokenFile string `json:"internalTokenFile,omitempty"`

	internalToken string
}

// Limits bound what one process does at once, and what all of them write to GitHub.
type Limits struct {
	Jobs     int             `json:"jobs,omitempty"`     // at once; 4 where zero. A quarter more are for installations that have none
	Deadline metav1.Duration `json:"deadline,omitempty"` // of one plan; 10m where zero
	DryRuns  int             `json:"dryRuns,omitempty"`  // at once and per cluster; 96 where zero
	// Sweep is how often every repository is looked at for pushes that were never
	// heard of, and for drift whose schedule came due; 5m where zero, never where
	// negative.
	Sweep metav1.Duration `json:"sweep,omitempty"`
	// WritesPerMinute is what writes of one installation to GitHub stay under, those of
	// all processes together; 80, GitHub's own limit, where zero; unpaced where negative.
	WritesPerMinute int `json:"writesPerMinute,omitempty"`
	// WritesPerHour is the same for an hour; 500 where zero.
	WritesPerHour int `json:"writesPerHour,omitempty"`
	// PointsPerMinute bounds all calls of one installation, of which a read is one
	// point and a write five; 900 where zero.
	PointsPerMinute int `json:"pointsPerMinute,omitempty"`
	// Workers are the processes that render and judge at once; as many as there are
	// CPUs where zero.
	Workers int `json:"workers,omitempty"`
	// WorkerMemory bounds what one of them may take, in MiB; 512 where zero.
	WorkerMemory int `json:"workerMemory,omitempty"`
	// RenderTime bounds the rendering of one target; 1m where zero.
	RenderTime metav1.Duration `json:"renderTime,omitempty"`
}

// pace is what one installation may ask of GitHub. Where one figure says not to pace,
// the others do not pace either unless they are given.
func (l Limits) pace() github.Pace {
	p := github.Pace{CreationsPerMinute: l.WritesPerMinute, CreationsPerHour: l.WritesPerHour, PointsPerMinute: l.PointsPerMinute}
	if p.CreationsPerMinute < 0 {
		p.CreationsPerHour, p.PointsPerMinute = cmp.Or(p.CreationsPerHour, -1), cmp.Or(p.PointsPerMinute, -1)
	}
	return p
}

// setupDirectory is where set-up writes, in the data directory.
const setupDirectory = "app"

// The environment variables that override the file.
const (
	envAppID         = "SLIPWAY_GITHUB_APP_ID"
	envPrivateKey    = "SLIPWAY_GITHUB_PRIVATE_KEY"
	envWebhookSecret = "SLIPWAY_GITHUB_WEBHOOK_SECRET"
	envInternalToken = "SLIPWAY_INTERNAL_TOKEN"
	envDatabase      = "SLIPWAY_DATABASE"
)

// LoadConfig reads the operator's file (none where the path is empty) and the
// environment. The error joins everything that is wrong.
func LoadConfig(file string, environ func(string) string) (Config, error) {
	c, problems, err := readConfig(file)
	if err != nil {
		return c, err
	}
	problems = append(problems, c.environment(environ)...)
	problems = append(problems, c.registered()...)
	problems = append(problems, c.secrets()...)
	if c.GitHub.AppID <= 0 {
		problems = append(problems, fmt.Errorf("github.appID is not set: give the App's number, or %s in the environment, or register an App with slipway serve --setup", envAppID))
	}
	return c, c.check(file, problems)
}

// LoadSetupConfig reads the operator's file for registering the App, which has no
// number and no secrets yet.
func LoadSetupConfig(file string) (Config, error) {
	c, problems, err := readConfig(file)
	if err != nil {
		return c, err
	}
	if c.Server.PublicURL == "" {
		problems = append(problems, errors.New("server.publicURL is not set: give the address at which GitHub and you reach this service, e.g. https://slipway.example.com"))
	}
	if c.Data == "" {
		problems = append(problems, errors.New("data is not set: give a directory, where the App's credentials are kept"))
	}
	return c, c.check(file, problems)
}

// readConfig reads the file and fills in the defaults.
func readConfig(file string) (c Config, problems []error, err error) {
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return c, nil, fmt.Errorf("read configuration: %w", err)
		}
		if problems, err = c.parse(content); err != nil {
			return c, nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	c.defaults()
	return c, problems, nil
}

// parse reads the file's content. Keys that are unknown or there twice are problems
// like any other; a value of a wrong type ends the reading.
func (c *Config) parse(content []byte) (problems []error, err error) {
	asJSON, err := yaml.YAMLToJSONStrict(content)
	if err != nil {
		return nil, err
	}
	return json.UnmarshalStrict(asJSON, c)
}

// check joins the problems with what is wrong in any configuration.
func (c *Config) check(file string, problems []error) error {
	problems = append(problems, c.validate()...)
	for i, problem := range problems {
		problems[i] = fmt.Errorf("%s: %w", cmp.Or(file, "configuration"), problem)
	}
	return errors.Join(problems...)
}

func (c *Config) environment(environ func(string) string) (problems []error) {
	if v := environ(envAppID); v != "" {
		id, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %q is no number", envAppID, v))
		}
		c.GitHub.AppID = id
	}
	c.GitHub.privateKey = []byte(environ(envPrivateKey))
	c.GitHub.webhookSecret = []byte(environ(envWebhookSecret))
	c.Server.internalToken = environ(envInternalToken)
	c.Database = cmp.Or(environ(envDatabase), c.Database)
	return problems
}

func (c *Config) defaults() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.GitHub.URL, "https://github.com")
	c.GitHub.URL = strings.TrimSuffix(c.GitHub.URL, "/")
	if c.GitHub.URL == "https://github.com" {
		set(&c.GitHub.APIURL, "https://api.github.com/")
	} else {
		set(&c.GitHub.APIURL, c.GitHub.URL+"/api/v3/")
	}
	if !strings.HasSuffix(c.GitHub.APIURL, "/") {
		c.GitHub.APIURL += "/"
	}
	set(&c.Server.Address, ":8080")
	set(&c.Server.InternalAddress, "127.0.0.1:9090")
	if c.Limits.Deadline.Duration == 0 {
		c.Limits.Deadline.Duration = 10 * time.Minute
	}
	if c.Limits.Sweep.Duration == 0 {
		c.Limits.Sweep.Duration = 5 * time.Minute
	}
}

// registered takes over what set-up wrote into the data directory, where nothing
// else is said.
func (c *Config) registered() []error {
	if c.Data == "" || c.GitHub.AppID != 0 {
		return nil
	}
	dir := filepath.Join(c.Data, setupDirectory)
	id, err := os.ReadFile(filepath.Join(dir, web.AppIDFile))
	if err != nil {
		return nil // there was no set-up; what is missing is said below
	}
	if c.GitHub.AppID, err = strconv.ParseInt(strings.TrimSpace(string(id)), 10, 64); err != nil {
		return []error{fmt.Errorf("%s: %w", filepath.Join(dir, web.AppIDFile), err)}
	}
	c.GitHub.PrivateKeyFile = cmp.Or(c.GitHub.PrivateKeyFile, filepath.Join(dir, web.PrivateKeyFile))
	c.GitHub.WebhookSecretFile = cmp.Or(c.GitHub.WebhookSecretFile, filepath.Join(dir, web.WebhookSecretFile))
	return nil
}

// secrets reads the files that hold secrets, unless the environment gave them.
func (c *Config) secrets() (problems []error) {
	read := func(into *[]byte, file, field, variable string, required bool) {
		if len(*into) > 0 {
			return
		}
		if file == "" {
			if required {
				problems = append(problems, fmt.Errorf("%s is not set: give a file, or %s in the environment", field, variable))
			}
			return
		}
		content, err := os.ReadFile(file)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
			return
		}
		*into = []byte(strings.TrimSpace(string(content)))
		if len(*into) == 0 {
			problems = append(problems, fmt.Errorf("%s: %s is empty", field, file))
		}
	}
	read(&c.GitHub.privateKey, c.GitHub.PrivateKeyFile, "github.privateKeyFile", envPrivateKey, true)
	read(&c.GitHub.webhookSecret, c.GitHub.WebhookSecretFile, "github.webhookSecretFile", envWebhookSecret, true)
	token := []byte(c.Server.internalToken)
	read(&token, c.Server.InternalTokenFile, "server.internalTokenFile", envInternalToken, false)
	c.Server.internalToken = string(token)
	return problems
}

func (c *Config) validate() (problems []error) {
	for _, address := range []struct{ field, value string }{{"github.url", c.GitHub.URL}, {"github.apiURL", c.GitHub.APIURL}} {
		u, err := url.Parse(address.value)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			problems = append(problems, fmt.Errorf("%s: %q is no address; write one that begins with https://", address.field, address.value))
		}
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		problems = append(problems, errors.New("database: write postgres://user:password@host/name, or leave it out for a file in the data directory"))
	}
	names := make([]string, 0, len(c.Clusters))
	for name := range c.Clusters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, problem := range c.Clusters[name].Validate() {
			problems = append(problems, fmt.Errorf("clusters.%s: %s", name, problem))
		}
	}
	for _, limit := range []struct {
		field string
		value int64
	}{{"jobs", int64(c.Limits.Jobs)}, {"deadline", int64(c.Limits.Deadline.Duration)}, {"dryRuns", int64(c.Limits.DryRuns)},
		{"workers", int64(c.Limits.Workers)}, {"workerMemory", int64(c.Limits.WorkerMemory)}, {"renderTime", int64(c.Limits.RenderTime.Duration)}} {
		if limit.value < 0 {
			problems = append(problems, fmt.Errorf("limits.%s is negative; write more than nothing, or leave it out", limit.field))
		}
	}
	return problems
}

// data returns the data directory, made where it does not exist, and whether it is
// only there for the time being.
func (c *Config) data() (dir string, temporary bool, err error) {
	if c.Data == "" {
		dir, err = os.MkdirTemp("", "slipway-")
		return dir, true, err
	}
	dir, err = filepath.Abs(c.Data)
	if err != nil {
		return "", false, fmt.Errorf("data directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", false, fmt.Errorf("data directory: %w", err)
	}
	return dir, false, nil
}
