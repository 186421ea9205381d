package render

import (
	"encoding/base64"
	"strings"
)

// sopsValue begins every value that SOPS has encrypted.
const sopsValue = "ENC[AES256_GCM,"

// Encrypted reports whether the object is not itself but what SOPS made of it: it
// has SOPS' own block, or it is a Secret or ConfigMap whose data SOPS encrypted
// before a generator took it up. Only who has the keys can apply it.
func (o Object) Encrypted() bool {
	content := o.open().content
	if block, ok := content["sops"].(map[string]any); ok {
		_, signed := block["mac"].(string)
		return signed
	}
	if o.APIVersion != "v1" || o.ID.Kind != "Secret" && o.ID.Kind != "ConfigMap" {
		return false
	}
	for _, field := range []string{"data", "stringData"} {
		values, _ := content[field].(map[string]any)
		for _, value := range values {
			if text, ok := value.(string); ok && isSops(text, field == "data" && o.ID.Kind == "Secret") {
				return true
			}
		}
	}
	return false
}

// isSops reports whether a value is, or is a file of, what SOPS encrypted.
func isSops(text string, encoded bool) bool {
	if encoded {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return false
		}
		text = string(decoded)
	}
	return IsEncrypted(text)
}

// IsEncrypted reports whether a text is, or is a file of, what SOPS encrypted.
func IsEncrypted(text string) bool {
	return strings.HasPrefix(text, sopsValue) || strings.Contains(text, sopsValue) && strings.Contains(text, "sops")
}
