package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipwayhq/slipway/fixtures/cluster"
)

// TestVerbs runs the scripts of testdata/verbs: the verbs that need a live cluster,
// each script with namespaces of its own (${NS}) in one in which workloads roll out.
func TestVerbs(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a control plane")
	}
	live := cluster.StartT(t, cluster.Options{Controllers: true})
	programs := t.TempDir()
	if err := os.Symlink(live.Kubectl(), filepath.Join(programs, "kubectl")); err != nil {
		t.Fatal(err)
	}
	var scripts atomic.Int64
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/verbs",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NS", fmt.Sprintf("v%d-", scripts.Add(1)))
			env.Setenv("PATH", programs+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("KUBECONFIG", filepath.Join(env.WorkDir, ".kubeconfig"))
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+who+"_NAME", "Alice")
				env.Setenv("GIT_"+who+"_EMAIL", "alice@example.com")
			}
			return live.Kubeconfig(env.Getenv("KUBECONFIG"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "fill": fill, "replace": replace,
		},
	})
}

// fill puts the script's own names in place of ${NS} in every file of a directory.
func fill(script *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		script.Fatalf("usage: fill DIRECTORY")
	}
	script.Check(filepath.WalkDir(script.MkAbs(args[0]), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(content), "${NS}", script.Getenv("NS"))), 0o644)
	}))
}

// replace changes a text that a file has once: replace FILE OLD NEW.
func replace(script *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		script.Fatalf("usage: replace FILE OLD NEW")
	}
	content := script.ReadFile(args[0])
	if strings.Count(content, args[1]) != 1 {
		script.Fatalf("%s has %q %d times", args[0], args[1], strings.Count(content, args[1]))
	}
	script.Check(os.WriteFile(script.MkAbs(args[0]), []byte(strings.Replace(content, args[1], args[2], 1)), 0o644))
}
