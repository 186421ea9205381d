package preview

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

func TestNoWriteLeavesTheProcess(t *testing.T) {
	var arrived atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	client := &http.Client{Transport: guard(newAdaptiveLimit(), new(atomic.Int64), new(Contact))(http.DefaultTransport)}
	for _, test := range []struct {
		method, path, body string
		leaves             bool
	}{
		{"GET", "/api/v1/pods", "", true},
		{"GET", "/api/v1/namespaces/a/pods/p/log", "", true},
		{"GET", "/api/v1/namespaces/a/pods/p/exec?command=rm", "", false},
		{"GET", "/api/v1/namespaces/a/services/s/proxy/delete", "", false},
		{"HEAD", "/api", "", true},
		{"PATCH", "/api/v1/x?dryRun=All", "{}", true},
		{"PATCH", "/api/v1/x?dryRun=All&force=true", "{}", true},
		{"PATCH", "/api/v1/x", "{}", false},
		{"PATCH", "/api/v1/x?dryRun=", "{}", false},
		{"PATCH", "/api/v1/x?dryRun=None", "{}", false},
		{"PATCH", "/api/v1/x?dryRun=All&dryRun=None", "{}", false},
		{"PATCH", "/api/v1/x?dryrun=All", "{}", false},
		{"POST", "/api/v1/x?dryRun=All", "{}", true},
		{"POST", "/api/v1/x", "{}", false},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "{}", false},
		{"PUT", "/api/v1/x?dryRun=All", "{}", true},
		{"PUT", "/api/v1/x", "{}", false},
		{"DELETE", "/api/v1/x?dryRun=All", "", true},
		{"DELETE", "/api/v1/x", "", false},
		{"DELETE", "/api/v1/x", `{"dryRun":["All"]}`, true},
		{"DELETE", "/api/v1/x?dryRun=All", `{"propagationPolicy":"Foreground"}`, false}, // the body overrides the query
		{"DELETE", "/api/v1/x?dryRun=All", "k8s\x00protobuf", false},
		{"CONNECT", "/api/v1/x?dryRun=All", "", false},
		{"PURGE", "/api/v1/x?dryRun=All", "", false},
	} {
		t.Run(test.method+" "+test.path+" "+test.body, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			before := arrived.Load()
			response, err := client.Do(request)
			if err == nil {
				_ = response.Body.Close()
			}
			if left := arrived.Load() > before; left != test.leaves || left == errors.Is(err, errWouldWrite) {
				t.Errorf("left: %v, want %v; error: %v", left, test.leaves, err)
			}
		})
	}
}

// TestTheClientsCannotWrite goes through the clients that a Cluster really has.
func TestTheClientsCannotWrite(t *testing.T) {
	b := newBed(t)
	b.apply("slipway", configuration)
	resource := b.preview.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(b.namespace)
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "x"}}}
	_, created := resource.Create(t.Context(), object, metav1.CreateOptions{})
	_, patched := resource.Patch(t.Context(), "settings", types.MergePatchType, []byte(`{"data":{"colour":"red"}}`), metav1.PatchOptions{})
	for name, err := range map[string]error{
		"create": created, "patch": patched,
		"delete":            resource.Delete(t.Context(), "settings", metav1.DeleteOptions{}),
		"delete collection": resource.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}),
	} {
		if !errors.Is(err, errWouldWrite) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, b.plan(configuration, configuration), "\nnone ConfigMap settings\n")
}

func TestRateLimitsGoWithPriorityAndFairness(t *testing.T) {
	for _, test := range []struct {
		name   string
		header string
		lifted bool
	}{{"with", "uid", true}, {"without", "", false}} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					w.Header().Set("X-Kubernetes-PF-FlowSchema-UID", test.header)
				}
				_, _ = io.WriteString(w, "{}")
			}))
			defer server.Close()
			limit := newAdaptiveLimit()
			config := &rest.Config{Host: server.URL}
			config.Wrap(guard(limit, new(atomic.Int64), new(Contact)))
			client, err := rest.HTTPClientFor(config)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Get(server.URL + "/version")
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			accepted := 0
			for accepted < 1000 && limit.TryAccept() {
				accepted++
			}
			if lifted := accepted == 1000; lifted != test.lifted {
				t.Errorf("%d requests went at once", accepted)
			}
		})
	}
}
