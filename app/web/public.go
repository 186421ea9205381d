package web

import (
	"embed"
	"html/template"
	"net/http"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// Public is what everybody may reach.
type Public struct {
	// Webhook takes GitHub's deliveries at WebhookPath, which begins with a slash
	// ("/webhook" where empty).
	Webhook     http.Handler
	WebhookPath string
	// Schema is the JSON Schema of .slipway.yaml.
	Schema []byte
	// AppURL is the GitHub App's page, where it is installed from; may be empty.
	AppURL string
	// Setup is the set-up page, nil where there is nothing to set up.
	Setup http.Handler
}

// Handler returns the public routes.
func (p Public) Handler() http.Handler {
	mux := http.NewServeMux()
	if p.Webhook != nil {
		path := p.WebhookPath
		if path == "" {
			path = "/webhook"
		}
		mux.Handle(path, p.Webhook)
	}
	if len(p.Schema) > 0 {
		mux.HandleFunc("GET /schema/slipway.json", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/schema+json")
			w.Header().Set("Access-Control-Allow-Origin", "*") // editors in a browser read it, too
			w.Header().Set("Cache-Control", "public, max-age=300")
			_, _ = w.Write(p.Schema)
		})
	}
	if p.Setup != nil {
		mux.Handle("/setup", p.Setup)
		mux.Handle("/setup/", p.Setup)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		show(w, http.StatusOK, "landing.html", struct {
			AppURL string
			Schema bool
		}{p.AppURL, len(p.Schema) > 0})
	})
	return mux
}

// show writes a page. Nothing on a page comes from another host or runs a script.
func show(w http.ResponseWriter, status int, name string, data any) {
	showWith(w, status, name, data, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'")
}

func showWith(w http.ResponseWriter, status int, name string, data any, policy string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // the reader has gone, or the test of the page has failed
}
