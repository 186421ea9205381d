package report

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

// markerWord returns s as one word of a marker, in ASCII: what could end a marker,
// or a word of it, is written as URLs write it; of what is very long, the beginning
// and a digest.
func markerWord(s string) string {
	const longest = 255 // of a name in a tree
	if len(s) > longest {
		s = fmt.Sprintf("%s~%x", s[:60], sha256.Sum256([]byte(s)))
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._/", c) >= 0 ||
			c == '-' && i > 0 && s[i-1] != '-' && i < len(s)-1
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

var driftMarker = regexp.MustCompile(`^<!-- slipway:drift \S+ ([0-9a-f]{16}) -->`)

// DriftDigest returns the digest in the marker of a drift issue's body, and whether
// there is one.
func DriftDigest(body string) (digest string, ok bool) {
	match := driftMarker.FindStringSubmatch(body)
	if match == nil {
		return "", false
	}
	return match[1], true
}
