package render

// A Rendered is the Kubernetes objects of one target at one tree.
type Rendered struct {
	Target Target
	// Objects are in a fixed order: that in which the source wrote them.
	Objects []Object
	// Digest is the hexadecimal SHA-256 of the objects' canonical JSON in the
	// order of their ids: equal digests mean equal objects.
	Digest string
	// Reads is complete even when Problem is set, so that a mended file is
	// noticed.
	Reads Reads
	// Problem says why there are no objects; nil when rendering went well.
	Problem *Problem
	// Warnings are what the engine had to say that stops nothing, e.g. deprecated fields.
	Warnings []string
}
