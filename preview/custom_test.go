package preview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: PLURAL.example.com}
spec:
  group: example.com
  names: {kind: KIND, plural: PLURAL, singular: SINGULAR, listKind: KINDList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
          spec:
            type: object
            properties:
              size: {type: integer, default: 3}
              FIELD: {type: string}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [slot]
                items: {type: object, required: [slot], properties: {slot: {type: string}, name: {type: string}}}
              rules:
                type: array
                items: {type: object, properties: {a: {type: string}, b: {type: string, default: x}}}
`

func crdOf(kind, field string) string {
	singular := strings.ToLower(kind)
	return strings.NewReplacer("PLURAL", singular+"s", "SINGULAR", singular, "KIND", kind, "FIELD", field).Replace(crd)
}

func TestWhatArrivesInTheSameChangeIsNotValidated(t *testing.T) {
	b := newBed(t)
	head := crdOf("Boat", "colour") + `
---
apiVersion: v1
kind: Namespace
metadata: {name: arriving}
---
apiVersion: example.com/v1
kind: Boat
metadata: {name: boat}
spec: {colour: red}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: inside, namespace: arriving}
data: {a: b}
`
	p := b.plan("", head)
	got := map[string]bool{}
	for _, c := range p.Changes {
		if c.Action != Create {
			t.Errorf("%s is %s because %s", c.ID, c.Action, c.Reason)
		}
		got[c.ID.Kind] = c.NotValidated
	}
	want := map[string]bool{"CustomResourceDefinition": false, "Namespace": false, "Boat": true, "ConfigMap": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("not validated (-want +got):\n%s", diff)
	}
}

func TestCustomResources(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", crdOf("Ship", "colour"))
	ship := `
apiVersion: example.com/v1
kind: Ship
metadata: {name: ship}
spec: {colour: red, parts: [{slot: a, name: x}, {slot: b, name: x}], rules: [{a: one}, {a: two}]}
status: {ignored: true}
`
	b.until(func() bool { return b.plan("", ship).Changes[0].Action == Create })
	b.apply("slipway", ship)
	check(t, b.plan(ship, ship), "\nnone Ship ship\n")
	head := strings.NewReplacer("slot: b, name: x", "slot: b, name: z", "{a: two}", "{a: zero}, {a: two}").Replace(ship)
	check(t, b.plan(ship, head), `
update Ship ship
  spec.parts[b].name: "x" -> "z" (this pull request)
  spec.rules[1]: null -> {"a":"zero","b":"x"} (this pull request)
`)
	// A field that only the change to the CRD, in the same pull request, allows.
	sails := strings.Replace(ship, "colour: red", "colour: red, sails: white", 1)
	if c := b.plan(ship, sails).Changes[0]; c.Action != Refused {
		t.Errorf("an undeclared field is %s: %+v", c.Action, c)
	}
	newer := strings.Replace(crdOf("Ship", "colour"), "rules:", "sails: {type: string}\n              rules:", 1)
	c := b.plan(crdOf("Ship", "colour")+"---"+ship, newer+"---"+sails).Changes[1]
	if c.Action != Update || !c.NotValidated || len(c.Fields) != 1 || c.Fields[0].Path != "spec.sails" {
		t.Errorf("with its CRD changed: %+v", c)
	}
}
