package clusters

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/preview"
)

// A process that was replaced while it was paused reads, and writes nothing more, as
// itself or as a repository's service account.
func TestWritesAskWhetherTheJobIsHeld(t *testing.T) {
	var methods []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"b"}}`))
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"one": {Server: server.URL}},
		Contexts: map[string]*clientcmdapi.Context{"one": {Cluster: "one"}}, CurrentContext: "one",
	}, file); err != nil {
		t.Fatal(err)
	}
	registry := New(map[string]Registration{"one": {Kubeconfig: file}}, preview.ClusterOptions{}, deploy.Options{})
	opened, err := registry.connect("one", "system:serviceaccount:b:deployer", preview.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	held := true
	ctx := handlers.WithHolding(t.Context(), func() error {
		if !held {
			return handlers.ErrFenced
		}
		return nil
	})
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "namespace": "b"}}}
	for name, config := range map[string]*rest.Config{"itself": opened.own, "the account": opened.account} {
		client, err := dynamic.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		objects := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("b")
		for _, held = range []bool{true, false} {
			methods = nil
			_, reading := objects.Get(ctx, "a", metav1.GetOptions{})
			_, creating := objects.Create(ctx, object, metav1.CreateOptions{})
			deleting := objects.Delete(ctx, "a", metav1.DeleteOptions{})
			if reading != nil || errors.Is(creating, handlers.ErrFenced) == held || errors.Is(deleting, handlers.ErrFenced) == held || (len(methods) == 3) != held {
				t.Errorf("%s, held %t: %v, %v, %v; the server got %q", name, held, reading, creating, deleting, methods)
			}
		}
	}
}
