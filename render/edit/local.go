package edit

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// localConfig marks an object that kustomize reads and does not write: the usual
// source of replacements. An object that is written would change with the image,
// which the proof refuses, so it is no place to edit.
const localConfig = "config.kubernetes.io/local-config"

// local adds as candidates what replacements may take an image from: the values of
// objects that are local configuration, where they are a reference or a tag that
// is to change.
func (f *file) local(document *yaml.Node, changing []Reference) {
	annotations := child(child(document, "metadata"), "annotations")
	if text(child(annotations, localConfig)) == "" {
		return
	}
	for i := 0; i+1 < len(document.Content); i += 2 {
		if key := document.Content[i].Value; key != "apiVersion" && key != "kind" && key != "metadata" {
			f.localValues(document.Content[i+1], changing)
		}
	}
}

func (f *file) localValues(node *yaml.Node, changing []Reference) {
	if node.Kind != yaml.ScalarNode {
		for i, below := range node.Content {
			if node.Kind == yaml.SequenceNode || i%2 == 1 { // not the keys
				f.localValues(below, changing)
			}
		}
		return
	}
	if slices.ContainsFunc(f.candidates, func(c *candidate) bool { return c.scalar == node }) {
		return
	}
	before := len(f.candidates)
	for _, image := range changing {
		if len(f.candidates) > before || node.Value != image.String() && node.Value != image.Tag {
			continue
		}
		f.scalar(f.source, node)
		if len(f.candidates) > before {
			f.candidates[before].tag = node.Value != image.String()
		}
	}
}
