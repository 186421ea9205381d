package app

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/sandbox"
)

// TestMain lets the service's workers, whose program is this one, be workers.
func TestMain(m *testing.M) {
	sandbox.Intercept()
	m.Run()
}

// testConfig is all that a service needs, and names no data directory.
func testConfig(t *testing.T) Config {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig("", func(name string) string {
		return map[string]string{
			envAppID: "42", envWebhookSecret: "It's a Secret to Everybody",
			envPrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestServiceLeavesNothing starts a service whose operator named no data directory:
// it is ready until it stops, and stopping leaves no directory behind.
func TestServiceLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	c := testConfig(t)
	s, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ready := func() int {
		answer := httptest.NewRecorder()
		s.Internal("v0", time.Now()).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return answer.Code
	}
	if got := ready(); got != http.StatusOK {
		t.Errorf("at work: /readyz answers %d", got)
	}
	if left, _ := os.ReadDir(temp); len(left) != 1 {
		t.Fatalf("the data directory is not below TMPDIR: the test looks at nothing")
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := ready(); got != http.StatusServiceUnavailable {
		t.Errorf("stopped: /readyz answers %d", got)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("stopping left %s", left[0].Name())
	}
}

// A5: without a webhook secret nothing starts.
func TestAttackNoWebhookSecret(t *testing.T) {
	for name, environment := range map[string]map[string]string{
		"none":  {envAppID: "42", envPrivateKey: "k"},
		"empty": {envAppID: "42", envPrivateKey: "k", envWebhookSecret: ""},
	} {
		if _, err := LoadConfig("", func(name string) string { return environment[name] }); err == nil {
			t.Errorf("%s: the configuration was taken", name)
		}
	}
	blank := t.TempDir() + "/secret"
	if err := os.WriteFile(blank, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{GitHub: GitHub{WebhookSecretFile: blank, PrivateKeyFile: blank}}
	if problems := c.secrets(); len(problems) != 2 {
		t.Errorf("files of nothing but blanks: %v", problems)
	}
}
