package sandbox

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

func TestMain(m *testing.M) {
	Intercept()
	if len(os.Args) == 3 && os.Args[1] == "misbehave" {
		misbehave(os.Args[2])
	}
	os.Exit(m.Run())
}

// misbehave is a worker that was taken over: it says hello, and then what it likes.
func misbehave(how string) {
	l := newLine(os.Stdin, os.Stdout)
	var c command
	if l.hear(&c, maxFrame) != nil || l.say(reply{Hello: &hello{}}) != nil || l.hear(&c, maxFrame) != nil {
		os.Exit(1)
	}
	object := func(content any) cbor.RawMessage { return must(encoding.Marshal(content)) }
	built := func(b builtReply) { _ = l.say(reply{Built: &b}) }
	switch how {
	case "panic":
		panic("with a secret")
	case "exit":
		os.Exit(0)
	case "flood":
		_, _ = os.Stdout.Write([]byte{0x3f, 0xff, 0xff, 0xff})
		for {
			_, _ = os.Stdout.Write(make([]byte, 1<<20))
		}
	case "flood of errors":
		for {
			_, _ = os.Stderr.Write(make([]byte, 1<<20))
		}
	case "garbage":
		_, _ = os.Stdout.Write([]byte("\x00\x00\x00\x05hello"))
	case "questions without end":
		for l.say(reply{Ask: &question{askRead, "app/a.yaml"}}) == nil && l.hear(&c, maxFrame) == nil {
			continue
		}
	case "a strange question":
		_ = l.say(reply{Ask: &question{"write", "app/a.yaml"}})
	case "a path outside":
		_ = l.say(reply{Ask: &question{askRead, "../../etc/passwd"}})
		if l.hear(&c, maxFrame) == nil && c.Answer != nil && !c.Answer.Found {
			built(builtReply{Problem: &render.Problem{Message: "nothing there"}})
		}
	case "long questions":
		for i := range 100 {
			if l.say(reply{Ask: &question{askRead, strings.Repeat("x", 1<<20) + strconv.Itoa(i)}}) != nil || l.hear(&c, maxFrame) != nil {
				break
			}
		}
		built(builtReply{Problem: &render.Problem{Message: "all of them were answered"}})
	case "verdicts without end": // two bytes each on the wire
		_ = l.say(reply{Compiled: &compiledReply{Summary: policy.Summary{Rules: []string{"main.deny"}}}})
		many := make([]struct{}, 1_000_000)
		for l.hear(&c, maxFrame) == nil {
			_ = l.say(map[string]any{"Verdicts": map[string]any{"Verdicts": slices.Repeat([][]struct{}{many}, 20)}})
		}
	case "another answer":
		_ = l.say(reply{Compiled: &compiledReply{}})
	case "a large object":
		built(builtReply{Objects: []builtObject{{Content: object(map[string]any{"a": strings.Repeat("x", maxObject)})}}})
	case "many objects":
		built(builtReply{Objects: make([]builtObject, 10_001)})
	case "heavy objects":
		built(builtReply{Objects: slices.Repeat([]builtObject{{Content: object(map[string]any{"a": make([][]any, 1_000_000)})}}, 10)})
	case "no object":
		built(builtReply{Objects: []builtObject{{Content: object("x")}}})
	case "bytes", "tags", "not a number":
		built(builtReply{Objects: []builtObject{{Content: object(map[string]any{"a": map[string]any{
			"bytes": []byte("x"), "tags": cbor.Tag{Number: 2, Content: []byte{1}}, "not a number": math.NaN()}[how]})}}})
	case "a long problem":
		built(builtReply{Problem: &render.Problem{Message: strings.Repeat("x", 1<<20)}})
	}
	time.Sleep(time.Hour) // until it is killed
}

