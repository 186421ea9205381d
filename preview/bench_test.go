package preview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/yaml"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipwayhq/slipway/fixtures/cluster"

	"golang.org/x/sync/errgroup"
)

const (
	benchNamespaces = 3
	benchCopies     = 12 // of manyKinds, in each namespace
	benchCRDs       = 22
	benchCustom     = 5  // objects of each
	benchChanged    = 20 // one in so many
	benchWorkers    = 32
)

// A scene is what the benchmark plans: about 650 objects of 37 kinds as they are
// live, and as Git wants them, one in twenty changed.
type scene struct {
	base, head []map[string]any
	changed    []string // kind namespace/name, sorted
}

// BenchmarkPlan plans the scene by Slipway and by what else there is, on loopback
// and with 20 ms of added round trip, and prints how they compare. Every way must
// find the same objects changed.
func BenchmarkPlan(b *testing.B) {
	bed := newBed(b)
	s := newScene(bed)
	for _, distance := range []time.Duration{0, 20 * time.Millisecond} {
		name := "loopback"
		config := bed.cluster.Config()
		if distance > 0 {
			name = distance.String()
			var err error
			if config, err = bed.cluster.Latency(distance); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name, func(b *testing.B) { race(b, bed.cluster, config, s, distance > 0) })
	}
}

// A way is one means of finding out what changes.
type way struct {
	name   string
	rounds int
	find   func() ([]string, error)
	took   []time.Duration
}

func race(b *testing.B, c *cluster.Cluster, config *rest.Config, s scene, far bool) {
	dir := b.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := c.KubeconfigOf(kubeconfig, config); err != nil {
		b.Fatal(err)
	}
	one, each := s.write(b, dir)
	kubectl := kubectlDiff{path: c.Kubectl(), kubeconfig: kubeconfig}
	warm, err := NewCluster("bench", config, ClusterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	slipway := func(c *Cluster) ([]string, error) {
		p := c.Plan(b.Context(), []Request{{Base: renderedOf(s.base), Head: renderedOf(s.head)}})[0]
		if p.Problem != nil {
			return nil, p.Problem
		}
		return updates(p)
	}
	slow := 3
	if far {
		slow = 1 // more than half a minute each
	}
	bare := bareLoop{config: config, head: s.head}
	ways := []*way{
		{name: "kubectl diff --server-side, one file", rounds: slow, find: func() ([]string, error) { return kubectl.run(b.Context(), one) }},
		{name: "the same, a file for each object, --concurrency=16", rounds: 3, find: func() ([]string, error) {
			return kubectl.run(b.Context(), each, "--concurrency=16")
		}},
		{name: "bare loop: GET and dry run, 32 workers", rounds: 5, find: func() ([]string, error) { return bare.everything(b.Context()) }},
		{name: "bare loop: LIST and dry run of suspects", rounds: 7, find: func() ([]string, error) { return bare.suspects(b.Context()) }},
		{name: "slipway, first plan", rounds: 7, find: func() ([]string, error) {
			fresh, err := NewCluster("bench", config, ClusterOptions{})
			if err != nil {
				return nil, err
			}
			return slipway(fresh)
		}},
		{name: "slipway, kinds known", rounds: 7, find: func() ([]string, error) {
			warm.answers = newAnswerCache(maxAnswers)
			return slipway(warm)
		}},
		{name: "slipway, again", rounds: 7, find: func() ([]string, error) { return slipway(warm) }},
	}
	for round := range 7 {
		for _, w := range ways {
			if round >= w.rounds {
				continue
			}
			began := time.Now()
			found, err := w.find()
			if err != nil {
				b.Fatalf("%s: %v", w.name, err)
			}
			w.took = append(w.took, time.Since(began))
			if diff := cmp.Diff(s.changed, found); diff != "" {
				b.Fatalf("%s finds other changes (-want +got):\n%s", w.name, diff)
			}
		}
	}
	tell(b, ways, len(s.head), len(s.changed))
}

// tell prints the medians and what they are of one another.
func tell(b *testing.B, ways []*way, objects, changed int) {
	median := func(w *way) time.Duration {
		slices.Sort(w.took)
		return w.took[len(w.took)/2]
	}
	b.Logf("%d objects, %d changed, found by every way; medians:", objects, changed)
	for _, w := range ways {
		b.Logf("%-52s %8.3f s  %6.0f objects/s", w.name, median(w).Seconds(), float64(objects)/median(w).Seconds())
	}
	b.Logf("%-52s %10s %14s %10s", "times as fast as", "first plan", "kinds known", "again")
	for _, w := range ways[:4] {
		ratio := func(i int) float64 { return median(w).Seconds() / median(ways[i]).Seconds() }
		b.Logf("%-52s %9.1fx %13.1fx %9.1fx", w.name, ratio(4), ratio(5), ratio(6))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ways[4]).Seconds()*1000, "ms/first-plan")
	b.ReportMetric(median(ways[6]).Seconds()*1000, "ms/second-plan")
}

