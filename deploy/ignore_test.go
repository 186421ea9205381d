package deploy

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/preview"
)

// One item of a list is ignored, and its neighbours are not: in the plan, in what
// looks for drift and in the deployment alike. What somebody added beside stays.
func TestAnIgnoredItemOfAListIsLeftToItsOwner(t *testing.T) {
	b := newBed(t)
	document := func(image, proxy string) string {
		return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "` + image + `"}, {name: proxy, image: "` + proxy + `"}]}
`
	}
	rule := []preview.IgnoreRule{{Group: "apps", Kind: "Deployment", Name: "web", Field: "/spec/template/spec/containers/[name=proxy]/image"}}
	b.deployed(document("web:1", "proxy:1"))
	b.patch("updater", "Deployment", "web", `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:hot"},{"name":"proxy","image":"proxy:9"},{"name":"extra","image":"extra:1"}]}}}}`)

	head := rendered(t, document("web:2", "proxy:2"))
	asked := preview.Request{Target: b.target, Base: rendered(t, document("web:1", "proxy:1")), Head: head, Namespace: b.namespace, Ignore: rule}
	plan := b.cluster.preview.Plan(b.context(), []preview.Request{asked})[0]
	observed, problem := b.cluster.preview.Observe(b.context(), []preview.Request{asked}, func(preview.Writer) bool { return false })
	if problem != nil {
		t.Fatal(problem)
	}
	const image = "spec.template.spec.containers[web].image"
	if fields := plan.Changes[0].Fields; len(fields) != 1 || fields[0].Path != image {
		t.Errorf("the plan has %+v", fields)
	}
	if found := observed[0][0].Deviations; len(found) != 1 || found[0].Path != image {
		t.Errorf("observed: %+v", found)
	}

	request := b.request(document("web:2", "proxy:2"))
	request.Ignore = rule
	b.want(b.apply(request), Applied)
	live := b.allDeployments()["web"]["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)
	var images []string
	for _, container := range live {
		images = append(images, container.(map[string]any)["image"].(string))
	}
	if got := strings.Join(images, " "); got != "web:2 proxy:9 extra:1" {
		t.Errorf("live are %s", got)
	}
}
