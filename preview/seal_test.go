package preview

import (
	"strings"
	"testing"
)

// sealed is a Secret as SOPS leaves it in Git.
const sealed = `
---
apiVersion: v1
kind: Secret
metadata: {name: sealed, labels: {app: web}}
stringData:
  password: ENC[AES256_GCM,data:aGVsbG8=,iv:AAAA,tag:BBBB,type:str]
sops:
  age: [{recipient: age1example, enc: key-material}]
  lastmodified: "2026-01-01T10:00:00Z"
  mac: ENC[AES256_GCM,data:bWFj,iv:AAAA,tag:BBBB,type:str]
`

// TestWhatIsEncryptedIsLeftToWhoeverHasTheKeys never asks the API server about what
// SOPS encrypted: it is no difference, no error and no deletion, live or not.
func TestWhatIsEncryptedIsLeftToWhoeverHasTheKeys(t *testing.T) {
	b := newBed(t)
	const alone = `
encrypted Secret sealed
  because encrypted by SOPS, not applied by Slipway
`
	check(t, b.plan(configuration+sealed, configuration+sealed), "\ncreate ConfigMap settings\n  data: null -> {\"colour\":\"blue\"} (already drifted)\n"+alone[1:])
	check(t, b.plan("", sealed), alone+`  metadata.labels: null -> {"app":"web"} (this pull request)
  stringData: null -> {"password":"(encrypted)"} (this pull request)
`)
	// Live is what whoever has the keys made of it.
	b.apply("kustomize-controller", "apiVersion: v1\nkind: Secret\nmetadata: {name: sealed}\nstringData: {password: hello}")
	check(t, b.plan(sealed, sealed), alone)
	check(t, Offline(Request{Base: rendered(t, sealed), Head: rendered(t, sealed)}), alone)
	changed := strings.NewReplacer("aGVsbG8=", "b3RoZXI=", "bWFj", "bWFkYw==", "app: web", "app: shop").Replace(sealed)
	check(t, b.plan(sealed, changed), alone+`  metadata.labels.app: "web" -> "shop" (this pull request)
  stringData.password: "(encrypted)" -> "(encrypted)" (this pull request)
`)
	check(t, b.plan(sealed, ""), `
encrypted Secret sealed
  because was encrypted by SOPS, and is not deleted by Slipway
`)
	plain := "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: sealed}\nstringData: {password: in the open}\n"
	check(t, b.plan(plain, sealed), alone+`  metadata.labels: null -> {"app":"web"} (this pull request)
  stringData: null -> {"password":"(encrypted)"} (this pull request)
`)
	request := Request{Head: rendered(t, sealed), Namespace: b.namespace}
	observed, problem := b.preview.Observe(t.Context(), []Request{request}, func(Writer) bool { return true })
	if problem != nil || len(observed[0]) != 0 {
		t.Errorf("observed: %+v, %v", observed, problem)
	}
	one, other := b.plan(sealed, sealed), b.plan(sealed, changed)
	if one.Digest != other.Digest {
		t.Error("what is not applied changes the digest of what is")
	}
	for _, p := range []*Plan{one, other} {
		if text := summary(p); strings.Contains(text, "ENC[") || strings.Contains(text, "key-material") {
			t.Errorf("the plan shows what is encrypted:\n%s", text)
		}
	}
}
