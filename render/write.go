package render

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"
)

// Write writes the objects of a rendered as YAML documents, in their order, keys
// sorted: equal rendereds give equal bytes. Sensitive values are written as marks
// unless unmasked is set, which only a person may ask for.
func Write(w io.Writer, rendered *Rendered, unmasked bool) error {
	for i, object := range rendered.Objects {
		content := object.Masked()
		if unmasked {
			content = object.Unmasked()
		}
		document, err := yaml.Marshal(content)
		if err != nil {
			return fmt.Errorf("write %s as YAML: %w", object.ID, err)
		}
		if i > 0 {
			document = append([]byte("---\n"), document...)
		}
		if _, err := w.Write(document); err != nil {
			return fmt.Errorf("write %s: %w", object.ID, err)
		}
	}
	return nil
}
