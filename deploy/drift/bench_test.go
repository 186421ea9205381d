package drift_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/deploy/drift"
	"github.com/slipwayhq/slipway/fixtures/cluster"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// BenchmarkCheck5000 checks 5,000 unchanged objects of ten targets for drift, and
// compares that with a dry run of each of them; both by the same client, as a
// server does it again and again.
func BenchmarkCheck5000(b *testing.B) {
	const targets, each = 10, 500
	bed := newBed(b, cluster.Shared(b))
	requests := make([]drift.Request, targets)
	plans := make([]preview.Request, targets)
	for i := range targets {
		bed.namespace = bed.cluster.Namespace(b)
		documents := make([]string, 0, each)
		for n := range each / 2 {
			number := fmt.Sprint(n)
			documents = append(documents, strings.NewReplacer("name: web,", "name: web-"+number+",", "name: settings", "name: settings-"+number).Replace(web))
		}
		all := strings.Join(documents, "\n---\n")
		bed.deploy(all)
		target := render.Target{Environment: "production", Application: render.Application(fmt.Sprint("app-", i))}
		r := rendered(b, all)
		requests[i] = drift.Request{Target: target, Rendered: r, Namespace: bed.namespace}
		plans[i] = preview.Request{Target: target, Base: r, Head: r, Namespace: bed.namespace}
	}
	warm := bed.preview
	var checked, dry []time.Duration
	for range 5 {
		began := time.Now()
		for _, r := range drift.Check(b.Context(), warm, requests) {
			if r.Problem != nil || r.Digest != "" || r.Checked != each {
				b.Fatalf("%d of %d checked: %s %v", r.Checked, each, summary(r), r.Problem)
			}
		}
		checked = append(checked, time.Since(began))
	}
	for range 3 {
		// Of its own, so that no answer is remembered.
		asking, err := preview.NewCluster("production", bed.cluster.Config(), preview.ClusterOptions{DryRunAll: true})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		for _, p := range asking.Plan(b.Context(), plans) {
			if n := p.Counts()[preview.None]; n != each {
				b.Fatalf("%d of %d are unchanged: %v", n, each, p.Problem)
			}
		}
		dry = append(dry, time.Since(began))
	}
	slices.Sort(checked)
	slices.Sort(dry)
	check, all := checked[len(checked)/2].Seconds(), dry[len(dry)/2].Seconds()
	fmt.Printf("\n%s: %d unchanged objects; medians: drift check %.3f s, dry run of each %.3f s: %.1f times as fast\n",
		b.Name(), targets*each, check, all, all/check)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(check*1000, "ms/check")
	b.ReportMetric(all/check, "times-as-fast")
}
