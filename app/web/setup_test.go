package web

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway"
)

// set up starts a set-up in an empty directory and returns it with its token.
func setUp(t *testing.T) (*Setup, string) {
	t.Helper()
	s := &Setup{
		Manifest: slipway.Manifest, PublicURL: "https://slipway.example.com/", GitHub: "https://github.com",
		Directory: filepath.Join(t.TempDir(), "app"), Log: quiet(),
		Convert: func(_ context.Context, code string) (Credentials, error) {
			if code != "goodcode" {
				return Credentials{}, errors.New("no such code")
			}
			return Credentials{AppID: 42, Page: "https://github.com/apps/slipway", PrivateKey: "KEY", WebhookSecret: "hush"}, nil
		},
	}
	address, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host != "slipway.example.com" || u.Path != "/setup" || len(u.Query().Get("token")) < 20 {
		t.Fatalf("address %q: %v", address, err)
	}
	return s, u.Query().Get("token")
}

var (
	formAction   = regexp.MustCompile(`<form action="([^"]*)" method="post">`)
	formManifest = regexp.MustCompile(`name="manifest" value="([^"]*)"`)
)

// open shows the form and returns where it posts to, and its state.
func open(t *testing.T, s *Setup, query string) (action, state string, manifest map[string]any) {
	t.Helper()
	status, body := get(t, s, "/setup?"+query)
	if status != 200 {
		t.Fatalf("form: answered %d %q", status, body)
	}
	action = html.UnescapeString(formAction.FindStringSubmatch(body)[1])
	u, err := url.Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(formManifest.FindStringSubmatch(body)[1])), &manifest); err != nil {
		t.Fatal(err)
	}
	return action, u.Query().Get("state"), manifest
}

func TestSetup(t *testing.T) {
	s, token := setUp(t)
	action, state, manifest := open(t, s, "token="+token)
	if want := "https://github.com/settings/apps/new?state=" + state; action != want {
		t.Errorf("posts to %q, want %q", action, want)
	}
	hook := manifest["hook_attributes"].(map[string]any)
	if hook["url"] != "https://slipway.example.com/webhook" || manifest["redirect_url"] != "https://slipway.example.com/setup/done" {
		t.Errorf("manifest points to %v and %v", hook["url"], manifest["redirect_url"])
	}
	if permissions := manifest["default_permissions"].(map[string]any); permissions["checks"] != "write" {
		t.Errorf("permissions %v", permissions)
	}

	status, body := get(t, s, "/setup/done?code=goodcode&state="+state)
	if status != 200 || !strings.Contains(body, "https://github.com/apps/slipway") {
		t.Fatalf("done: answered %d %q", status, body)
	}
	if strings.Contains(body, "KEY") || strings.Contains(body, "hush") {
		t.Error("the page shows a secret")
	}
	for name, want := range map[string]string{AppIDFile: "42\n", PrivateKeyFile: "KEY", WebhookSecretFile: "hush\n"} {
		path := filepath.Join(s.Directory, name)
		content, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(content) != want || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %q, %v, %v", name, content, err, info.Mode())
		}
	}

	select {
	case <-s.Done():
	default:
		t.Error("it does not say that it is done")
	}
	for _, path := range []string{"/setup?token=" + token, "/setup/done?code=goodcode&state=" + state} {
		if status, _ := get(t, s, path); status != 404 {
			t.Errorf("%s after it is done: %d, want 404", path, status)
		}
	}
	if _, err := s.Start(); err == nil {
		t.Error("set-up starts over credentials that are there")
	}
}

func TestSetupForAnOrganization(t *testing.T) {
	s, token := setUp(t)
	action, _, _ := open(t, s, "organization=octo&token="+token)
	if !strings.HasPrefix(action, "https://github.com/organizations/octo/settings/apps/new?state=") {
		t.Errorf("posts to %q", action)
	}
	if status, _ := get(t, s, "/setup?organization=../x&token="+token); status != 400 {
		t.Errorf("a path for an organisation: %d, want 400", status)
	}
}

// Whoever lacks the token, or answers a form that was not shown, gets nowhere
// and leaves no file behind.
func TestAttackSetup(t *testing.T) {
	for _, tc := range []struct {
		name string
		try  func(*testing.T, *Setup, string) int
		want int
	}{
		{"no token", func(t *testing.T, s *Setup, _ string) int { status, _ := get(t, s, "/setup"); return status }, 404},
		{"a wrong token", func(t *testing.T, s *Setup, _ string) int {
			status, _ := get(t, s, "/setup?token=x")
			return status
		}, 404},
		{"a code before any form", func(t *testing.T, s *Setup, _ string) int {
			status, _ := get(t, s, "/setup/done?code=goodcode&state=")
			return status
		}, 403},
		{"another state", func(t *testing.T, s *Setup, token string) int {
			open(t, s, "token="+token)
			status, _ := get(t, s, "/setup/done?code=goodcode&state=x")
			return status
		}, 403},
		{"a state used twice", func(t *testing.T, s *Setup, token string) int {
			_, state, _ := open(t, s, "token="+token)
			get(t, s, "/setup/done?code=badcode&state="+state)
			status, _ := get(t, s, "/setup/done?code=goodcode&state="+state)
			return status
		}, 403},
		{"the state of an older form", func(t *testing.T, s *Setup, token string) int {
			_, state, _ := open(t, s, "token="+token)
			open(t, s, "token="+token)
			status, _ := get(t, s, "/setup/done?code=goodcode&state="+state)
			return status
		}, 403},
		{"a path for a code", func(t *testing.T, s *Setup, token string) int {
			_, state, _ := open(t, s, "token="+token)
			status, _ := get(t, s, "/setup/done?code=..%2Fx&state="+state)
			return status
		}, 400},
		{"a code that GitHub does not know", func(t *testing.T, s *Setup, token string) int {
			_, state, _ := open(t, s, "token="+token)
			status, _ := get(t, s, "/setup/done?code=badcode&state="+state)
			return status
		}, 502},
		{"after an hour", func(t *testing.T, s *Setup, token string) int {
			s.Now = func() time.Time { return time.Now().Add(setupFor + time.Minute) }
			status, _ := get(t, s, "/setup?token="+token)
			return status
		}, 404},
		{"not a GET", func(t *testing.T, s *Setup, token string) int {
			recorder := httptest.NewRecorder()
			s.ServeHTTP(recorder, httptest.NewRequest("POST", "/setup?token="+token, nil))
			return recorder.Code
		}, 405},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, token := setUp(t)
			if got := tc.try(t, s, token); got != tc.want {
				t.Errorf("answered %d, want %d", got, tc.want)
			}
			if _, err := os.Stat(s.Directory); !errors.Is(err, os.ErrNotExist) {
				t.Error("something was written")
			}
		})
	}
}

// A set-up that was never started serves nothing, not even to an empty token.
func TestSetupThatWasNotStarted(t *testing.T) {
	s := &Setup{Log: quiet()}
	if status, _ := get(t, s, "/setup?token="); status != 404 {
		t.Errorf("answered %d, want 404", status)
	}
}

// Files that exist are never written over.
func TestSetupKeepsFiles(t *testing.T) {
	s, token := setUp(t)
	_, state, _ := open(t, s, "token="+token)
	if err := os.MkdirAll(s.Directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Directory, WebhookSecretFile), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, s, "/setup/done?code=goodcode&state="+state); status != 500 {
		t.Errorf("answered %d, want 500", status)
	}
	if content, _ := os.ReadFile(filepath.Join(s.Directory, WebhookSecretFile)); string(content) != "mine" {
		t.Errorf("the file now says %q", content)
	}
}
