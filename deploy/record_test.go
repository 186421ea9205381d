package deploy

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

func (b *bed) stored() *corev1.ConfigMap {
	b.t.Helper()
	stored, err := b.clients.CoreV1().ConfigMaps(inventory.Namespace).Get(b.context(), b.key().Name(), metav1.GetOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return stored
}

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A record that cannot be trusted stops everything; it is never an empty one.
func TestBrokenRecordIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, says string
		damage     func(*testing.T, *corev1.ConfigMap)
	}{
		{"emptied", "cannot be read", func(_ *testing.T, c *corev1.ConfigMap) { c.BinaryData = nil }},
		{"corrupted", "cannot be read", func(_ *testing.T, c *corev1.ConfigMap) { c.BinaryData["record.json.gz"] = []byte("nonsense") }},
		{"cut off", "cannot be read", func(_ *testing.T, c *corev1.ConfigMap) {
			whole := c.BinaryData["record.json.gz"]
			c.BinaryData["record.json.gz"] = whole[:len(whole)/2]
		}},
		{"edited by hand", "edited by hand", func(t *testing.T, c *corev1.ConfigMap) {
			c.BinaryData["record.json.gz"] = packed(t, `{"repository":"acme/shop","environment":"test","objects":[]}`)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.deployed(maps("a", "b"))
			stored := b.stored()
			test.damage(t, stored)
			if _, err := b.clients.CoreV1().ConfigMaps(inventory.Namespace).Update(b.context(), stored, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			b.want(b.apply(b.request(maps("a"))), Refused, test.says, "put it back as it was")
			b.wantField(`"1"`, "ConfigMap", "b", "data", "value")
			if _, err := b.cluster.Record(b.context(), b.key()); err == nil {
				t.Error("it can be read")
			}
			b.lose()
		})
	}
}

// lose deletes the record.
func (b *bed) lose() {
	b.t.Helper()
	if err := b.clients.CoreV1().ConfigMaps(inventory.Namespace).Delete(b.context(), b.key().Name(), metav1.DeleteOptions{}); err != nil {
		b.t.Fatal(err)
	}
}

// Objects of a lost record are found again by their marks; nothing is deleted.
func TestLostRecordIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed(maps("a", "b"))
	b.lose()
	receipt := b.deployed(maps("a"))
	wantSummary(t, receipt, "healthy none ConfigMap a")
	b.wantOwned("ConfigMap a")
	b.wantField(`"1"`, "ConfigMap", "b", "data", "value")
}

func TestRecordsOfARepository(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for i, name := range []string{"a", "b", "c", "d"} {
		request := b.request(maps(name))
		request.Repository = "acme/many"
		request.Target.Application = render.Application(name)
		if name == "c" {
			request.Repository = "acme/other"
		}
		b.want(b.apply(request), Applied)
		if i == 0 {
			stored, err := b.clients.CoreV1().ConfigMaps(inventory.Namespace).Get(b.context(), keyOf("acme/many", request.Target).Name(), metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			stored.BinaryData = nil
			if _, err := b.clients.CoreV1().ConfigMaps(inventory.Namespace).Update(b.context(), stored, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A copy, as a backup makes it, is not another record of the target.
	copied, err := b.clients.CoreV1().ConfigMaps(inventory.Namespace).Get(b.context(), keyOf("acme/many", render.Target{Environment: "test", Application: "b"}).Name(), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	copied.Name, copied.ResourceVersion, copied.UID = copied.Name+"-backup", "", ""
	if _, err := b.clients.CoreV1().ConfigMaps(inventory.Namespace).Create(b.context(), copied, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	records, damaged, err := b.cluster.Records(b.context(), "acme/many")
	if err != nil {
		t.Fatal(err)
	}
	if name := keyOf("acme/many", render.Target{Environment: "test", Application: "a"}).Name(); len(damaged) != 1 || damaged[0].Name != name ||
		!strings.Contains(damaged[0].Problem.Message, "cannot be read") {
		t.Errorf("the broken one, %s, is told as %+v", name, damaged)
	}
	var names []string
	for _, record := range records {
		names = append(names, string(record.Application))
	}
	if got, want := strings.Join(names, " "), "b d"; got != want {
		t.Errorf("records of %s, want %s", got, want)
	}
}

// What a person reads of a record has no value of a Secret; nor has the record.
func TestRecordIsForPeopleToo(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.deployed("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2-very-secret}\n")
	stored := b.stored()
	summary := stored.Data["summary"]
	for _, text := range []string{"acme/shop test/" + b.namespace + " owns 1 objects", "deployed: 0000000"} {
		if !strings.Contains(summary, text) {
			t.Errorf("the summary\n%s\nis without %q", summary, text)
		}
	}
	if strings.Contains(stored.String(), "hunter2") {
		t.Error("the record has a secret value")
	}
}

func TestMarkNamesItsObject(t *testing.T) {
	key := inventory.Key{Repository: "acme/shop", Environment: "a b/c", Application: "ü%"}
	id := render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	payload := map[string]any{}
	setMark(payload, key, id)
	if owner, marked := ownerOf(payload, id); !marked || owner != key {
		t.Errorf("the mark names %v, %t", owner, marked)
	}
	for _, other := range []render.ObjectID{
		{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web2"},
		{Group: "apps", Kind: "Deployment", Namespace: "other", Name: "web"},
		{Group: "apps", Kind: "ReplicaSet", Namespace: "shop", Name: "web"},
		{Kind: "Deployment", Namespace: "shop", Name: "web"},
	} {
		if _, marked := ownerOf(payload, other); marked {
			t.Errorf("the mark counts for %+v", other)
		}
	}
	for _, text := range []string{"", "x", "a b c d", "acme/shop %zz apps/Deployment/shop/web"} {
		live := map[string]any{"metadata": map[string]any{"annotations": map[string]any{markAnnotation: text}}}
		if _, marked := ownerOf(live, id); marked {
			t.Errorf("%q counts as a mark", text)
		}
	}
}
