package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/fixtures/cluster"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

func TestMain(m *testing.M) { cluster.Main(m) }

var testMasker = render.NewMasker([]byte("a key for tests"), nil)

// rendered reads YAML documents as a target's objects.
func rendered(t testing.TB, documents string) *render.Rendered {
	t.Helper()
	sum := sha256.Sum256([]byte(documents))
	r := &render.Rendered{Digest: hex.EncodeToString(sum[:])}
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

// A bed is a namespace of a real cluster with a target in it.
type bed struct {
	t         testing.TB
	real      *cluster.Cluster
	namespace string
	clients   *kubernetes.Clientset
	dynamic   dynamic.Interface
	cluster   *Cluster
	target    render.Target
	sync      Sync
	commits   int
}

func newBed(t testing.TB) *bed { return bedIn(t, cluster.SharedWithControllers(t)) }

func bedIn(t testing.TB, real *cluster.Cluster) *bed {
	t.Helper()
	b := &bed{t: t, real: real, namespace: real.Namespace(t)}
	config := real.Config()
	config.QPS = -1
	var err error
	b.clients = clientsOf(t, config)
	if b.dynamic, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	// Targets of tests that share a cluster are told apart by their application.
	b.target = render.Target{Environment: "test", Application: render.Application(b.namespace)}
	b.sync = DefaultSync()
	b.sync.Timeout = Duration(10 * time.Minute)
	b.sync.Retry = Retry{Limit: 3, Backoff: Backoff{Duration: Duration(50 * time.Millisecond), Factor: 2, MaxDuration: Duration(time.Second)}}
	b.cluster = b.connect("tests", nil)
	return b
}

func clientsOf(t testing.TB, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return clients
}

// connect returns another installation's cluster; wrap may change its transport.
func (b *bed) connect(identity string, wrap func(*rest.Config)) *Cluster {
	b.t.Helper()
	account, own := b.real.Config(), b.real.Config()
	if wrap != nil {
		wrap(account)
		wrap(own)
	}
	return b.connectAs(identity, account, own)
}

func (b *bed) connectAs(identity string, account, own *rest.Config) *Cluster {
	b.t.Helper()
	p, err := preview.NewCluster("test", account, preview.ClusterOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := NewCluster(p, account, own, Options{Identity: identity, LeaseDuration: 15 * time.Second})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// long is how long a test waits before it calls unwell what never gets well: a slow
// machine's controllers have told why by then.
const long = 20 * time.Second

const repository = "acme/shop"

// request asks for a target to be what the documents say; a new commit each time.
func (b *bed) request(documents string) Request {
	b.t.Helper()
	b.commits++
	return Request{
		Repository: repository, Target: b.target, Commit: render.Commit(fmt.Sprintf("%040d", b.commits)),
		Rendered: rendered(b.t, documents), Sync: b.sync, Namespace: b.namespace,
	}
}

func (b *bed) key() inventory.Key { return keyOf(repository, b.target) }

// context bounds what a test waits for; only a defect makes it wait that long.
func (b *bed) context() context.Context {
	ctx, cancel := context.WithTimeout(b.t.Context(), 15*time.Minute)
	b.t.Cleanup(cancel)
	return ctx
}

func (b *bed) apply(request Request) Receipt {
	b.t.Helper()
	return b.applyBy(b.cluster, request)
}

func (b *bed) applyBy(c *Cluster, request Request) Receipt {
	b.t.Helper()
	receipt, err := c.Apply(b.context(), request)
	if err != nil {
		b.t.Fatalf("apply: %v", err)
	}
	return receipt
}

// want checks a receipt's state and that its reason and hint have the texts.
func (b *bed) want(receipt Receipt, state State, texts ...string) {
	b.t.Helper()
	all := receipt.Reason + "\n" + receipt.Hint
	if receipt.State != state {
		b.t.Fatalf("state %s (%s; %s), want %s\n%s", receipt.State, receipt.Reason, receipt.Hint, state, summary(receipt))
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			b.t.Errorf("%s says\n%s\nwithout %q", state, all, text)
		}
	}
}

// deployed applies the documents and insists that they become healthy.
func (b *bed) deployed(documents string) Receipt {
	b.t.Helper()
	receipt := b.apply(b.request(documents))
	b.want(receipt, Applied)
	return receipt
}

func (b *bed) say(verb inventory.Verb, digest string) {
	b.t.Helper()
	word := inventory.Word{Verb: verb, Digest: digest, By: "bob", At: time.Now().UTC()}
	if err := b.cluster.Say(b.context(), b.key(), word); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) record() *inventory.Record {
	b.t.Helper()
	record, err := b.cluster.Record(b.context(), b.key())
	if err != nil {
		b.t.Fatal(err)
	}
	return record
}

// owned lists what the record has, as Kind name.
func (b *bed) owned() string {
	b.t.Helper()
	record := b.record()
	if record == nil {
		return "no record"
	}
	var names []string
	for _, entry := range record.Objects {
		names = append(names, entry.Kind+" "+entry.Name)
	}
	return strings.Join(names, ", ")
}

func (b *bed) wantOwned(want string) {
	b.t.Helper()
	if got := b.owned(); got != want {
		b.t.Errorf("the record has %q, want %q", got, want)
	}
}

var resources = map[string]schema.GroupVersionResource{
	"ConfigMap":                {Version: "v1", Resource: "configmaps"},
	"Secret":                   {Version: "v1", Resource: "secrets"},
	"Service":                  {Version: "v1", Resource: "services"},
	"Namespace":                {Version: "v1", Resource: "namespaces"},
	"Pod":                      {Version: "v1", Resource: "pods"},
	"Deployment":               {Group: "apps", Version: "v1", Resource: "deployments"},
	"Job":                      {Group: "batch", Version: "v1", Resource: "jobs"},
	"Lease":                    {Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
	"CustomResourceDefinition": {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	"PersistentVolumeClaim":    {Version: "v1", Resource: "persistentvolumeclaims"},
}

func (b *bed) resource(kind string) dynamic.ResourceInterface {
	b.t.Helper()
	r, ok := resources[kind]
	if !ok {
		b.t.Fatalf("no resource for %s", kind)
	}
	if kind == "Namespace" || kind == "CustomResourceDefinition" {
		return b.dynamic.Resource(r)
	}
	return b.dynamic.Resource(r).Namespace(b.namespace)
}

// live returns a live object; nil for none.
func (b *bed) live(kind, name string) map[string]any {
	b.t.Helper()
	object, err := b.resource(kind).Get(b.context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return object.Object
}

// field returns a live object's field as JSON; "gone" for no object.
func (b *bed) field(kind, name string, path ...string) string {
	b.t.Helper()
	live := b.live(kind, name)
	if live == nil {
		return "gone"
	}
	value, _, err := unstructured.NestedFieldNoCopy(live, path...)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bed) wantField(want, kind, name string, path ...string) {
	b.t.Helper()
	if got := b.field(kind, name, path...); got != want {
		b.t.Errorf("%s %s has %s = %s, want %s", kind, name, strings.Join(path, "."), got, want)
	}
}

// create writes the documents as another tool, by POST.
func (b *bed) create(manager, documents string) {
	b.t.Helper()
	for _, object := range rendered(b.t, documents).Objects {
		u := &unstructured.Unstructured{Object: object.Unmasked()}
		if _, err := b.resource(object.ID.Kind).Create(b.context(), u, metav1.CreateOptions{FieldManager: manager}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bed) patch(manager, kind, name, patch string, subresources ...string) {
	b.t.Helper()
	if _, err := b.resource(kind).Patch(b.context(), name, types.MergePatchType, []byte(patch),
		metav1.PatchOptions{FieldManager: manager}, subresources...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) remove(kind, name string) {
	b.t.Helper()
	if err := b.resource(kind).Delete(b.context(), name, metav1.DeleteOptions{}); err != nil {
		b.t.Fatal(err)
	}
}
