package preview

import (
	"encoding/json"
	"flag"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/fixtures/cluster"
	"github.com/slipwayhq/slipway/render"
)

func TestMain(m *testing.M) {
	flag.Parse()
	cluster.Main(m)
}

var testMasker = render.NewMasker([]byte("a key for tests"), nil)

// rendered reads YAML documents as a target's objects.
func rendered(t testing.TB, documents string) *render.Rendered {
	t.Helper()
	r := &render.Rendered{Digest: "of a test"}
	for document := range strings.SplitSeq(documents, "\n---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		text, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(text); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		r.Objects = append(r.Objects, render.NewObject(object.Object, render.Origin{File: "all.yaml", Line: 1}, testMasker))
	}
	return r
}

// bed is a namespace of a real cluster, and the means to write to it, which
// preview itself has not.
type bed struct {
	t         testing.TB
	cluster   *cluster.Cluster
	namespace string
	preview   *Cluster
	dynamic   dynamic.Interface
}

func newBed(t testing.TB) *bed {
	t.Helper()
	c := cluster.Shared(t)
	b := &bed{t: t, cluster: c, namespace: c.Namespace(t)}
	b.preview = b.as(c.Config(), ClusterOptions{})
	config := c.Config()
	config.QPS = -1
	var err error
	if b.dynamic, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) as(config *rest.Config, options ClusterOptions) *Cluster {
	b.t.Helper()
	p, err := NewCluster("test", config, options)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// plan plans base to head in the bed's namespace.
func (b *bed) plan(base, head string) *Plan {
	b.t.Helper()
	return b.planAs(b.preview, base, head)
}

func (b *bed) planAs(c *Cluster, base, head string, ignore ...IgnoreRule) *Plan {
	b.t.Helper()
	plans := c.Plan(b.t.Context(), []Request{{
		Base: rendered(b.t, base), Head: rendered(b.t, head), Namespace: b.namespace, Ignore: ignore,
	}})
	return plans[0]
}

// apply writes the documents by server-side apply, as a deploy does.
func (b *bed) apply(manager, documents string) {
	b.t.Helper()
	for _, object := range rendered(b.t, documents).Objects {
		content, resource := b.resolve(&object)
		body, err := json.Marshal(content)
		if err != nil {
			b.t.Fatal(err)
		}
		force := true
		if _, err := resource.Patch(b.t.Context(), object.ID.Name, types.ApplyPatchType, body,
			metav1.PatchOptions{FieldManager: manager, Force: &force}); err != nil {
			b.t.Fatalf("apply %s: %v", object.ID, err)
		}
	}
}

// create writes the documents by POST, as client-side tools do.
func (b *bed) create(manager, documents string) {
	b.t.Helper()
	for _, object := range rendered(b.t, documents).Objects {
		content, resource := b.resolve(&object)
		if _, err := resource.Create(b.t.Context(), &unstructured.Unstructured{Object: content},
			metav1.CreateOptions{FieldManager: manager}); err != nil {
			b.t.Fatalf("create %s: %v", object.ID, err)
		}
	}
}

// patch changes one live object by a merge patch.
func (b *bed) patch(manager, apiVersion, kind, name, patch string, subresources ...string) {
	b.t.Helper()
	object := render.NewObject(map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name},
	}, render.Origin{}, nil)
	_, resource := b.resolve(&object)
	if _, err := resource.Patch(b.t.Context(), name, types.MergePatchType, []byte(patch),
		metav1.PatchOptions{FieldManager: manager}, subresources...); err != nil {
		b.t.Fatalf("patch %s %s: %v", kind, name, err)
	}
}

func (b *bed) resolve(object *render.Object) (map[string]any, dynamic.ResourceInterface) {
	b.t.Helper()
	r := &run{cluster: b.preview, requests: []Request{{Namespace: b.namespace, Head: &render.Rendered{Objects: []render.Object{*object}}}}}
	if err := r.meet(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	r.collect()
	if err := r.resolve(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	it := r.items[0][0]
	if !it.known {
		b.t.Fatalf("no kind for %s", object.ID)
	}
	return it.wanted, at(b.dynamic, it.address.place)
}

// summary prints a plan's changes, one line each, with their fields below.
func summary(p *Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		b.WriteString(string(c.Action) + " " + c.ID.Kind + " " + c.ID.Name)
		if c.RenamedFrom != "" {
			b.WriteString(" (was " + c.RenamedFrom + ")")
		}
		if c.NotValidated {
			b.WriteString(" (not validated)")
		}
		b.WriteString("\n")
		if c.Reason != "" {
			b.WriteString("  because " + c.Reason + "\n")
		}
		for _, w := range c.Warnings {
			b.WriteString("  warning " + w + "\n")
		}
		for _, f := range c.Fields {
			before, _ := json.Marshal(f.Old)
			after, _ := json.Marshal(f.New)
			b.WriteString("  " + f.Path + ": " + string(before) + " -> " + string(after) + " (" + string(f.Source) + ")")
			if len(f.Managers) > 0 {
				b.WriteString(" " + strings.Join(f.Managers, ","))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
