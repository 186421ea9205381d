package preview

import (
	"strings"
	"testing"
)

const arrivingNamespace = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: to-come}\n"

// inTheNamespaceToCome plans documents into a namespace that the same change brings.
func (b *bed) inTheNamespaceToCome(documents string) *Plan {
	b.t.Helper()
	return b.preview.Plan(b.t.Context(), []Request{{Head: rendered(b.t, documents+arrivingNamespace), Namespace: "to-come"}})[0]
}

// TestWhatFitsIsNotRefused holds against the schemas what the API server is known
// to take, however it is written.
func TestWhatFitsIsNotRefused(t *testing.T) {
	b := newBed(t)
	var documents []string
	for _, test := range otherwise {
		documents = append(documents, test.document)
	}
	plan := b.inTheNamespaceToCome(strings.Join(documents, "\n---\n"))
	changes := append(plan.Changes, b.inTheNamespaceToCome(manyKinds).Changes...)
	if n := len(changes); n < len(otherwise)+10 {
		t.Fatalf("%d changes", n)
	}
	for _, c := range changes {
		if c.Action != Create || c.Reason != "" || len(c.Warnings) > 0 || c.NotValidated == (c.ID.Kind == "Namespace") {
			t.Errorf("%s is %s because %s; not validated: %v; %q", c.ID, c.Action, c.Reason, c.NotValidated, c.Warnings)
		}
	}
}

func TestWhatBreaksItsSchemaIsRefusedBeforeItsNamespaceIsThere(t *testing.T) {
	b := newBed(t)
	deployment := func(spec string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {" + spec + "}}}"
	}
	for _, test := range []struct{ name, document, reason, hint, warning string }{
		{"an unknown field", deployment(`containers: [{name: c, image: c, imagePullPolice: Always}]`), "field not declared in schema", "field's name or place", ""},
		{"a field in the wrong place", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nports: [{port: 80}]", ".ports: field not declared", "field's name or place", ""},
		{"a wrong type", deployment(`containers: [{name: c, image: c, tty: "yes"}]`), "expected boolean", "", ""},
		{"a list for a map", deployment(`containers: [{name: c, image: c, resources: [1]}]`), "expected map", "", ""},
		{"a key twice", deployment(`containers: [{name: c, image: c, env: [{name: A, value: "1"}, {name: A, value: "2"}]}]`), "duplicate entries for key", "key of its own", ""},
		{"a missing field", deployment(`containers: [{image: c}]`), "", "", "spec.template.spec.containers[0].name"},
		{"many missing", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec: {replicas: 1}", "", "", "spec.selector"},
		{"nothing missing", deployment(`containers: [{name: c, image: c}]`), "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := b.inTheNamespaceToCome(test.document).Changes[0]
			want := Create
			if test.reason != "" {
				want = Refused
			}
			if c.Action != want || !strings.Contains(c.Reason, test.reason) || !strings.Contains(c.Hint, test.hint) || (c.Hint == "") != (test.reason == "") || !c.NotValidated {
				t.Errorf("%s because %q; %q; not validated: %v", c.Action, c.Reason, c.Hint, c.NotValidated)
			}
			if all := strings.Join(c.Warnings, "\n"); !strings.Contains(all, test.warning) || (all == "") != (test.warning == "") {
				t.Errorf("warnings %q", c.Warnings)
			}
			// The API server says no, too, when it can be asked.
			if asked := b.plan("", test.document).Changes[0]; (asked.Action == Refused) != (test.reason != "" || test.warning != "") {
				t.Errorf("asked, the API server has %s: %s", asked.Action, asked.Reason)
			}
		})
	}
}

const strictCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gates.strict.example.com}
spec:
  group: strict.example.com
  names: {kind: Gate, plural: gates, singular: gate, listKind: GateList}
  scope: Namespaced
  versions:
  - {name: v1alpha1, served: false, storage: false, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [mode, width]
            properties:
              mode: {type: string, enum: [open, shut], default: shut}
              width: {type: integer, minimum: 1, maximum: 10}
              port: {x-kubernetes-int-or-string: true}
              colour: {type: string, pattern: "^#[0-9a-f]{6}$", nullable: true}
              labels: {type: object, additionalProperties: {type: string, maxLength: 3}}
              keys:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [id]
                items: {type: object, required: [id], properties: {id: {type: string}, deep: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
`

// TestWhatBreaksTheCRDThatComesWithIt holds custom resources against the CRD of the
// same change, and once it is there asks the API server the same.
func TestWhatBreaksTheCRDThatComesWithIt(t *testing.T) {
	gate := func(spec string) string {
		return "apiVersion: strict.example.com/v1\nkind: Gate\nmetadata: {name: gate}\n" + spec
	}
	tests := []struct{ name, document, reason string }{
		{"whole", gate(`spec: {width: 2, port: http, colour: "#00ff00", labels: {a: abc}, keys: [{id: a, deep: {any: [1, {x: y}]}}, {id: b}]}`), ""},
		{"a port as a number, a null", gate(`spec: {width: 2, port: 80, colour: null}`), ""},
		{"an unknown field", gate(`spec: {width: 2, with: 3}`), ".spec.with: field not declared in schema"},
		{"a wrong type", gate(`spec: {width: wide}`), "expected numeric"},
		{"a missing field", gate(`spec: {mode: open}`), "spec.width"},
		{"nothing", gate(``), "spec"},
		{"none of the values", gate(`spec: {width: 2, mode: ajar}`), "spec.mode"},
		{"too much", gate(`spec: {width: 11}`), "spec.width"},
		{"a pattern", gate(`spec: {width: 2, colour: green}`), "spec.colour"},
		{"too long", gate(`spec: {width: 2, labels: {a: abcd}}`), "spec.labels"},
		{"a key twice", gate(`spec: {width: 2, keys: [{id: a}, {id: a}]}`), "duplicate entries for key"},
		{"a key missing", gate(`spec: {width: 2, keys: [{}]}`), "keys"},
		{"a version that is not served", strings.Replace(gate(`spec: {width: 2}`), "/v1", "/v1alpha1", 1), `serves no version "v1alpha1"`},
	}
	b := newBed(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := b.plan("", strictCRD+test.document).Changes[1]
			want := Create
			if test.reason != "" {
				want = Refused
			}
			if c.Action != want || !strings.Contains(c.Reason, test.reason) || (c.Hint == "") != (test.reason == "") || !c.NotValidated {
				t.Errorf("%s because %q; %q; not validated: %v", c.Action, c.Reason, c.Hint, c.NotValidated)
			}
		})
	}
	b.apply("slipway", strings.TrimSuffix(strings.TrimSpace(strictCRD), "---"))
	b.until(func() bool { return b.plan("", tests[0].document).Changes[0].Action == Create })
	for _, test := range tests {
		if c := b.plan("", test.document).Changes[0]; (c.Action == Refused) != (test.reason != "") || c.NotValidated {
			t.Errorf("%s: asked, the API server has %s: %s", test.name, c.Action, c.Reason)
		}
	}
}

// TestASchemaThatIsNoGoodCountsForNothing: a stranger wrote it, and the API server
// says what is wrong with it.
func TestASchemaThatIsNoGoodCountsForNothing(t *testing.T) {
	b := newBed(t)
	gate := "apiVersion: strict.example.com/v1\nkind: Gate\nmetadata: {name: gate}\nspec: {width: 2}"
	for _, root := range []string{
		`{$ref: "#/elsewhere"}`, `{type: object, properties: {spec: {$ref: "http://127.0.0.1:1/x"}}}`, `{type: [object, "null"]}`, `{properties: 3}`,
		`{type: object, properties: {spec: {type: object, properties: {width: {pattern: "("}}}}}`, `{type: nonsense}`, `null`,
		`{type: object, properties: {spec: {type: array, x-kubernetes-list-type: map, items: {}}}}`,
	} {
		crd := strings.Split(strictCRD, "      openAPIV3Schema:\n        type")[0] + "      openAPIV3Schema: " + root + "\n---\n"
		p := b.plan("", strings.NewReplacer("gate", "hatch", "Gate", "Hatch").Replace(crd+gate)) // of a kind that no other test makes
		if c := p.Changes[1]; c.Action == Unknown || !c.NotValidated {
			t.Errorf("%s: %s because %s", root, c.Action, c.Reason)
		}
		if c := p.Changes[0]; c.Action != Refused {
			t.Errorf("%s: the CRD is %s", root, c.Action)
		}
	}
}
