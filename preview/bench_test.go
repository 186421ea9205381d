package preview

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/fixtures/cluster"
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
	name     string
	rounds   int
	find     func() ([]string, error)
	took     []time.Duration
	requests int64 // that it sent, the last time it was asked
}

func race(b *testing.B, c *cluster.Cluster, config *rest.Config, s scene, far bool) {
	dir := b.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := c.KubeconfigOf(kubeconfig, config); err != nil {
		b.Fatal(err)
	}
	one, each := s.write(b, dir)
	kubectl := kubectlDiff{path: c.Kubectl(), kubeconfig: kubeconfig}
	config = rest.CopyConfig(config)
	sent := countingAll(config)
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
	ways := waysOf(b, bareLoop{config: config, head: s.head}, far, func(wide bool) ([]string, error) {
		if wide {
			return kubectl.run(b.Context(), each, "--concurrency=16")
		}
		return kubectl.run(b.Context(), one)
	}, slipway, warm)
	for round := range 7 {
		for _, w := range ways {
			if round >= w.rounds {
				continue
			}
			before, began := sent.Load(), time.Now()
			found, err := w.find()
			if err != nil {
				b.Fatalf("%s: %v", w.name, err)
			}
			w.took = append(w.took, time.Since(began))
			w.requests = sent.Load() - before
			if diff := cmp.Diff(s.changed, found); diff != "" {
				b.Fatalf("%s finds other changes (-want +got):\n%s", w.name, diff)
			}
		}
	}
	for i, count := range []func() (int64, error){
		func() (int64, error) { return kubectl.count(b.Context(), one) },
		func() (int64, error) { return kubectl.count(b.Context(), each, "--concurrency=16") },
	} {
		if ways[i].requests, err = count(); err != nil {
			b.Fatal(err)
		}
	}
	tell(b, ways, len(s.head), len(s.changed))
}

// waysOf lists the rivals, and Slipway in three states: knowing nothing, knowing
// the cluster's kinds, and knowing the API server's answers too.
func waysOf(b *testing.B, bare bareLoop, far bool, kubectl func(wide bool) ([]string, error), slipway func(*Cluster) ([]string, error), warm *Cluster) []*way {
	slow := 3
	if far {
		slow = 1 // more than half a minute each
	}
	return []*way{
		{name: "kubectl diff --server-side, one file", rounds: slow, find: func() ([]string, error) { return kubectl(false) }},
		{name: "the same, a file for each object, --concurrency=16", rounds: 3, find: func() ([]string, error) {
			return kubectl(true)
		}},
		{name: "bare loop: GET and dry run, 32 workers", rounds: 5, find: func() ([]string, error) { return bare.everything(b.Context()) }},
		{name: "bare loop: LIST and dry run of suspects", rounds: 7, find: func() ([]string, error) { return bare.suspects(b.Context()) }},
		{name: "slipway, first plan", rounds: 7, find: func() ([]string, error) {
			fresh, err := NewCluster("bench", bare.config, ClusterOptions{})
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
}

// countingAll counts the requests that a config's clients send.
func countingAll(config *rest.Config) *atomic.Int64 {
	var count atomic.Int64
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(request *http.Request) (*http.Response, error) {
			count.Add(1)
			return next.RoundTrip(request)
		})
	})
	return &count
}

// tell prints the medians and what they are of one another.
func tell(b *testing.B, ways []*way, objects, changed int) {
	median := func(w *way) time.Duration {
		slices.Sort(w.took)
		return w.took[len(w.took)/2]
	}
	each := func(w *way) float64 { return float64(w.requests) / float64(objects) }
	fmt.Printf("\n%s: %d objects, %d changed, found by every way; medians:\n", b.Name(), objects, changed)
	for _, w := range ways {
		fmt.Printf("%-52s %8.3f s  %6.0f objects/s  %6.3f requests/object\n", w.name, median(w).Seconds(), float64(objects)/median(w).Seconds(), each(w))
	}
	fmt.Printf("%-52s %10s %14s %10s\n", "times as fast as", "first plan", "kinds known", "again")
	for _, w := range ways[:4] {
		ratio := func(i int) float64 { return median(w).Seconds() / median(ways[i]).Seconds() }
		fmt.Printf("%-52s %9.1fx %13.1fx %9.1fx\n", w.name, ratio(4), ratio(5), ratio(6))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ways[4]).Seconds()*1000, "ms/first-plan")
	b.ReportMetric(median(ways[6]).Seconds()*1000, "ms/second-plan")
	b.ReportMetric(each(ways[4]), "requests/object")
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