// updates returns which objects a plan updates; anything else than that or none
// is an error here.
func updates(p *Plan) ([]string, error) {
	var names []string
	for _, c := range p.Changes {
		switch c.Action {
		case Update:
			names = append(names, c.ID.Kind+" "+c.ID.Namespace+"/"+c.ID.Name)
		case None:
		default:
			return nil, fmt.Errorf("%s is %s: %s", c.ID, c.Action, c.Reason)
		}
	}
	slices.Sort(names)
	return names, nil
}

// newScene applies the scene's base as Slipway would have.
func newScene(bed *bed) scene {
	var s scene
	for i := range benchCRDs {
		bed.apply("slipway", crdOf(fmt.Sprintf("Bench%d", i), "colour"))
	}
	for n := range benchNamespaces {
		namespace := bed.cluster.Namespace(bed.t)
		objects := numbered(bed.t, benchCopies)
		for i := range benchCRDs * benchCustom / benchNamespaces {
			objects = append(objects, map[string]any{
				"apiVersion": "example.com/v1", "kind": fmt.Sprintf("Bench%d", i%benchCRDs),
				"metadata": map[string]any{"name": fmt.Sprintf("custom-%d-%d", n, i), "labels": map[string]any{"a": "b"}},
				"spec":     map[string]any{"colour": "red", "parts": []any{map[string]any{"slot": "a", "name": "one"}}},
			})
		}
		for _, object := range objects {
			object["metadata"].(map[string]any)["namespace"] = namespace
			s.base = append(s.base, object)
		}
	}
	bed.until(func() bool { // the API server has noticed the last CRD
		last := fmt.Sprintf("apiVersion: example.com/v1\nkind: Bench%d\nmetadata: {name: x}", benchCRDs-1)
		return bed.plan("", last).Changes[0].Action == Create
	})
	bed.applyContents("slipway", s.base)
	for i, object := range s.base {
		if i%benchChanged != benchChanged/2 {
			s.head = append(s.head, object)
			continue
		}
		changed := clone(object).(map[string]any)
		metadata := changed["metadata"].(map[string]any)
		labels, _ := metadata["labels"].(map[string]any)
		switch {
		case len(labels) > 0 && i%2 == 1:
			delete(metadata, "labels")
		default:
			metadata["annotations"] = map[string]any{"changed": "yes"}
		}
		s.head = append(s.head, changed)
		s.changed = append(s.changed, nameOf(changed))
	}
	slices.Sort(s.changed)
	return s
}

func nameOf(object map[string]any) string {
	u := unstructured.Unstructured{Object: object}
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}

