package main

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipwayhq/slipway/fixtures/repositories"
)

var update = flag.Bool("update", false, "write the expected files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"slipway": main})
}

// TestScripts runs every script of testdata: what a person types, and sees. A
// script has a home without a kubeconfig, and these commands besides testscript's:
//
//	example KIND REPOSITORY             makes a bare repository of an example, on main
//	commit REPOSITORY BRANCH DIRECTORY  adds a directory's files to a branch, made from main
//	exits CODE COMMAND...               runs a command that ends with that very code
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			for _, variable := range []string{"KUBECONFIG=", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + filepath.Join(env.WorkDir, "home"),
				"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"} {
				name, value, _ := strings.Cut(variable, "=")
				env.Setenv(name, value)
			}
			return os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"example": example, "commit": commit, "exits": exits, "queued": queued},
	})
}

// TestEveryScriptSaysWhy wants a sentence at the top of each script.
func TestEveryScriptSaysWhy(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, script := range scripts {
		content, err := os.ReadFile(script)
		first, _, _ := strings.Cut(string(content), "\n")
		if err != nil || !strings.HasPrefix(first, "# ") || len(first) < 20 {
			t.Errorf("%s does not begin with a sentence that says why it exists", script)
		}
	}
}

func example(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: example webapp|plain REPOSITORY")
	}
	files, ok := map[string]map[string]string{"webapp": repositories.WebApp(), "plain": repositories.Plain()}[args[0]]
	if !ok {
		ts.Fatalf("there is no example %s", args[0])
	}
	_, err := repositories.Commit(ts.MkAbs(args[1]), "main", "begin", files)
	ts.Check(err)
}

func commit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: commit REPOSITORY BRANCH DIRECTORY")
	}
	repository, branch, dir := ts.MkAbs(args[0]), args[1], ts.MkAbs(args[2])
	if branch != "main" && exec.Command("git", "-C", repository, "rev-parse", "--verify", "--quiet", branch).Run() != nil {
		ts.Check(repositories.Branch(repository, branch, "main"))
	}
	files := map[string]string{}
	ts.Check(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path) // path is below dir
		files[filepath.ToSlash(name)] = string(content)
		return err
	}))
	_, err := repositories.Commit(repository, branch, "change", files)
	ts.Check(err)
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}