// TestWorkersAreNotBelieved is what a worker may say once it was taken over: each
// ends in a problem of its target alone, and in bounded time and memory.
func TestWorkersAreNotBelieved(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"app/a.yaml": configMap}
	for how, want := range map[string]string{
		"panic":                 "rendering it ended the process that it ran in (exit status 2)",
		"exit":                  "rendering it ended the process that it ran in (exit status 0)",
		"flood":                 "rendering it produced more than is allowed",
		"flood of errors":       "rendering takes longer than the 1s that are allowed",
		"garbage":               "rendering it gave an answer that cannot be read",
		"questions without end": "rendering takes longer than the 1s that are allowed",
		"a strange question":    "rendering it gave an answer that cannot be read",
		"a path outside":        "nothing there",
		"long questions":        "rendering it gave an answer that cannot be read",
		"another answer":        "rendering it gave an answer that cannot be read",
		"a large object":        "is larger than the 8388608 that are allowed",
		"many objects":          "renders 10001 objects, more than the 10000 that are allowed",
		"heavy objects":         "of objects, more than the 268435456 that are allowed",
		"no object":             "holds a value that Kubernetes does not know",
		"tags":                  "rendering it gave an answer that cannot be read",
		"not a number":          "rendering it gave an answer that cannot be read",
		"bytes":                 "",
		"a long problem":        "xxx",
	} {
		t.Run(how, func(t *testing.T) {
			p := newPool(t, Options{Command: []string{program, "misbehave", how}, Workers: 1})
			limits := render.Limits{Time: 10 * time.Minute}
			if strings.Contains(want, "1s") {
				limits.Time = time.Second
			}
			engine := render.New(render.Options{Builder: p.Builder(), Limits: limits})
			got := message(rendering(t, engine, rendertest.Tree(files), "app").Problem)
			if !strings.Contains(got, want) || want == "" && got != "" || len(got) > maxText+10 {
				t.Errorf("problem %.200q, want %q", got, want)
			}
			if strings.Contains(got, "secret") {
				t.Errorf("the worker's own words are told: %q", got)
			}
		})
	}
}

// TestVerdictsAreNotBelievedByTheByte: a few megabytes that a worker says do not become
// gigabytes here.
func TestVerdictsAreNotBelievedByTheByte(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, Options{Command: []string{program, "misbehave", "verdicts without end"}, Workers: 1})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	findings, _ := evaluate(t, p.Runner(), "package main\n", object("a"))
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 300 {
		t.Errorf("what it said took %d MB", took)
	}
	if len(findings) == 0 || findings[0].Level != policy.Deny || !findings[0].Broken {
		t.Errorf("findings %+v", findings)
	}
}

