package preview

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/render"
)

// nameMasker masks what tells the items of a list apart.
var nameMasker = render.NewMasker([]byte("a key for tests"), []render.SensitiveField{
	{Kind: "Deployment", Field: "/spec/template/spec/containers/*/env/*/name"},
	{Kind: "Deployment", Field: "/spec/template/spec/containers/*/ports/0"},
})

// maskedBy returns the documents as a target's objects, under another masker.
func maskedBy(t *testing.T, masker *render.Masker, documents string) *render.Rendered {
	t.Helper()
	r := &render.Rendered{}
	for _, object := range rendered(t, documents).Objects {
		r.Objects = append(r.Objects, render.NewObject(object.Unmasked(), object.Origin, masker))
	}
	return r
}

// TestASensitiveKeyOfAListIsInNoPath has list items told apart by what nobody may
// see, in Git, live, and added by hand: paths, pointers and digests have the mask.
func TestASensitiveKeyOfAListIsInNoPath(t *testing.T) {
	base := strings.Replace(deployment, "{name: A, value: a}", "{name: hunter2-kept, value: a}, {name: hunter2-gone, value: a}", 1)
	head := strings.NewReplacer("hunter2-kept, value: a", "hunter2-kept, value: b", "hunter2-gone", "hunter2-new", "containerPort: 80", "containerPort: 81").Replace(base)
	b := newBed(t)
	requests := []Request{{Base: maskedBy(t, nameMasker, base), Head: maskedBy(t, nameMasker, head), Namespace: b.namespace}}
	said := map[string]any{
		"offline": Offline(requests[0]),
		"create":  b.preview.Plan(t.Context(), requests),
	}
	b.apply("slipway", base)
	update := b.preview.Plan(t.Context(), requests)[0]
	said["update"] = update
	b.patch("kubectl-edit", "apps/v1", "Deployment", "web", `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:1.27",
		"ports":[{"containerPort":80},{"containerPort":9999}],
		"env":[{"name":"hunter2-kept","value":"x"},{"name":"hunter2-hand","value":"y"}]},{"name":"log","image":"fluent:3"}]}}}}`)
	observed, problem := b.preview.Observe(t.Context(), requests, func(Writer) bool { return true })
	if problem != nil {
		t.Fatal(problem)
	}
	said["observe"] = observed
	for how, what := range said {
		text, err := json.Marshal(what)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "hunter2") {
			t.Errorf("%s has a sensitive name: %s", how, text)
		}
	}
	const at = "spec.template.spec.containers[web].env[*** (hash "
	named := 0
	for _, f := range update.Changes[0].Fields {
		if strings.HasPrefix(f.Path, at) {
			named++
		}
	}
	if named != 3 {
		t.Errorf("%d of three items are named by their marks: %s", named, summary(update))
	}
	if n := len(observed[0][0].Deviations); n < 3 {
		t.Errorf("%d deviations: %+v", n, observed[0][0].Deviations)
	}
	for _, d := range observed[0][0].Deviations {
		if strings.HasPrefix(d.Path, at) && d.Pointer != "" {
			t.Errorf("%s has a pointer: %s", d.Path, d.Pointer)
		}
	}
}
