package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// digest returns the hexadecimal SHA-256 of the objects in the order of their
// ids, then of their versions, each as the JSON that encoding/json writes (keys
// sorted, no spaces, <, > and & escaped) and a line feed; and how many bytes that
// were. Values are not masked: another secret is another digest.
func digest(objects []Object) (string, int, error) {
	order := make([]int, len(objects))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(objects[a].ID.Compare(objects[b].ID), strings.Compare(objects[a].APIVersion, objects[b].APIVersion))
	})
	sum, size := sha256.New(), 0
	for _, i := range order {
		asJSON, err := json.Marshal(objects[i].Unmasked())
		if err != nil {
			return "", 0, fmt.Errorf("write %s as JSON: %w", objects[i].ID, err)
		}
		size += len(asJSON)
		sum.Write(append(asJSON, '\n'))
	}
	return hex.EncodeToString(sum.Sum(nil)), size, nil
}
