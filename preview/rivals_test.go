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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/yaml"

	"golang.org/x/sync/errgroup"
)

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
	names, _, err := k.told(ctx, files, flags...)
	return names, err
}

// count returns how many requests kubectl sends for it, as it logs them where it is
// asked to.
func (k kubectlDiff) count(ctx context.Context, files string, flags ...string) (int64, error) {
	_, log, err := k.told(ctx, files, append(flags, "-v=6")...)
	return int64(strings.Count(log, `"Response" verb=`)), err
}

func (k kubectlDiff) told(ctx context.Context, files string, flags ...string) (names []string, log string, err error) {
	arguments := append([]string{"diff", "--server-side", "--force-conflicts", "--field-manager=slipway", "-f", files}, flags...)
	command := exec.CommandContext(ctx, k.path, arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+k.kubeconfig)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, "", fmt.Errorf("kubectl diff: %w: %s", err, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "diff ") {
			continue
		}
		fields := strings.Fields(line)
		parts := strings.Split(filepath.Base(fields[len(fields)-1]), ".") // group.version.Kind.namespace.name
		if len(parts) < 4 {
			return nil, "", fmt.Errorf("kubectl diff: unknown file %q", line)
		}
		parts = parts[len(parts)-3:]
		names = append(names, parts[0]+" "+parts[1]+"/"+parts[2])
	}
	slices.Sort(names)
	return names, stderr.String(), nil
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
		if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
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
