package deploy

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What SOPS encrypted is neither applied, recorded, waited for nor deleted: not
// where it is new, not where Slipway applied it while it was plain, not when it
// goes; and a deployment with it is a whole one.
func TestWhatIsEncryptedIsNotOurs(t *testing.T) {
	b := newBed(t)
	plain := "apiVersion: v1\nkind: Secret\nmetadata: {name: sealed}\nstringData: {password: hello}\n"
	sealed := `apiVersion: v1
kind: Secret
metadata: {name: sealed}
stringData: {password: "ENC[AES256_GCM,data:aGVsbG8=,iv:AAAA,tag:BBBB,type:str]"}
sops: {mac: "ENC[AES256_GCM,data:bWFj,iv:AAAA,tag:BBBB,type:str]"}
`
	other := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n---\n"
	exists := func() bool {
		b.t.Helper()
		list, err := b.clients.CoreV1().Secrets(b.namespace).List(b.context(), metav1.ListOptions{})
		if err != nil {
			b.t.Fatal(err)
		}
		return len(list.Items) == 1
	}
	receipt := b.deployed(other + sealed)
	if exists() || !strings.Contains(summary(receipt), "skipped encrypted Secret sealed: encrypted by SOPS") {
		t.Errorf("exists: %v\n%s", exists(), summary(receipt))
	}
	if again := b.apply(b.request(other + sealed)); again.State != Unchanged {
		t.Errorf("again it is %s: %s", again.State, again.Reason)
	}
	b.deployed(other + plain)
	if !exists() {
		t.Fatal("a plain Secret is not applied")
	}
	b.deployed(other + sealed)
	if owned := b.owned(); strings.Contains(owned, "Secret") || !exists() {
		t.Errorf("owned: %s, exists: %v", owned, exists())
	}
	b.deployed(other)
	if !exists() {
		t.Error("what somebody else applies is pruned")
	}
}
