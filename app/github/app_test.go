package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/handlers"
)

// testKey is an App's private key, made once for all tests.
var testKey = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
})

var testRepo = handlers.Repository{Installation: 7, Owner: "octo", Name: "shop", DefaultBranch: "main"}

const testCommit = "0123456789abcdef0123456789abcdef01234567"

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// appAt returns an App whose API is a server that mints tokens and hands all else to handle.
func appAt(t *testing.T, handle http.HandlerFunc) *App {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isTokenPath(r.URL.Path) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"token":"ghs_test","expires_at":"2099-01-01T00:00:00Z"}`)
			return
		}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return newApp(t, Settings{API: server.URL + "/api/v3/"})
}

func newApp(t *testing.T, s Settings) *App {
	t.Helper()
	s.AppID, s.PrivateKey, s.WebhookSecret = 42, testKey(), "It's a Secret to Everybody"
	s.Transport = http.DefaultTransport.(*http.Transport).Clone()
	a, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSettings(t *testing.T) {
	for _, tc := range []struct {
		name        string
		settings    Settings
		api, upload string
		clone       string
		wrong       []string
	}{
		{
			name: "github.com", settings: Settings{AppID: 1, PrivateKey: testKey()},
			api: "https://api.github.com/", upload: "https://uploads.github.com/", clone: "https://github.com/octo/shop.git",
		},
		{
			name:     "Enterprise Server",
			settings: Settings{AppID: 1, PrivateKey: testKey(), Web: "https://ghe.example.com/", API: "https://ghe.example.com/api/v3"},
			api:      "https://ghe.example.com/api/v3/", upload: "https://ghe.example.com/api/uploads/", clone: "https://ghe.example.com/octo/shop.git",
		},
		{
			name:     "every problem at once",
			settings: Settings{PrivateKey: []byte("no key"), Web: "github.com", API: "ftp://x/", Upload: "https://u:p@x/"},
			wrong:    []string{"app id", "private key", "web:", "api:", "upload:"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := New(tc.settings)
			if len(tc.wrong) > 0 {
				for _, want := range tc.wrong {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %v does not name %q", err, want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := a.api.String(); got != tc.api {
				t.Errorf("API is %s, want %s", got, tc.api)
			}
			if got := a.upload.String(); got != tc.upload {
				t.Errorf("uploads go to %s, want %s", got, tc.upload)
			}
			if got := a.CloneURL(testRepo); got != tc.clone {
				t.Errorf("clone from %s, want %s", got, tc.clone)
			}
		})
	}
}
