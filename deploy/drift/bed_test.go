package drift_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/deploy/drift"
	"github.com/slipwayhq/slipway/fixtures/cluster"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

func TestMain(m *testing.M) {
	flag.Parse()
	cluster.Main(m)
}

var masker = render.NewMasker([]byte("a key for tests"), []render.SensitiveField{{Kind: "ConfigMap", Field: "/data/password"}})

// bed is a namespace of a real cluster, with kubectl to do there what people do.
type bed struct {
	t          testing.TB
	cluster    *cluster.Cluster
	namespace  string
	kubeconfig string
	preview    *preview.Cluster
}

func newBed(t testing.TB, c *cluster.Cluster) *bed {
	t.Helper()
	b := &bed{t: t, cluster: c, namespace: c.Namespace(t), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	if err := c.Kubeconfig(b.kubeconfig); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.preview, err = preview.NewCluster("production", c.Config(), preview.ClusterOptions{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// kubectl runs kubectl in the bed's namespace; input is its standard input, or
// what sed is to do where it edits.
func (b *bed) kubectl(input string, args ...string) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), b.cluster.Kubectl(), append([]string{"--kubeconfig", b.kubeconfig, "-n", b.namespace}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	if args[0] == "edit" {
		cmd.Env, cmd.Stdin = append(os.Environ(), "KUBE_EDITOR=sed -i "+input), nil
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// deploy applies the documents as Slipway does.
func (b *bed) deploy(documents string) {
	b.t.Helper()
	b.kubectl(documents, "apply", "--server-side", "--force-conflicts", "--field-manager=slipway", "-f", "-")
}

// patch changes an object as some manager; extra are further flags of kubectl patch.
func (b *bed) patch(manager, object, patch string, extra ...string) {
	b.t.Helper()
	b.kubectl("", append([]string{"patch", object, "--type=merge", "--field-manager=" + manager, "-p", patch}, extra...)...)
}

func (b *bed) check(documents string, ignore ...preview.IgnoreRule) drift.Result {
	b.t.Helper()
	return b.checkAs(b.preview, documents, ignore...)
}

func (b *bed) checkAs(c *preview.Cluster, documents string, ignore ...preview.IgnoreRule) drift.Result {
	b.t.Helper()
	return drift.Check(b.t.Context(), c, []drift.Request{{
		Target: render.Target{Environment: "production", Application: "web"}, Commit: "c0ffee",
		Rendered: rendered(b.t, documents), Ignore: ignore, Namespace: b.namespace,
	}})[0]
}

// until waits for what controllers take a moment to do.
func (b *bed) until(what string, done func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		if done() {
			return
		}
	}
	b.t.Fatalf("it does not come about that %s", what)
}

func (b *bed) get(args ...string) string {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), b.cluster.Kubectl(), append([]string{"--kubeconfig", b.kubeconfig, "-n", b.namespace, "get"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return ""
	}
	return out.String()
}

func rendered(t testing.TB, documents string) *render.Rendered {
	t.Helper()
	r := &render.Rendered{Digest: "of a test"}
	for document := range strings.SplitSeq(documents, "\n---\n") {
		text, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(text); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		r.Objects = append(r.Objects, render.NewObject(object.Object, render.Origin{File: "all.yaml", Line: 1}, masker))
	}
	return r
}

// summary prints a result, one line for each object and field.
func summary(r drift.Result) string {
	var b strings.Builder
	for _, o := range r.Objects {
		b.WriteString(o.ID.Kind + " " + o.ID.Name)
		if o.Missing {
			b.WriteString(" missing")
		}
		b.WriteString("\n")
		for _, f := range o.Fields {
			git, _ := json.Marshal(f.Git)
			live, _ := json.Marshal(f.Live)
			b.WriteString("  " + string(f.Kind) + " " + f.Path + " (" + f.Pointer + "): " + string(git) + " -> " + string(live))
			if f.Manager != "" {
				b.WriteString(" by " + f.Manager)
			}
			if f.Stays {
				b.WriteString(", stays")
			}
			b.WriteString("\n")
		}
	}
	if r.Problem != nil {
		b.WriteString("problem\n")
	}
	return b.String()
}

func expect(t testing.TB, r drift.Result, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), summary(r)); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
		if r.Problem != nil {
			t.Log(r.Problem)
		}
	}
	if (r.Digest == "") != (len(r.Objects) == 0) {
		t.Errorf("digest %q of %d objects", r.Digest, len(r.Objects))
	}
	for _, o := range r.Objects {
		for _, f := range o.Fields {
			// The API server keeps no time of what was written by scaling.
			if f.Manager != "" && f.Path != "spec.replicas" && time.Since(f.At).Abs() > time.Hour || f.Manager == "" && !f.At.IsZero() {
				t.Errorf("%s %s: manager %q at %s", o.ID, f.Path, f.Manager, f.At)
			}
		}
	}
}
