package render

// A SensitiveField names a further field to mask, beside the values of Secrets.
type SensitiveField struct {
	// Kind is the object's kind, e.g. ConfigMap.
	Kind string `json:"kind" jsonschema:"required"`
	// Field is a JSON pointer, e.g. /data/password; * stands for any one key or index.
	Field string `json:"field" jsonschema:"required"`
}

// A Masker replaces sensitive values by marks that show, by a keyed hash, only
// whether two values are equal. A nil Masker uses no key and shows no hash.
type Masker struct {
	key       []byte
	sensitive []SensitiveField
}

// NewMasker returns a Masker whose marks are equal where values are equal under
// the same key. Beside Secrets it masks the sensitive fields.
func NewMasker(key []byte, sensitive []SensitiveField) *Masker {
	return &Masker{key: key, sensitive: sensitive}
}

// Mask returns content with every sensitive value replaced by its mark; it shares
// structure with content wherever nothing is masked.
func (m *Masker) Mask(content map[string]any) map[string]any { panic("being built") }
