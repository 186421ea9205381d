package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// summary prints a receipt's objects, one line each.
func summary(r Receipt) string {
	var b strings.Builder
	for _, o := range r.Objects {
		fmt.Fprintf(&b, "%s %s %s %s", o.State, o.Action, o.ID.Kind, o.ID.Name)
		if o.Message != "" {
			b.WriteString(": " + o.Message)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func wantSummary(t testing.TB, r Receipt, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimSpace(summary(r)), "\n")
	if !slices.Equal(got, want) {
		t.Errorf("the receipt has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {value: %q}\n", name, value)
}

func deploymentOf(name, image string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "registry.example/app:%[2]s"}]
`, name, image)
}

// join makes one text of documents.
func join(documents ...string) string { return strings.Join(documents, "\n---\n") }
