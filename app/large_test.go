package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/sandbox"
	"github.com/slipwayhq/slipway/fixtures/repositories"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
)

// largeVariable makes this program the service of [TestLargeInputs]: it has the
// repository's directory and two commits.
const largeVariable = "SLIPWAY_TEST_LARGE"

// A largeReport is what that service says.
type largeReport struct {
	Comment string
	Peak    int // KiB that the process took at most, its workers apart
}

// serveLarge reports on two commits as the service does, with workers, and prints
// what it said and took.
func serveLarge(t *testing.T, dir, base, head string) {
	workers, err := sandbox.New(t.Context(), sandbox.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer workers.Close()
	repo, from, to, err := openLocal(t.Context(), dir, base, head)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	planner := &handlers.Planner{
		Renderers:  newRenderers([]byte("a key for tests"), nil, workers.Builder(), 10*time.Minute),
		Policies:   policy.NewCache(1, workers.Runner()),
		Unconfined: workers.Sandboxed() != nil, Now: time.Now,
	}
	r, err := planner.Report(t.Context(), localRepo{repo}, handlers.Comparison{Repository: handlers.Repository{Owner: "acme", Name: "large"}, Pull: 1, BaseRef: "main", Base: from, Head: to, Trusted: true})
	if err != nil {
		t.Fatal(err)
	}
	said, err := json.Marshal(largeReport{Comment: report.Comment(r), Peak: peak(t)})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("said %s\n", said)
}

// peak is the most memory that this process took, in KiB.
func peak(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatal("the kernel does not say how much memory was taken")
	}
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

// largeInputs are targets that are large in every way, by name, beside one that is
// not.
func largeInputs() map[string]string {
	const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	bomb := "  a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("  %c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	documents := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm-%d}\n", i)
		}
		return b.String()
	}
	hundred := strings.Repeat("y", 100<<20)
	return map[string]string{
		"file/live/all.yaml":                head + "data: {x: " + hundred + "}\n",
		"generated/live/kustomization.yaml": "configMapGenerator: [{name: g, files: [large]}]\n",
		"generated/live/large":              hundred,
		"together/live/kustomization.yaml":  "configMapGenerator: [{name: g, files: [a, b, c, d, e]}]\n",
		"together/live/a":                   hundred[:15<<20], "together/live/b": hundred[:15<<20], "together/live/c": hundred[:15<<20],
		"together/live/d": hundred[:15<<20], "together/live/e": hundred[:15<<20],
		"many/live/all.yaml":    documents(10_000),
		"toomany/live/all.yaml": documents(10_001),
		"bomb/live/all.yaml":    head + "data:\n" + bomb,
		"empties/live/all.yaml": head + "data: [" + strings.Repeat("{},", 5_000_000) + "]\n",
		"good/live/all.yaml":    head + "data: {colour: blue}\n",
	}
}

// TestLargeInputs reports on everything that is too large, by workers and from a
// repository as they are: each is told in its place, the rest is shown, and the
// process that serves everybody takes little memory.
func TestLargeInputs(t *testing.T) {
	if said := os.Getenv(largeVariable); said != "" {
		at := strings.Split(said, "\n")
		serveLarge(t, at[0], at[1], at[2])
		return
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("only Linux says how much memory a process took")
	}
	dir := t.TempDir()
	commit := func(branch, message string, files map[string]string) string {
		t.Helper()
		id, err := repositories.Commit(dir, branch, message, files)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	base := commit("main", "configuration", map[string]string{
		".slipway.yaml": "layout: '{application}/{environment}'\nenvironments: {live: {}}\npolicies: {profile: none}\n",
	})
	if err := repositories.Branch(dir, "large", base); err != nil {
		t.Fatal(err)
	}
	head := commit("large", "everything that is large", largeInputs())
	said := reportLarge(t, dir, base, head)
	for target, want := range map[string]string{
		"file":      "`file/live/all.yaml`: the file has 104857663 bytes, which is more than the limit of 20971520",
		"generated": "`generated/live/large`: the file has 104857600 bytes, which is more than the limit of 20971520",
		"together":  "`together/live/e`: rendering reads more bytes than are allowed; split the target",
		"toomany":   "`toomany/live/all.yaml:40002`: the target renders more than the 10000 objects that are allowed; split the target",
		"bomb":      "`bomb/live/all.yaml`: the YAML nests too deep, or its aliases expand to more than is allowed",
		"empties":   "`empties/live`: rendering it took more than the 512 MiB of memory that are allowed; make it smaller",
		"good":      "+   colour: blue",
	} {
		if shown := section(said.Comment, "live/"+target); !strings.Contains(shown, want) {
			t.Errorf("%s: want %q in %q", target, want, shown)
		}
	}
	for _, want := range []string{
		"2 targets change: 10,001 creates · 6 targets cannot be rendered", "| `live/many` (new) | 10,000 |",
		"**Left out for its size:** of 1 target only its line",
	} {
		if !strings.Contains(said.Comment, want) {
			t.Errorf("the comment does not say %q:\n%.5000s", want, said.Comment)
		}
	}
	if strings.Contains(said.Comment, "that no target reads") {
		t.Error("a file that was read is said to be read by no target")
	}
	t.Logf("at most %d MiB", said.Peak>>10)
	if most := 600 << 10; said.Peak > most {
		t.Errorf("the service took %d MiB, want less than %d", said.Peak>>10, most>>10)
	}
}

// section is what a comment says of one target: its fold.
func section(comment, target string) string {
	for part := range strings.SplitSeq(comment, "<details") {
		if strings.Contains(part, "<summary><b><code>"+target+"</code>") {
			return part
		}
	}
	return ""
}

// reportLarge runs this program as the service.
func reportLarge(t *testing.T, dir, base, head string) largeReport {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	service := exec.CommandContext(ctx, program, "-test.run", "^TestLargeInputs$")
	service.Env = append(os.Environ(), largeVariable+"="+strings.Join([]string{dir, base, head}, "\n"))
	out, err := service.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var said largeReport
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(line, "said "); ok {
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				t.Fatal(err)
			}
			return said
		}
	}
	t.Fatalf("it said nothing:\n%s", out)
	return said
}
