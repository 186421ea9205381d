package deploy

import (
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// inUse is how an API server says which of a CRD's names it does not accept.
var inUse = regexp.MustCompile(`"([^"]+)" is already in use`)

// ofOtherNames reports whether a CRD's status refuses names that it does not ask for any
// more: it is from before the last write, which no observed generation tells of a CRD.
func ofOtherNames(crd map[string]any) bool {
	names, _, _ := unstructured.NestedMap(crd, "spec", "names")
	for _, condition := range conditionsOf(crd) {
		if condition["type"] != "NamesAccepted" || condition["status"] != "False" {
			continue
		}
		message, _ := condition["message"].(string)
		for _, refused := range inUse.FindAllStringSubmatch(message, -1) {
			if !asksFor(names, refused[1]) {
				return true
			}
		}
	}
	return false
}

// asksFor reports whether a CRD's names have one.
func asksFor(names map[string]any, name string) bool {
	for _, field := range []string{"plural", "singular", "kind", "listKind"} {
		if names[field] == name {
			return true
		}
	}
	short, _, _ := unstructured.NestedStringSlice(names, "shortNames")
	return slices.Contains(short, name)
}
