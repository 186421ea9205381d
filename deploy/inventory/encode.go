package inventory

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipwayhq/slipway/render"
)

// The keys of a record's ConfigMap.
const (
	recordKey  = "record.json.gz" // binaryData: what counts
	digestKey  = "digest"         // data: SHA-256 of the JSON, so that an edit is noticed
	summaryKey = "summary"        // data: for people, and never read
)

// maxRecord bounds how much JSON one record may unfold to.
const maxRecord = 64 << 20

func repositoryValue(repository string) string {
	sum := sha256.Sum256([]byte(repository))
	return hex.EncodeToString(sum[:16])
}

// encode makes the ConfigMap of a record; equal records give equal ones.
func encode(record *Record) (*corev1.ConfigMap, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode record of %s: %w", record.Key, err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("compress record of %s: %w", record.Key, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress record of %s: %w", record.Key, err)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: record.Name(), Namespace: Namespace,
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "slipway",
				repositoryLabel:                repositoryValue(record.Repository),
			},
		},
		Data:       map[string]string{digestKey: digestOf(text), summaryKey: summary(record)},
		BinaryData: map[string][]byte{recordKey: packed.Bytes()},
	}, nil
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// decode reads a record. What is not just as it was written is a *[render.Problem]: a record
// that cannot be trusted is never taken for an empty one.
func decode(stored *corev1.ConfigMap) (*Record, error) {
	r, err := gzip.NewReader(bytes.NewReader(stored.BinaryData[recordKey]))
	if err != nil {
		return nil, broken(stored, err.Error())
	}
	text, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	switch {
	case err != nil:
		return nil, broken(stored, err.Error())
	case len(text) > maxRecord:
		return nil, broken(stored, "it is too large")
	case digestOf(text) != stored.Data[digestKey]:
		return nil, broken(stored, "its digest is not that of its content: it was edited by hand")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields() // written by a newer Slipway: not to be cut down
	var record Record
	if err := decoder.Decode(&record); err != nil {
		return nil, broken(stored, err.Error())
	}
	return &record, nil
}

func broken(stored *corev1.ConfigMap, why string) *render.Problem {
	return &render.Problem{
		Message: fmt.Sprintf("the record ConfigMap %s/%s cannot be read: %s", stored.Namespace, stored.Name, why),
		Hint: "put it back as it was or, if it is lost, delete it: the next apply finds its objects again by their marks, " +
			"and deletes none of those that are gone from Git",
	}
}

// summary is what a person reads with kubectl describe.
func summary(record *Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s owns %d objects\n", record.Key, len(record.Objects))
	if d := record.Deployed; d != nil {
		fmt.Fprintf(&b, "deployed: %s, healthy since %s\n", d.Commit.Short(), d.Ended.Format("2006-01-02 15:04:05Z"))
	}
	if d := record.Current; d != nil {
		fmt.Fprintf(&b, "current: %s, %s\n", d.Commit.Short(), d.State)
		if d.Reason != "" {
			fmt.Fprintf(&b, "  %s\n", d.Reason)
		}
	}
	for _, word := range record.Words {
		fmt.Fprintf(&b, "said by %s: %s %s\n", word.By, word.Verb, word.Digest)
	}
	return b.String()
}