// newPool starts a pool of which this test's binary is the program.
func newPool(t testing.TB, o Options) *Pool {
	t.Helper()
	p, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func rendering(t testing.TB, engine *render.Engine, tree render.Tree, dir string) *render.Rendered {
	t.Helper()
	rendered, err := engine.Path(t.Context(), tree, dir)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// TestWorkersAreConfined is the assertion that strangers' files are rendered where
// nothing can be reached. Besides the worker's own word it looks from outside.
func TestWorkersAreConfined(t *testing.T) {
	t.Setenv("SECRET", "s3cr3t")
	dir := t.TempDir()
	file, created := filepath.Join(dir, "there"), filepath.Join(dir, "created")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connections atomic.Int64
	go func() {
		for {
			if conn, err := listener.Accept(); err != nil {
				return
			} else if connections.Add(1); conn.Close() != nil {
				return
			}
		}
	}()
	p := newPool(t, Options{tries: tries{Read: file, Write: created, Address: listener.Addr().String()}})
	if err := p.Sandboxed(); err != nil {
		t.Fatal(err)
	}
	want := []string{"connect by TCP", "enter a namespace", "fork", "list a directory", "listen", "open a Unix socket", "raise its own limits",
		"read a file", "remove a file", "run a program", "send by UDP", "signal a process", "trace a process", "write a file"}
	if diff := cmp.Diff(want, p.Refused()); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(created); err == nil {
		t.Error("the worker wrote a file")
	}
	if n := connections.Load(); n > 0 {
		t.Errorf("the worker opened %d connections", n)
	}
	w, err := p.take(t.Context(), "look")
	if err != nil {
		t.Fatal(err)
	}
	defer p.release(w)
	proc := fmt.Sprintf("/proc/%d/", w.command.Process.Pid)
	if environ, err := os.ReadFile(proc + "environ"); err != nil || len(environ) > 0 {
		t.Errorf("the worker's environment is %q, %v", environ, err)
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Seccomp:\t2", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), line) {
			t.Errorf("the kernel does not say %q:\n%s", line, status)
		}
	}
	links, err := filepath.Glob(proc + "fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		runtimes := strings.HasPrefix(to, "anon_inode:[event") || strings.HasPrefix(to, "/sys/fs/cgroup/") // the poller, and the share of CPU
		if standard := filepath.Base(link) <= "2" && len(filepath.Base(link)) == 1; err == nil && !standard && !runtimes {
			t.Errorf("the worker has %s open", to)
		}
	}
}

// TestSameAsInProcess renders the engine's own fixtures both ways.
func TestSameAsInProcess(t *testing.T) {
	p := newPool(t, Options{})
	archives, err := filepath.Glob("../../render/testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("there are no fixtures", err)
	}
	compared := 0
	for _, archive := range archives {
		tree := rendertest.ArchiveFile(t, archive)
		here, there := render.New(render.Options{CacheBytes: -1}), render.New(render.Options{CacheBytes: -1, Builder: p.Builder(), Repository: archive})
		var walk func(dir string)
		walk = func(dir string) {
			want, got := rendering(t, here, tree, dir), rendering(t, there, tree, dir)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-in process +in a worker):\n%s", archive, dir, diff)
			}
			compared += len(got.Objects)
			for _, entry := range tree.List(dir) {
				if entry.Mode == render.Directory {
					walk(entry.Path)
				}
			}
		}
		walk(".")
	}
	if compared < 20 {
		t.Errorf("only %d objects were compared", compared)
	}
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

// TestRoundTrip keeps what a value is: another type would be another object.
func TestRoundTrip(t *testing.T) {
	tree := rendertest.Tree(map[string]string{"app/a.yaml": configMap + `data:
  whole: 5
  large: 9007199254740993
  huge: 18446744073709551615
  fraction: 0.5
  tiny: 1e-320
  none: null
  yes: true
  empty: {}
  list: []
  nested: [[{}], "", 0, -1]
  binary: !!binary /w==
  text: "\u0000é😀"
`})
	p := newPool(t, Options{})
	want := rendering(t, render.New(render.Options{}), tree, "app")
	got := rendering(t, render.New(render.Options{Builder: p.Builder()}), tree, "app")
	if want.Problem != nil {
		t.Fatal(want.Problem)
	}
	if diff := cmp.Diff(want.Objects[0].Unmasked(), got.Objects[0].Unmasked()); diff != "" {
		t.Errorf("(-in process +in a worker):\n%s", diff)
	}
}

// endless is a kustomization each level of which builds the one below it twice.
func endless() map[string]string {
	files := map[string]string{"0/a.yaml": configMap, "0/kustomization.yaml": "resources: [a.yaml]\n"}
	for level := range 40 {
		files[fmt.Sprintf("%d/kustomization.yaml", level+1)] = fmt.Sprintf("resources: [../l%d, ../r%d]\n", level, level)
		for _, side := range []string{"l", "r"} {
			files[fmt.Sprintf("%s%d/kustomization.yaml", side, level)] = fmt.Sprintf("resources: [../%d]\nnamePrefix: %s\n", level, side)
		}
	}
	return files
}

// TestEndlessBuildIsKilled is a build that never ends; kustomize cannot be stopped.
func TestEndlessBuildIsKilled(t *testing.T) {
	p := newPool(t, Options{Workers: 2})
	// Time enough for the other target, and for its worker to start, on any machine.
	engine := render.New(render.Options{Builder: p.Builder(), Limits: render.Limits{Time: 15 * time.Second}})
	files := endless()
	files["fine/a.yaml"] = configMap
	targets := []render.Target{{Environment: "slow", Path: "40"}, {Environment: "fine", Path: "fine"}}
	all, err := engine.RenderAll(t.Context(), rendertest.Tree(files), targets)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := message(all[0].Problem), "rendering takes longer than the 15s that are allowed"; got != want {
		t.Errorf("problem %q, want %q", got, want)
	}
	if all[1].Problem != nil {
		t.Errorf("the other target: %v", all[1].Problem)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.known {
		if w.scope != nil && !slices.Contains(p.idle, w) {
			t.Error("the worker that was stopped is still there")
		}
	}
}

// TestMemoryIsBounded is what is small in Git and large in memory.
func TestMemoryIsBounded(t *testing.T) {
	p := newPool(t, Options{Memory: 96 << 20})
	engine := render.New(render.Options{Builder: p.Builder(), Limits: render.Limits{Time: 10 * time.Minute}})
	tree := rendertest.Tree(map[string]string{
		"large/a.yaml": configMap + "data: [" + strings.Repeat("{},", 3_000_000) + "]\n",
		"fine/a.yaml":  configMap,
	})
	if got, want := message(rendering(t, engine, tree, "large").Problem), "rendering it took more than the 96 MiB of memory that are allowed"; got != want {
		t.Errorf("problem %q, want %q", got, want)
	}
	if problem := rendering(t, engine, tree, "fine").Problem; problem != nil {
		t.Errorf("the other target: %v", problem)
	}
}

// A meddlingTree does something when a file is read.
type meddlingTree struct {
	*rendertest.MapTree
	meddle func(ctx context.Context)
}

func (m meddlingTree) Read(ctx context.Context, name string) ([]byte, error) {
	if strings.HasPrefix(name, "meddled/") {
		m.meddle(ctx)
	}
	return m.MapTree.Read(ctx, name)
}

// TestKilledMidRender kills workers as the kernel does where memory is short.
func TestKilledMidRender(t *testing.T) {
	p := newPool(t, Options{Workers: 1})
	engine := render.New(render.Options{Builder: p.Builder()})
	tree := meddlingTree{rendertest.Tree(map[string]string{"meddled/a.yaml": configMap, "fine/a.yaml": configMap}), func(context.Context) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for w := range p.known {
			if w.scope != nil {
				end(w.command)
			}
		}
	}}
	for dir, want := range map[string]string{"meddled": "rendering it ended the process that it ran in (signal: killed)", "fine": ""} {
		rendered := rendering(t, engine, tree, dir)
		if got := message(rendered.Problem); got != want {
			t.Errorf("%s: problem %q, want %q", dir, got, want)
		}
	}
	if engine.Stats().CachedBytes == 0 {
		t.Error("what went well was not kept")
	}
	tree.meddle = func(context.Context) {}
	if rendered := rendering(t, engine, tree, "meddled"); rendered.Problem != nil {
		t.Errorf("the death was kept as the answer: %v", rendered.Problem)
	}
}

func message(p *render.Problem) string {
	if p == nil {
		return ""
	}
	return p.Message
}

// TestCancelledBuildIsKilled ends a plan that a newer one superseded.
func TestCancelledBuildIsKilled(t *testing.T) {
	p := newPool(t, Options{Workers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	engine := render.New(render.Options{Builder: p.Builder()})
	tree := meddlingTree{rendertest.Tree(map[string]string{"meddled/a.yaml": configMap}), func(ctx context.Context) { cancel(); <-ctx.Done() }}
	if _, err := engine.Path(ctx, tree, "meddled"); err == nil || ctx.Err() == nil {
		t.Errorf("error is %v", err)
	}
	tree.meddle = func(context.Context) {}
	if rendered := rendering(t, engine, tree, "meddled"); rendered.Problem != nil {
		t.Error(rendered.Problem)
	}
}

// TestScopesShareNoWorker keeps repositories, and outsiders, apart.
func TestScopesShareNoWorker(t *testing.T) {
	p := newPool(t, Options{Workers: 2})
	served := map[int][]string{}
	for _, scope := range []render.Scope{{Repository: "a"}, {Repository: "b"}, {Repository: "a", Outsider: true}, {Repository: "a"}, {Repository: "b"}} {
		w, err := p.take(t.Context(), scope)
		if err != nil {
			t.Fatal(err)
		}
		served[w.command.Process.Pid] = append(served[w.command.Process.Pid], fmt.Sprint(scope))
		p.release(w)
	}
	for pid, scopes := range served {
		if slices.Sort(scopes); len(slices.Compact(scopes)) > 1 {
			t.Errorf("%d served %v", pid, scopes)
		}
	}
	if len(served) != 3 {
		t.Errorf("%d workers for three scopes, two of them asked twice", len(served))
	}
}

// TestNoSandboxNoOutsiders keeps strangers' files from workers that are not confined.
func TestNoSandboxNoOutsiders(t *testing.T) {
	p := newPool(t, Options{})
	p.gap = "there is no sandbox on plan9"
	engine := render.New(render.Options{Builder: p.Builder()})
	tree := rendertest.Tree(map[string]string{"app/a.yaml": configMap})
	want := "what outsiders propose is not rendered here: there is no sandbox on plan9"
	if got := message(rendering(t, engine.Outsider(), tree, "app").Problem); got != want {
		t.Errorf("problem %q, want %q", got, want)
	}
	if problem := rendering(t, engine, tree, "app").Problem; problem != nil {
		t.Errorf("the repository's own: %v", problem)
	}
}

// TestOutsidersResultsStayTheirs is about caches: what an outsider's build came to is
// never taken for a branch's.
func TestOutsidersResultsStayTheirs(t *testing.T) {
	engine := render.New(render.Options{})
	tree := rendertest.Tree(map[string]string{"app/a.yaml": configMap})
	rendering(t, engine.Outsider(), tree, "app")
	rendering(t, engine, tree, "app")
	if engine.Stats().Renders != 1 {
		t.Error("the branch was answered by what an outsider's build came to")
	}
	other := rendertest.Tree(map[string]string{"app/a.yaml": strings.Replace(configMap, "a}", "b}", 1)})
	rendering(t, engine, other, "app")
	rendering(t, engine.Outsider(), other, "app")
	if engine.Outsider().Stats().Renders != 1 {
		t.Error("what the branch came to is rendered again for an outsider")
	}
}

// TestManyAtOnce renders from several goroutines, more than there are workers.
func TestManyAtOnce(t *testing.T) {
	p := newPool(t, Options{Workers: 2})
	engine := render.New(render.Options{Builder: p.Builder(), CacheBytes: -1})
	tree := rendertest.ArchiveFile(t, "../../render/testdata/overlays.txtar")
	want := rendering(t, render.New(render.Options{}), tree, "apps/web/overlays/production").Digest
	var group sync.WaitGroup
	for range 24 {
		group.Go(func() {
			rendered, err := engine.Path(t.Context(), tree, "apps/web/overlays/production")
			if err != nil || rendered.Digest != want {
				t.Errorf("%v %v", rendered, err)
			}
		})
	}
	group.Wait()
}

// TestNothingLeavesTheTree is the attack table C1 to C6 where it matters. The engine's
// own table is in package render; these are one of each kind.
func TestNothingLeavesTheTree(t *testing.T) {
	p := newPool(t, Options{})
	engine := render.New(render.Options{Builder: p.Builder()}).Outsider()
	for name, test := range map[string]struct {
		file, content, want string
	}{
		"remote base":        {"kustomization.yaml", "resources: ['https://127.0.0.1/org/repo']\n", "is remote; rendering opens no connection"},
		"remote Git":         {"kustomization.yaml", "resources: ['git::ssh://git@127.0.0.1/org/repo?ref=--upload-pack=x']\n", "is remote"},
		"chart":              {"kustomization.yaml", "helmCharts: [{name: c, repo: 'https://127.0.0.1'}]\n", "would run helm"},
		"function":           {"kustomization.yaml", "transformers:\n- |-\n  apiVersion: v1\n  kind: Evil\n  metadata:\n    name: e\n    annotations: {config.kubernetes.io/function: 'exec: {path: ./evil}'}\n", "is a plugin, and rendering runs none"},
		"above the root":     {"kustomization.yaml", "resources: [../../../../etc/passwd]\n", "outside the repository"},
		"absolute":           {"kustomization.yaml", "configMapGenerator: [{name: a, files: [/proc/self/environ]}]\n", "outside the repository"},
		"link":               {"a.yaml", "symlink /proc/self/environ", "outside the repository"},
		"link above":         {"a.yaml", "symlink ../../../etc/passwd", "outside the repository"},
		"alias bomb":         {"a.yaml", configMap + "x: {a: &a [x,x,x,x,x,x,x,x,x], b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b], d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c], e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d], f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e], g: [*f,*f,*f,*f,*f,*f,*f,*f,*f]}\n", "aliases expand to more than is allowed"},
		"100 MB":             {"a.yaml", strings.Repeat("# nothing, at length\n", 5_000_000), "reads more bytes than are allowed"},
		"kustomization bomb": {"kustomization.yaml", "x: &x [*x]\n", "aliases expand"},
	} {
		files := map[string]string{"app/" + test.file: test.content, "fine/a.yaml": configMap}
		targets := []render.Target{{Environment: "bad", Path: "app"}, {Environment: "fine", Path: "fine"}}
		all, err := engine.RenderAll(t.Context(), rendertest.Tree(files), targets)
		if err != nil {
			t.Fatal(err)
		}
		if got := message(all[0].Problem); !strings.Contains(got, test.want) {
			t.Errorf("%s: problem %q, want %q", name, got, test.want)
		}
		if all[1].Problem != nil || len(all[1].Objects) != 1 {
			t.Errorf("%s: the other target has %v", name, all[1].Problem)
		}
	}
}
