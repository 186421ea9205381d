package preview

import (
	"strings"
	"testing"
)

// TestOrderIsADifference swaps two containers in Git: pods would start them in the
// other order.
func TestOrderIsADifference(t *testing.T) {
	b := newBed(t)
	live := `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: first, image: "a:1"}, {name: second, image: "b:1"}]
      containers: [{name: web, image: "w:1"}]
`
	b.apply("slipway", live)
	head := strings.Replace(live, `[{name: first, image: "a:1"}, {name: second, image: "b:1"}]`, `[{name: second, image: "b:1"}, {name: first, image: "a:1"}]`, 1)
	p := b.plan(live, head)
	if c := p.Changes[0]; c.Action != Update || len(c.Fields) != 1 || c.Fields[0].Path != "spec.template.spec.initContainers" || c.Fields[0].Source != FromPullRequest {
		t.Errorf("plan: %s", summary(p))
	}
}

// TestTextIsNoQuantity changes 1000m to 1 where the API server takes both as text.
func TestTextIsNoQuantity(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", strings.Replace(crdOf("Crate", "colour"), "size: {type: integer, default: 3}", "limits: {type: object, additionalProperties: {type: string}}", 1))
	crate := "apiVersion: example.com/v1\nkind: Crate\nmetadata: {name: crate}\nspec: {limits: {cpu: 1000m}}"
	b.until(func() bool { return b.plan("", crate).Changes[0].Action == Create })
	b.apply("slipway", crate)
	check(t, b.plan(crate, strings.Replace(crate, "1000m", `"1"`, 1)), `
update Crate crate
  spec.limits.cpu: "1000m" -> "1" (this pull request)
`)
	// And nothing where it takes them as one.
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec: {containers: [{name: a, image: a, resources: {limits: {cpu: 1000m, memory: 1024Mi}}}]}"
	b.apply("slipway", pod)
	check(t, b.plan(pod, strings.Replace(pod, "1000m", "1", 1)), "\nnone Pod pod\n")
}
