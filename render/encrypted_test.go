package render_test

import (
	"testing"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

const sopsSecret = `apiVersion: v1
kind: Secret
metadata: {name: sealed, labels: {app: web}}
type: Opaque
stringData:
  password: ENC[AES256_GCM,data:aGVsbG8=,iv:AAAA,tag:BBBB,type:str]
sops:
  age:
    - recipient: age1example
      enc: |
        -----BEGIN AGE ENCRYPTED FILE-----
        AAAA
        -----END AGE ENCRYPTED FILE-----
  lastmodified: "2026-01-01T10:00:00Z"
  mac: ENC[AES256_GCM,data:bWFj,iv:AAAA,tag:BBBB,type:str]
  encrypted_regex: ^(data|stringData)$
  version: 3.9.1
`

// What SOPS encrypted is known for it, however it got into the build, and nothing
// else is taken for it.
func TestEncrypted(t *testing.T) {
	files := map[string]string{
		"sealed.yaml":   sopsSecret,
		"settings.env":  "A=ENC[AES256_GCM,data:aGVsbG8=,iv:AAAA,tag:BBBB,type:str]\nsops_version=3.9.1\n",
		"file.enc.json": `{"data": "ENC[AES256_GCM,data:aGVsbG8=,iv:AAAA,tag:BBBB,type:str]", "sops": {"mac": "ENC[AES256_GCM,data:bWFj,iv:A,tag:B,type:str]"}}`,
		"open.yaml":     "apiVersion: v1\nkind: Secret\nmetadata: {name: open}\nstringData: {a: b}\n---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: thing}\nsops: {enabled: true}\n",
		"about.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: about}\ndata: {text: 'a value of ENC[AES256_GCM,...] is encrypted'}\n",
		"kustomization.yaml": `resources: [sealed.yaml, open.yaml, about.yaml]
namePrefix: my-
commonLabels: {team: shop}
generatorOptions: {disableNameSuffixHash: true}
secretGenerator:
  - {name: generated, envs: [settings.env]}
  - {name: file, files: [file.enc.json]}
configMapGenerator:
  - {name: config, files: [file.enc.json]}
`,
	}
	rendered := mustRender(t, render.New(render.Options{}), rendertest.Tree(files), ".")
	want := map[string]bool{
		"my-sealed": true, "my-generated": true, "my-file": true, "my-config": true,
		"my-open": false, "my-thing": false, "my-about": false,
	}
	if len(rendered.Objects) != len(want) {
		t.Fatalf("%d objects: %v", len(rendered.Objects), rendered.Problem)
	}
	for _, object := range rendered.Objects {
		if encrypted, ok := want[object.ID.Name]; !ok || object.Encrypted() != encrypted {
			t.Errorf("%s is encrypted: %v", object.ID, object.Encrypted())
		}
	}
	if (render.Object{}).Encrypted() {
		t.Error("nothing is encrypted")
	}
}
