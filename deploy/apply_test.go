package deploy

import (
	"testing"

	"github.com/slipwayhq/slipway/deploy/inventory"
)

func TestFirstDeployUpdateAndPrune(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	first := b.deployed(join(configMap("a", "1"), configMap("b", "1"), configMap("c", "1"), configMap("d", "1"), deploymentOf("web", "1.4.0")))
	wantSummary(t, first,
		"healthy create ConfigMap a", "healthy create ConfigMap b", "healthy create ConfigMap c", "healthy create ConfigMap d",
		"healthy create Deployment web")
	b.wantOwned("ConfigMap a, ConfigMap b, ConfigMap c, ConfigMap d, Deployment web")
	b.wantField("1", "Deployment", "web", "status", "readyReplicas")

	second := b.deployed(join(configMap("a", "2"), configMap("b", "1"), configMap("c", "1"), deploymentOf("web", "1.4.1")))
	wantSummary(t, second,
		"healthy update ConfigMap a", "healthy none ConfigMap b", "healthy none ConfigMap c",
		"healthy update Deployment web", "pruned delete ConfigMap d")
	b.wantOwned("ConfigMap a, ConfigMap b, ConfigMap c, Deployment web")
	b.wantField("gone", "ConfigMap", "d", "data")
	b.wantField(`"2"`, "ConfigMap", "a", "data", "value")

	record := b.record()
	if record.Deployed.Digest != second.Digest || record.Current.State != inventory.Healthy || len(record.History) != 2 {
		t.Errorf("the record has deployed %+v, current %+v and %d in its history", record.Deployed, record.Current, len(record.History))
	}
	for _, entry := range record.Objects {
		if entry.UID == "" {
			t.Errorf("%s is recorded without its UID", entry.ObjectID)
		}
	}
}

func TestNothingToDoIsUnchanged(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	documents := join(configMap("a", "1"), deploymentOf("web", "1.4.0"))
	b.deployed(documents)
	b.want(b.apply(b.request(documents)), Unchanged)
}
