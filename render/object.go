package render

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
)

// An ObjectID says which object of a cluster is meant, whatever its version.
type ObjectID struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String prints Kind namespace/name, or Kind name for what has no namespace.
func (id ObjectID) String() string {
	if id.Namespace == "" {
		return id.Kind + " " + id.Name
	}
	return fmt.Sprintf("%s %s/%s", id.Kind, id.Namespace, id.Name)
}

// Compare orders ids by group, kind, namespace and name.
func (id ObjectID) Compare(other ObjectID) int {
	for _, pair := range [][2]string{{id.Group, other.Group}, {id.Kind, other.Kind}, {id.Namespace, other.Namespace}, {id.Name, other.Name}} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}

// An Origin is the place in the tree that an object came from.
type Origin struct {
	File string `json:"file"`           // in the tree
	Line int    `json:"line,omitempty"` // 1-based, of the object's first line; 0 where unknown: see [Locate]
}

// An Object is one Kubernetes object that a target's files produce. Its values
// stay inside: what it prints, marshals and hands out by default is masked.
type Object struct {
	ID         ObjectID
	APIVersion string
	Origin     Origin

	sealed **sealed
}

// sealed is behind a pointer to a pointer, so that printing a struct that has an
// Object in an unexported field, where no method of Object is asked, prints an
// address: fmt follows one pointer for a verb that does not fit, but not two.
type sealed struct {
	content map[string]any
	mask    *Masker
}

func (o Object) open() sealed {
	if o.sealed == nil {
		return sealed{}
	}
	return **o.sealed
}

// NewObject wraps decoded content (the shapes of encoding/json, integers as
// int64). The content must not be changed afterwards. A nil mask masks with an
// unkeyed mark.
func NewObject(content map[string]any, origin Origin, mask *Masker) Object {
	text := func(m map[string]any, key string) string { s, _ := m[key].(string); return s }
	metadata, _ := content["metadata"].(map[string]any)
	apiVersion := text(content, "apiVersion")
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		group = ""
	}
	inside := &sealed{content: content, mask: mask}
	return Object{
		ID:         ObjectID{Group: group, Kind: text(content, "kind"), Namespace: text(metadata, "namespace"), Name: text(metadata, "name")},
		APIVersion: apiVersion,
		Origin:     origin,
		sealed:     &inside,
	}
}

// Masked returns the object with every sensitive value replaced by its mark; nil
// for the zero Object. The result shares structure with the object and must not
// be changed.
func (o Object) Masked() map[string]any {
	if o.sealed == nil {
		return nil
	}
	inside := o.open()
	return inside.mask.Mask(inside.content)
}

// Unmasked returns the object as it would be applied; nil for the zero Object.
// Only what talks to a cluster, or prints for a person who asked for it, may call
// this; the result must not be changed and never be logged.
func (o Object) Unmasked() map[string]any { return o.open().content }

// Masker returns what masks the object, so that what is live under the same id
// can be masked alike. It may be nil, which masks too.
func (o Object) Masker() *Masker { return o.open().mask }

// Equal reports whether both are the same object from the same place with the
// same values.
func (o Object) Equal(other Object) bool {
	return o.ID == other.ID && o.APIVersion == other.APIVersion && o.Origin == other.Origin &&
		reflect.DeepEqual(o.Unmasked(), other.Unmasked())
}

// String prints the object's id, and none of its values.
func (o Object) String() string { return o.ID.String() }

// GoString prints the object's id, and none of its values.
func (o Object) GoString() string { return "render.Object(" + o.ID.String() + ")" }

// Format prints the object's id whatever the verb.
func (o Object) Format(state fmt.State, verb rune) {
	if verb == 'v' && state.Flag('#') {
		_, _ = io.WriteString(state, o.GoString()) // fmt keeps the writer's error itself
		return
	}
	_, _ = io.WriteString(state, o.String())
}

// LogValue logs the object's id, and none of its values.
func (o Object) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalJSON writes the object with its values masked.
func (o Object) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID         ObjectID       `json:"id"`
		APIVersion string         `json:"apiVersion"`
		Origin     Origin         `json:"origin,omitzero"`
		Content    map[string]any `json:"content"`
	}{o.ID, o.APIVersion, o.Origin, o.Masked()})
}
