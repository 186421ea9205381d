package edit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// A Reference is what an image field holds: name, and tag or digest or both, or
// neither.
type Reference struct {
	Name   string `json:"name"` // with its registry, e.g. ghcr.io/acme/web-app
	Tag    string `json:"tag,omitempty"`
	Digest string `json:"digest,omitempty"` // with its algorithm, e.g. sha256:…
}

// ParseReference splits a reference. It takes any text: what is no reference comes
// out as a name.
func ParseReference(text string) Reference {
	var r Reference
	r.Name, r.Digest, _ = strings.Cut(text, "@")
	if at := strings.LastIndexByte(r.Name, ':'); at > strings.LastIndexByte(r.Name, '/') {
		r.Name, r.Tag = r.Name[:at], r.Name[at+1:]
	}
	return r
}

// String joins the parts as an image field has them.
func (r Reference) String() string {
	text := r.Name
	if r.Tag != "" {
		text += ":" + r.Tag
	}
	if r.Digest != "" {
		text += "@" + r.Digest
	}
	return text
}

var reference = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]*[A-Za-z0-9](:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z0-9]+([.+_-][A-Za-z0-9]+)*:[A-Za-z0-9=_-]+)?$`)

// valid reports whether the reference is one that can be written as it is.
func (r Reference) valid() bool {
	text := r.String()
	return reference.MatchString(text) && ParseReference(text) == r
}

// An Image is the image of one container.
type Image struct {
	Object render.ObjectID `json:"object"`
	// Field is where the image stands, e.g. spec.template.spec.containers[web].image.
	Field     string    `json:"field"`
	Container string    `json:"container"`
	Reference Reference `json:"reference"`
}

// A place is where an image stands.
type place struct {
	object render.ObjectID
	field  string
}

func (i Image) place() place { return place{i.Object, i.Field} }

// containerLists are the fields that list containers, in whatever kind of object.
var containerLists = []string{"initContainers", "containers", "ephemeralContainers"}

// ImagesOf lists the images of all containers of a rendered, in the order of its
// objects, those of an object in that of their fields. Only what stands in a list
// of containers counts, at any depth and in custom resources too.
func ImagesOf(rendered *render.Rendered) []Image {
	var all []Image
	for _, object := range rendered.Objects {
		// Images are compared with what was rendered, never printed from here.
		content := object.Unmasked()
		walkImages(content, "", func(field, container, reference string) {
			all = append(all, Image{object.ID, field, container, ParseReference(reference)})
		})
	}
	return all
}

func walkImages(value any, field string, found func(field, container, reference string)) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			below := joinField(field, key)
			if items, ok := value[key].([]any); ok && slices.Contains(containerLists, key) {
				containerImages(items, below, found)
			}
			walkImages(value[key], below, found)
		}
	case []any:
		for i, item := range value {
			walkImages(item, fmt.Sprintf("%s[%s]", field, label(item, i)), found)
		}
	}
}

func containerImages(items []any, field string, found func(field, container, reference string)) {
	for i, item := range items {
		container, _ := item.(map[string]any)
		reference, _ := container["image"].(string)
		if reference == "" {
			continue
		}
		name, _ := container["name"].(string)
		found(fmt.Sprintf("%s[%s].image", field, label(item, i)), name, reference)
	}
}

func joinField(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
