package inventory

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
)

func example(objects int) *Record {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	deployment := &Deployment{Commit: "0123456789abcdef", Digest: "d", Plan: "p", State: Healthy, Started: at, Ended: at}
	record := &Record{
		Key:      Key{Repository: "acme/shop", Environment: "production", Application: "web"},
		Deployed: deployment, Current: deployment, History: []Deployment{*deployment},
		Words: []Word{{Verb: Confirm, Digest: "0123456789ab", By: "bob", At: at}},
	}
	for i := range objects {
		record.Objects = append(record.Objects, Entry{
			ObjectID: render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprintf("config-%05d", i)}, APIVersion: "v1",
			UID: fmt.Sprintf("00000000-0000-0000-0000-%012d", i),
		})
	}
	return record
}

func TestRecordSurvivesStorage(t *testing.T) {
	want := example(3)
	stored, err := encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written (-) and read (+):\n%s", diff)
	}
	for _, text := range []string{"acme/shop production/web owns 3 objects", "deployed: 0123456, healthy since 2026-05-04 03:02:01Z", "said by bob: confirm 0123456789ab"} {
		if !strings.Contains(stored.Data[summaryKey], text) {
			t.Errorf("the summary\n%s\nis without %q", stored.Data[summaryKey], text)
		}
	}
}

// A ConfigMap takes 1 MiB. UIDs, hashes and reasons are what does not compress.
func TestLargestRecordFits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string {
		text := make([]byte, n)
		for i := range text {
			text[i] = "0123456789abcdef"[random.IntN(16)]
		}
		return string(text)
	}
	record := example(10_000)
	for i := range record.Objects {
		record.Objects[i].Name += "-" + noise(10)
		record.Objects[i].UID = noise(8) + "-" + noise(4) + "-" + noise(4) + "-" + noise(4) + "-" + noise(12)
	}
	for range HistoryLength {
		failed := Deployment{Commit: render.Commit(noise(40)), Digest: noise(64), Plan: noise(64), State: Failed, Reason: noise(ReasonLength)}
		record.History = append(record.History, failed)
		record.Current = &failed
	}
	stored, err := encode(record)
	if err != nil {
		t.Fatal(err)
	}
	size := len(stored.BinaryData[recordKey])
	for _, text := range stored.Data {
		size += len(text)
	}
	if size > 768<<10 {
		t.Errorf("10,000 objects and the longest history take %d bytes", size)
	}
}

// What a newer version wrote is not cut down to what this one knows.
func TestUnknownFieldsAreAProblem(t *testing.T) {
	stored, err := encode(example(1))
	if err != nil {
		t.Fatal(err)
	}
	newer := `{"repository":"acme/shop","environment":"production","objects":[],"frozen":true}`
	stored.BinaryData[recordKey] = pack(t, newer)
	stored.Data[digestKey] = digestOf([]byte(newer))
	var problem *render.Problem
	if _, err := decode(stored); !errors.As(err, &problem) || !strings.Contains(problem.Message, "frozen") {
		t.Errorf("read as %v", err)
	}
}

func TestNamesOfTargetsDiffer(t *testing.T) {
	seen := make(map[string]Key)
	for _, key := range []Key{
		{"acme/shop", "production", "web"}, {"acme/shop", "production", ""}, {"acme/shop", "productionweb", ""},
		{"acme/shop2", "production", "web"}, {"acme/shop", "staging", "web"}, {"acme/shopproduction", "", "web"},
	} {
		if other, taken := seen[key.Name()]; taken {
			t.Errorf("%v and %v are both called %s", key, other, key.Name())
		}
		seen[key.Name()] = key
	}
}

func pack(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
