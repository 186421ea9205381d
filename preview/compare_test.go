package preview

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func decoded(t *testing.T, document string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestWhereTwoObjectsDiffer(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"nothing", "{a: 1}", "{a: 1.0}", ""},
		{"a value", "{a: {b: 1}}", "{a: {b: 2}}", "a.b: 1 -> 2"},
		{"a key comes", "{a: {}}", "{a: {b: {c: 1}}}", `a.b: absent -> {"c":1}`},
		{"a key goes", "{a: {b: 1}}", "{a: {}}", "a.b: 1 -> absent"},
		{"another shape", "{a: {b: 1}}", "{a: [1]}", `a: {"b":1} -> [1]`},
		{"a key with dots", `{annotations: {x.io/a: "1"}}`, `{annotations: {x.io/a: "2"}}`, `annotations[x.io/a]: "1" -> "2"`},
		{"scalars whole", "{args: [a, b]}", "{args: [a, c]}", `args: ["a","b"] -> ["a","c"]`},
		{"items by name", "{containers: [{name: a, image: x}, {name: b, image: x}]}", "{containers: [{name: b, image: x}, {name: a, image: z}]}", `containers[a].image: "x" -> "z"`},
		{"an item comes first", "{env: [{name: B, value: b}]}", "{env: [{name: A, value: a}, {name: B, value: b}]}", `env[A]: absent -> {"name":"A","value":"a"}`},
		{"order alone", "{env: [{name: A}, {name: B}]}", "{env: [{name: B}, {name: A}]}", `env: [{"name":"A"},{"name":"B"}] -> [{"name":"B"},{"name":"A"}]`},
		{"two keys", "{ports: [{port: 53, protocol: UDP, nodePort: 1}, {port: 53, nodePort: 1}]}", "{ports: [{port: 53, protocol: UDP, nodePort: 1}, {port: 53, nodePort: 2}]}", "ports[53/TCP].nodePort: 1 -> 2"},
		{"no key: an item between", "{x: [{v: [a]}, {v: [c]}]}", "{x: [{v: [a]}, {v: [b]}, {v: [c]}]}", `x[1]: null -> {"v":["b"]}`},
		{"no key: an item changes", "{x: [{v: 1, w: 1}, {v: 2, w: 1}]}", "{x: [{v: 1, w: 1}, {v: 3, w: 1}]}", "x[1].v: 2 -> 3"},
		{"no key: the first goes", "{x: [{v: [a]}, {v: [b]}]}", "{x: [{v: [b]}]}", `x[0]: {"v":["a"]} -> null`},
		{"equal names", "{env: [{name: A, value: a}, {name: A, value: b}]}", "{env: [{name: A, value: a}, {name: A, value: c}]}", `env[1].value: "b" -> "c"`},
		{"null", "{a: null}", "{}", "a: null -> absent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			old, wanted := decoded(t, test.old), decoded(t, test.new)
			var got []string
			for _, d := range compare(visible(old, old), visible(wanted, wanted), nil) {
				got = append(got, d.path.String()+": "+printed(old, d.path, d.old)+" -> "+printed(wanted, d.path, d.new))
			}
			if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

// printed tells a null from what is absent, except for items by position.
func printed(object any, p path, value any) string {
	if value == nil {
		if _, ok := p.in(object); !ok {
			return "absent"
		}
	}
	text, _ := json.Marshal(value)
	return string(text)
}

func TestAMaskIsNeverLookedInto(t *testing.T) {
	old, wanted := decoded(t, "{a: {b: secret}, c: [{d: secret}]}"), decoded(t, "{a: {b: other}, c: [{d: other}]}")
	hidden := map[string]any{"a": "***", "c": "***"}
	for _, d := range compare(visible(old, hidden), visible(wanted, hidden), nil) {
		if d.old != "***" || d.new != "***" {
			t.Errorf("%s shows %v and %v", d.path, d.old, d.new)
		}
	}
}

func TestDigestIsOfWhatApplyingDoes(t *testing.T) {
	plan := func(base, head string) *Plan {
		return Offline(Request{Base: rendered(t, base), Head: rendered(t, head)})
	}
	red := strings.Replace(configuration, "blue", "red", 1)
	one := plan(configuration+deployment2(), red+deployment2())
	moved := plan(configuration, red)
	for i := range moved.Changes {
		moved.Changes[i].Origin.Line = 99
		moved.Changes[i].Reason = "other words"
	}
	if one.Digest != digest(moved.Changes) {
		t.Error("an unchanged object, a line or words change the digest")
	}
	if other := plan(configuration, strings.Replace(configuration, "blue", "green", 1)); other.Digest == one.Digest {
		t.Error("another value does not change the digest")
	}
	reversed := plan(red+deployment2(), configuration+deployment2())
	if reversed.Digest == one.Digest {
		t.Error("the way back has the same digest")
	}
	shuffled := plan(configuration+deployment2(), red+strings.Replace(deployment2(), "replicas: 2", "replicas: 3", 1))
	order := slices.Clone(shuffled.Changes)
	slices.Reverse(order)
	if digest(order) != shuffled.Digest {
		t.Error("the objects' order changes the digest")
	}
}

func deployment2() string { return "\n---\n" + deployment }