// write writes the scene's head as one file, and as a directory of one file each.
func (s scene) write(b *testing.B, dir string) (one, each string) {
	one, each = filepath.Join(dir, "all.yaml"), filepath.Join(dir, "each")
	if err := os.Mkdir(each, 0o700); err != nil {
		b.Fatal(err)
	}
	var all bytes.Buffer
	for i, object := range s.head {
		text, err := yaml.Marshal(object)
		if err != nil {
			b.Fatal(err)
		}
		all.WriteString("---\n")
		all.Write(text)
		if err := os.WriteFile(filepath.Join(each, fmt.Sprintf("%d.yaml", i)), text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.WriteFile(one, all.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return one, each
}

// kubectlDiff is kubectl diff --server-side.
type kubectlDiff struct{ path, kubeconfig string }

// run returns what kubectl finds changed, from the names of the files it compares.
func (k kubectlDiff) run(ctx context.Context, files string, flags ...string) ([]string, error) {
	arguments := append([]string{"diff", "--server-side", "--force-conflicts", "--field-manager=slipway", "-f", files}, flags...)
	command := exec.CommandContext(ctx, k.path, arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+k.kubeconfig)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("kubectl diff: %w: %s", err, stderr.String())
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "diff ") {
			continue
		}
		fields := strings.Fields(line)
		parts := strings.Split(filepath.Base(fields[len(fields)-1]), ".") // group.version.Kind.namespace.name
		if len(parts) < 4 {
			return nil, fmt.Errorf("kubectl diff: unknown file %q", line)
		}
		parts = parts[len(parts)-3:]
		names = append(names, parts[0]+" "+parts[1]+"/"+parts[2])
	}
	slices.Sort(names)
	return names, nil
}

// bareLoop is what one would write in an afternoon, with client-go.
type bareLoop struct {
	config *rest.Config
	head   []map[string]any
}

type bareObject struct {
	resource dynamic.ResourceInterface
	gvr      schema.GroupVersionResource
	desired  *unstructured.Unstructured
}

// connect finds every object's resource, with its own discovery.
func (l bareLoop) connect() (dynamic.Interface, []bareObject, error) {
	config := rest.CopyConfig(l.config)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(discoverer)
	if err != nil {
		return nil, nil, err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	objects := make([]bareObject, len(l.head))
	for i, content := range l.head {
		u := &unstructured.Unstructured{Object: content}
		gvk := u.GroupVersionKind()
		mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			return nil, nil, err
		}
		objects[i] = bareObject{client.Resource(mapping.Resource).Namespace(u.GetNamespace()), mapping.Resource, u}
	}
	return client, objects, nil
}

func (o bareObject) changes(ctx context.Context, live *unstructured.Unstructured) (bool, error) {
	body, err := o.desired.MarshalJSON()
	if err != nil {
		return false, err
	}
	force := true
	after, err := o.resource.Patch(ctx, o.desired.GetName(), types.ApplyPatchType, body,
		metav1.PatchOptions{DryRun: []string{"All"}, FieldManager: "slipway", Force: &force})
	if err != nil {
		return false, err
	}
	for _, u := range []*unstructured.Unstructured{after, live} {
		u.SetManagedFields(nil)
		u.SetGeneration(0)
	}
	return !equal(live.Object, after.Object), nil
}

func (l bareLoop) everything(ctx context.Context) ([]string, error) {
	_, objects, err := l.connect()
	if err != nil {
		return nil, err
	}
	return l.ask(ctx, objects, func(ctx context.Context, o bareObject) (*unstructured.Unstructured, error) {
		return o.resource.Get(ctx, o.desired.GetName(), metav1.GetOptions{})
	})
}

func (l bareLoop) ask(ctx context.Context, objects []bareObject, live func(context.Context, bareObject) (*unstructured.Unstructured, error)) ([]string, error) {
	changed := make([]bool, len(objects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(benchWorkers)
	for i, o := range objects {
		group.Go(func() error {
			l, err := live(ctx, o)
			if err != nil {
				return err
			}
			changed[i], err = o.changes(ctx, l)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var names []string
	for i, o := range objects {
		if changed[i] {
			names = append(names, nameOf(o.desired.Object))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (l bareLoop) suspects(ctx context.Context) ([]string, error) {
	client, objects, err := l.connect()
	if err != nil {
		return nil, err
	}
	places := make(map[place]map[string]*unstructured.Unstructured)
	for _, o := range objects {
		places[place{o.gvr, o.desired.GetNamespace()}] = make(map[string]*unstructured.Unstructured)
	}
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(benchWorkers)
	for p, byName := range places {
		group.Go(func() error {
			list, err := client.Resource(p.resource).Namespace(p.namespace).List(groupContext, metav1.ListOptions{})
			if err != nil {
				return err
			}
			for i := range list.Items {
				byName[list.Items[i].GetName()] = &list.Items[i]
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	find := func(o bareObject) *unstructured.Unstructured {
		return places[place{o.gvr, o.desired.GetNamespace()}][o.desired.GetName()]
	}
	var suspects []bareObject
	for _, o := range objects {
		if !isSubset(o.desired.Object, find(o).Object) || losesFields(o.desired.Object, find(o)) {
			suspects = append(suspects, o)
		}
	}
	return l.ask(ctx, suspects, func(_ context.Context, o bareObject) (*unstructured.Unstructured, error) { return find(o), nil })
}

// isSubset is the plain test: all that is desired is live, lists item by item.
func isSubset(desired, live any) bool {
	switch typed := desired.(type) {
	case map[string]any:
		m, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range typed {
			if !isSubset(value, m[key]) {
				return false
			}
		}
		return true
	case []any:
		list, ok := live.([]any)
		if !ok || len(list) != len(typed) {
			return false
		}
		for i, value := range typed {
			if !isSubset(value, list[i]) {
				return false
			}
		}
		return true
	}
	return equal(desired, live)
}

// losesFields reports whether the manager owns a path that desired has no more.
func losesFields(desired map[string]any, live *unstructured.Unstructured) bool {
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != "slipway" || entry.Operation != metav1.ManagedFieldsOperationApply {
			continue
		}
		set := fieldpath.NewSet()
		if err := set.FromJSON(bytes.NewReader(entry.FieldsV1.Raw)); err != nil {
			return true
		}
		lost := false
		set.Iterate(func(p fieldpath.Path) {
			at, ok := pathOf(p)
			if !ok {
				return
			}
			if _, found := at.in(desired); !found {
				lost = true
			}
		})
		return lost
	}
	return true
}
