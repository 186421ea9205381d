package handlers

import (
	"encoding/json"
	"strings"
)

// What a comment of Slipway's binds stands in its second line, unseen: of each
// target, the digest that whoever answers the comment has seen.
const (
	boundBegins = "<!-- slipway:bound "
	boundEnds   = " -->"
)

// bind puts bindings behind a comment's first line, its marker.
func bind(body string, bound map[string]string) string {
	if len(bound) == 0 {
		return body
	}
	content, err := json.Marshal(bound) // sorted by key; escapes < and >, so that it cannot end the comment
	if err != nil {
		panic(err) // of strings
	}
	marker, rest, _ := strings.Cut(body, "\n")
	return marker + "\n" + boundBegins + strings.ReplaceAll(string(content), "--", `-\u002d`) + boundEnds + "\n" + rest
}

// bound reads the bindings of a comment; none where it has none.
func bound(body string) map[string]string {
	_, rest, _ := strings.Cut(body, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	content, ok := strings.CutPrefix(strings.TrimSpace(line), boundBegins)
	if !ok {
		return nil
	}
	var read map[string]string
	if json.Unmarshal([]byte(strings.TrimSuffix(content, boundEnds)), &read) != nil {
		return nil
	}
	return read
}
