package preview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"

	"github.com/slipwayhq/slipway/render"
)

// A shape is what can be known of an object about which the API server cannot be
// asked yet: whether it fits the schema that the cluster publishes of its kind, or
// that of the CRD which comes in the same change. It is the API server's own code
// that compares, but admission and what no schema says are not in it.
type shape struct {
	types  managedfields.TypeConverter
	models map[string]*spec.Schema // of the cluster, by name
	custom *spec.Schema            // of a CRD's version; nil for what the cluster serves
}

// misfit says how an object breaks a schema, and what else a reader should know.
type misfit struct {
	broken  string   // empty where it fits
	missing []string // fields that the schema asks for; the API server may have defaults
}

// shapes remembers the published schemas of a cluster, by group and version.
type shapes struct {
	mu        sync.Mutex
	published map[schema.GroupVersion]*publishedShape
}

type publishedShape struct {
	once  sync.Once
	at    time.Time
	shape *shape
	err   error
}

// shapeAge is how old schemas may be in which a kind is missing that is served: they
// are published a moment after their CRD.
const shapeAge = 5 * time.Second

// of returns the schemas of a kind's group and version; an error means that nobody
// can say now.
func (s *shapes) of(gvk schema.GroupVersionKind, read func() ([]byte, error)) (*shape, error) {
	found, at, err := s.known(gvk.GroupVersion(), kindsAge, read)
	if err == nil && found.model(gvk) == nil && time.Since(at) > shapeAge {
		found, _, err = s.known(gvk.GroupVersion(), shapeAge, read)
	}
	return found, err
}

// known returns the schemas of a group and version that are at hand, or reads them
// where those are older than age.
func (s *shapes) known(gv schema.GroupVersion, age time.Duration, read func() ([]byte, error)) (*shape, time.Time, error) {
	s.mu.Lock()
	if s.published == nil {
		s.published = make(map[schema.GroupVersion]*publishedShape)
	}
	published := s.published[gv]
	if published == nil || time.Since(published.at) > age {
		published = &publishedShape{at: time.Now()}
		s.published[gv] = published
	}
	s.mu.Unlock()
	published.once.Do(func() {
		var document []byte
		if document, published.err = read(); published.err == nil {
			published.shape, published.err = parseShape(document)
		}
	})
	if published.err != nil {
		s.mu.Lock()
		if s.published[gv] == published {
			delete(s.published, gv) // the next one asks again
		}
		s.mu.Unlock()
	}
	return published.shape, published.at, published.err
}

func parseShape(document []byte) (*shape, error) {
	var parsed struct {
		Components struct {
			Schemas map[string]*spec.Schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &parsed); err != nil {
		return nil, fmt.Errorf("read published schema: %w", err)
	}
	types, err := managedfields.NewTypeConverter(parsed.Components.Schemas, false)
	if err != nil {
		return nil, fmt.Errorf("read published schema: %w", err)
	}
	return &shape{types: types, models: parsed.Components.Schemas}, nil
}

// publishedShape returns the schemas that the cluster publishes of a kind and others
// of its group and version.
func (c *Cluster) publishedShape(ctx context.Context, gvk schema.GroupVersionKind) (*shape, error) {
	gv := gvk.GroupVersion()
	return c.shapes.of(gvk, func() ([]byte, error) {
		path := []string{"/openapi/v3/apis", gv.Group, gv.Version}
		if gv.Group == "" {
			path = []string{"/openapi/v3/api", gv.Version}
		}
		return c.discovery.RESTClient().Get().AbsPath(path...).Do(ctx).Raw()
	})
}

// errNoVersion says that a CRD does not have the version of an object.
var errNoVersion = errors.New("no such version")

// crdShape returns the schema of one version that a CRD in Git has; nil where it
// says nothing of it.
func crdShape(crd *render.Object, gvk schema.GroupVersionKind) (*shape, error) {
	content, err := json.Marshal(crd.Unmasked())
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", crd.ID, err)
	}
	var parsed struct {
		Spec struct {
			Versions []struct {
				Name   string `json:"name"`
				Served bool   `json:"served"`
				Schema struct {
					Root *spec.Schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(content, &parsed); err != nil {
		return nil, nil // the API server says what is wrong with the CRD itself
	}
	for _, version := range parsed.Spec.Versions {
		if version.Name != gvk.Version || !version.Served {
			continue
		}
		if version.Schema.Root == nil {
			return nil, nil
		}
		return customShape(version.Schema.Root, gvk)
	}
	return nil, errNoVersion
}

func customShape(root *spec.Schema, gvk schema.GroupVersionKind) (*shape, error) {
	whole := *root
	whole.Properties = make(map[string]spec.Schema, len(root.Properties)+3)
	for name, property := range root.Properties {
		whole.Properties[name] = property
	}
	whole.Properties["apiVersion"], whole.Properties["kind"] = *spec.StringProperty(), *spec.StringProperty()
	anything := spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}}}
	anything.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	whole.Properties["metadata"] = anything
	whole.Extensions = spec.Extensions{}
	for name, value := range root.Extensions {
		whole.Extensions[name] = value
	}
	whole.AddExtension("x-kubernetes-group-version-kind", []any{
		map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind},
	})
	types, err := managedfields.NewTypeConverter(map[string]*spec.Schema{"custom": &whole}, false)
	if err != nil {
		return nil, nil // as above: not a schema that the API server takes
	}
	return &shape{types: types, custom: root}, nil
}

// check holds an object against the schema. What the schema's author did so wrong
// that it cannot be used counts for nothing.
func (s *shape) check(content map[string]any) (m misfit) {
	defer func() {
		if recover() != nil { // what validates says so where a schema is no good
			m = misfit{}
		}
	}()
	object := &unstructured.Unstructured{Object: clone(content).(map[string]any)}
	if _, err := s.types.ObjectToTyped(object); err != nil {
		if strings.Contains(err.Error(), "no corresponding type") {
			return misfit{}
		}
		return misfit{broken: strings.TrimSpace(err.Error())}
	}
	if s.custom != nil {
		fillDefaults(s.custom, object.Object)
		if err := validate.AgainstSchema(s.custom, object.Object, strfmt.Default); err != nil {
			text := strings.TrimPrefix(err.Error(), "validation failure list:\n")
			return misfit{broken: strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")}
		}
		return misfit{}
	}
	if model := s.model(object.GroupVersionKind()); model != nil {
		s.required(model, object.Object, "", &m.missing)
	}
	return m
}

// fillDefaults puts a schema's defaults where the API server does: into what is
// there already.
func fillDefaults(schema *spec.Schema, value any) {
	switch typed := value.(type) {
	case map[string]any:
		for name := range schema.Properties {
			property := schema.Properties[name]
			if _, set := typed[name]; !set && property.Default != nil {
				typed[name] = clone(property.Default)
			}
			if inner, set := typed[name]; set {
				fillDefaults(&property, inner)
			}
		}
		if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
			for _, inner := range typed {
				fillDefaults(schema.AdditionalProperties.Schema, inner)
			}
		}
	case []any:
		if schema.Items != nil && schema.Items.Schema != nil {
			for _, inner := range typed {
				fillDefaults(schema.Items.Schema, inner)
			}
		}
	}
}
