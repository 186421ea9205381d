package preview

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestACrowdIsNotRead wants few objects of a namespace with many: they are read one
// by one after a first look.
func TestACrowdIsNotRead(t *testing.T) {
	b := newBed(t)
	var crowd, wanted strings.Builder
	for i := range 150 {
		document := fmt.Sprintf("\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm-%03d}\ndata: {n: \"%d\"}\n", i, i)
		crowd.WriteString(document)
		if i > 146 {
			wanted.WriteString(document)
		}
	}
	b.apply("slipway", crowd.String())
	b.plan("", wanted.String()) // so that the kinds are known
	before := b.preview.requests.Load()
	first := strings.SplitAfterN(crowd.String(), "\n---\n", 3)[1]
	if p := b.plan(first, first); p.Counts()[None] != 1 {
		t.Fatalf("plan: %s", summary(p))
	}
	ahead := b.preview.requests.Load() - before - 1 // what any plan asks, beside a GET
	before = b.preview.requests.Load()
	p := b.plan(wanted.String(), wanted.String())
	if p.Counts()[None] != 3 {
		t.Errorf("plan: %s", summary(p))
	}
	if got := b.preview.requests.Load() - before - ahead; got != 1+3 {
		t.Errorf("%d requests to read three of many, want one look and three GETs", got)
	}
	// Many of many are listed to the end.
	before = b.preview.requests.Load()
	if p := b.plan(crowd.String(), crowd.String()); p.Counts()[None] != 150 {
		t.Errorf("plan: %v", p.Counts())
	}
	if got := b.preview.requests.Load() - before - ahead; got != 1 {
		t.Errorf("%d requests to read all of many, want one LIST", got)
	}
}

// TestPlansAtOnceAreEqual makes one plan many times at once, on one Cluster.
func TestPlansAtOnceAreEqual(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", deployment+configuration)
	request := Request{
		Base: rendered(t, deployment+configuration), Namespace: b.namespace,
		Head: rendered(t, strings.Replace(deployment, "nginx:1.27", "nginx:1.28", 1)+strings.Replace(configuration, "blue", "red", 1)),
	}
	plans := make([]*Plan, 8)
	var group sync.WaitGroup
	for i := range plans {
		group.Go(func() { plans[i] = b.preview.Plan(t.Context(), []Request{request})[0] })
	}
	group.Wait()
	for _, p := range plans[1:] {
		if diff := cmp.Diff(plans[0], p); diff != "" {
			t.Errorf("two plans differ:\n%s", diff)
		}
	}
	if plans[0].Counts()[Update] != 2 {
		t.Errorf("plan: %s", summary(plans[0]))
	}
}
