package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// installed finds the git program once and makes sure that it can merge trees
// without a work tree, which came with version 2.38.
var installed = sync.OnceValues(func() (string, error) {
	binary, err := exec.LookPath("git")
	if err != nil {
		return "", errors.New("git is not installed: version 2.38 or newer is needed")
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", binary, err)
	}
	return binary, newEnough(string(out))
})

var versionNumber = regexp.MustCompile(`(\d+)\.(\d+)`)

func newEnough(version string) error {
	m := versionNumber.FindStringSubmatch(version)
	if m == nil {
		return fmt.Errorf("git did not say its version but %q", version)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < 2 || major == 2 && minor < 38 {
		return fmt.Errorf("git %s is too old: version 2.38 or newer is needed", m[0])
	}
	return nil
}

// A setting is one entry of Git's configuration. Settings travel through the
// environment, which other users of the machine cannot read, never through argv.
type setting struct{ key, value string }

// passed are the variables of our own environment that git gets: where to find
// programs and temporary space, and how to reach the network.
var passed = []string{
	"PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
}

// environment is all that git gets to see: no configuration but settings, no
// home directory, no prompt, no transport but those in protocols.
func environment(dir, protocols string, settings []setting) []string {
	env := []string{
		"HOME=" + os.DevNull, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "GIT_ALLOW_PROTOCOL=" + protocols, "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1",
		// Without this, a page in place of a remote's answer makes git fetch, looking
		// for an object there, start git fetch, and so on.
		"GIT_NO_LAZY_FETCH=1",
	}
	if dir != "" {
		env = append(env, "GIT_DIR="+dir)
	}
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	settings = append([]setting{
		{"core.hooksPath", os.DevNull}, {"core.fsmonitor", "false"}, {"core.attributesFile", os.DevNull},
		{"maintenance.auto", "false"}, {"merge.renameLimit", "7000"},
	}, settings...)
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s.value))
	}
	return append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)))
}

// An invocation is one run of git on the bare repository dir.
type invocation struct {
	dir       string
	workDir   string // where it runs; dir where empty
	protocols string // the transports that may be used, colon-separated; none where empty
	settings  []setting
	secrets   []string // never to appear in an error
	stdin     []byte
	args      []string
	binary    string            // another git than the installed one
	enough    func([]byte) bool // ends git when it says so of a piece of the output; may be nil
}

// errEnough ends a run that wrote more than anybody wants to read.
var errEnough = errors.New("more output than wanted")

// output is standard output, as long as it is wanted.
type output struct {
	text   bytes.Buffer // not embedded: io.Copy would then read into it past Write
	enough func([]byte) bool
	over   bool
}

// Write implements [io.Writer]. Its error makes os/exec close the pipe, at which git ends.
func (o *output) Write(p []byte) (int, error) {
	if o.enough != nil && o.enough(p) {
		o.over = true
		return 0, errEnough
	}
	return o.text.Write(p)
}

// run returns what git wrote to standard output. A run that ended with another
// status than 0 is a *failure, beside the output so far.
func (i invocation) run(ctx context.Context) ([]byte, error) {
	cmd, stderr, err := i.command(ctx)
	if err != nil {
		return nil, err
	}
	stdout := output{enough: i.enough}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(i.stdin), &stdout
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case stdout.over:
		return nil, fmt.Errorf("git %s: %w", i.args[0], errEnough)
	case err == nil:
		return stdout.text.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: %w", i.args[0], context.Cause(ctx))
	case errors.As(err, &exit):
		return stdout.text.Bytes(), &failure{command: i.args[0], status: exit.ExitCode(), message: i.scrub(stderr.String())}
	}
	return nil, fmt.Errorf("git %s: %w", i.args[0], err)
}

func (i invocation) command(ctx context.Context) (*exec.Cmd, *tail, error) {
	binary, err := installed()
	if err != nil {
		return nil, nil, err
	}
	binary = cmp.Or(i.binary, binary)
	protocols := i.protocols
	if protocols == "" {
		protocols = "none" // no transport has this name
	}
	cmd := exec.CommandContext(ctx, binary, i.args...)
	cmd.Dir, cmd.Env = cmp.Or(i.workDir, i.dir), environment(i.dir, protocols, i.settings)
	cmd.WaitDelay = 2 * time.Second
	endWithChildren(cmd)
	stderr := &tail{}
	cmd.Stderr = stderr
	return cmd, stderr, nil
}

func (i invocation) scrub(message string) string {
	for _, secret := range i.secrets {
		if secret != "" {
			message = strings.ReplaceAll(message, secret, "***")
		}
	}
	return strings.TrimSpace(message)
}

// A failure is a run of git that ended badly.
type failure struct {
	command string
	status  int
	message string // what git had to say, without secrets
}

// Error names the command and repeats what git said.
func (f *failure) Error() string {
	return fmt.Sprintf("git %s: status %d: %s", f.command, f.status, f.message)
}

func (f *failure) says(texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(f.message, text) })
}

// remote reports whether git blames the remote or the way there, and hence not
// the objects that are local.
func (f *failure) remote() bool {
	return f.says("unable to access", "Could not read from remote", "Authentication failed", "could not read Username", "repository '",
		"RPC failed", "early EOF", "unexpected disconnect", "hung up", "remote error", "redirect", "transport '", "expected flush",
		"invalid server response", "protocol error", "bad line length", "does not appear to be a git repository",
		"requested URL", "not our ref", "remote ref", "index-pack", "Cannot obtain needed object")
}

// tail keeps the last few kilobytes that are written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailSize; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}

// create writes an empty bare repository. It has no remote and no settings of
// its own, so that whatever runs in it does only what it is told.
func create(dir string, idLength int) error {
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
	if idLength == sha256Length {
		config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
	}
	for _, sub := range []string{"objects/info", "objects/pack", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/none\n"), 0o600)
}

const (
	sha1Length   = 40
	sha256Length = 64
)

// checkID makes sure that an id is a full lower-case hexadecimal name, so that it
// can stand on a command line or in a request without meaning anything else.
func checkID[T ~string](id T) error {
	if len(id) != sha1Length && len(id) != sha256Length || strings.Trim(string(id), "0123456789abcdef") != "" {
		return fmt.Errorf("%q is not a full commit id", string(id))
	}
	return nil
}

// checkRef makes sure that a ref is a full name as Git allows it, refs/…, or HEAD,
// which is the remote's default branch.
func checkRef(ref string) error {
	if ref == "HEAD" {
		return nil
	}
	bad := !strings.HasPrefix(ref, "refs/") || strings.HasSuffix(ref, ".") || strings.HasSuffix(ref, "/") ||
		strings.Contains(ref, "..") || strings.Contains(ref, "@{") || strings.ContainsAny(ref, " ~^:?*[\\\x7f")
	for _, part := range strings.Split(ref, "/") {
		bad = bad || part == "" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "-") || strings.HasSuffix(part, ".lock")
	}
	if bad || strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' }) {
		return &render.Problem{Message: fmt.Sprintf("%q is not the full name of a branch or pull request", ref), Hint: "write refs/heads/main"}
	}
	return nil
}
