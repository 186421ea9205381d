package deploy

import (
	"net/url"
	"strings"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

// markAnnotation says who owns an object: a repository, a target, and the object
// itself, e.g. "acme/shop production/web-app apps/Deployment/shop/web". A copy that
// an operator makes of the object, annotations and all, names another object than
// it is, and so says nothing.
const markAnnotation = "slipway.dev/owner"

// markOf returns the mark of an object that the target owns.
func markOf(key inventory.Key, id render.ObjectID) string {
	target := url.PathEscape(string(key.Environment))
	if key.Application != "" {
		target += "/" + url.PathEscape(string(key.Application))
	}
	return key.Repository + " " + target + " " + strings.Join([]string{id.Group, id.Kind, id.Namespace, id.Name}, "/")
}

// ownerOf returns the target that a live object's mark names; false where it has
// no mark, or one that is about another object.
func ownerOf(live map[string]any, id render.ObjectID) (inventory.Key, bool) {
	metadata, _ := live["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	text, _ := annotations[markAnnotation].(string)
	parts := strings.Split(text, " ")
	if len(parts) != 3 {
		return inventory.Key{}, false
	}
	environment, application, _ := strings.Cut(parts[1], "/")
	key := inventory.Key{Repository: parts[0]}
	for _, part := range []struct {
		text string
		into func(string)
	}{
		{environment, func(s string) { key.Environment = render.Environment(s) }},
		{application, func(s string) { key.Application = render.Application(s) }},
	} {
		name, err := url.PathUnescape(part.text)
		if err != nil {
			return inventory.Key{}, false
		}
		part.into(name)
	}
	return key, text == markOf(key, id)
}

// setMark puts the target's mark on what is to be applied.
func setMark(payload map[string]any, key inventory.Key, id render.ObjectID) {
	metadata, _ := payload["metadata"].(map[string]any)
	if metadata == nil {
		metadata = make(map[string]any)
		payload["metadata"] = metadata
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations == nil {
		annotations = make(map[string]any)
		metadata["annotations"] = annotations
	}
	annotations[markAnnotation] = markOf(key, id)
}

// uidOf returns a live object's UID; empty for none.
func uidOf(live map[string]any) string { return metadataText(live, "uid") }

func versionOf(live map[string]any) string { return metadataText(live, "resourceVersion") }

func metadataText(live map[string]any, field string) string {
	metadata, _ := live["metadata"].(map[string]any)
	text, _ := metadata[field].(string)
	return text
}
