package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/palantir/go-githubapp/githubapp"

	"github.com/slipwayhq/slipway/handlers"
)

const (
	// payloadBytes is GitHub's own cap: a larger event is not delivered.
	payloadBytes = 25 << 20
	// payloadUsual is what any sender may make the service hold before the
	// signature is known; beyond it, only payloadsLarge requests at a time.
	payloadUsual  = 1 << 20
	payloadsLarge = 4
)

// Take keeps an event until it is worked, before its delivery is answered. An
// error means that it was not kept: GitHub is told 503 and shows the delivery as
// failed. Delivery is GitHub's GUID, the same for a redelivery.
type Take func(ctx context.Context, delivery string, event handlers.Event) error

// A Webhook is the route that GitHub delivers to. What it answers:
//
//	202  kept, or of no interest here
//	400  no event, no delivery id, or a payload that is not what GitHub sends
//	401  no SHA-256 signature with the secret
//	405  not a POST
//	413  more than 25 MB
//	415  not plain JSON: a form, or compressed
//	503  not kept; deliver again
type Webhook struct {
	app        *App
	dispatcher http.Handler
	large      chan struct{}
	log        *slog.Logger
	deliveries *deliveries
}

// Webhook returns the route. It fails without a webhook secret, because anybody
// could then speak for GitHub.
func (a *App) Webhook(take Take, log *slog.Logger) (*Webhook, error) {
	if a.secret == "" {
		return nil, errors.New("webhook: the secret is empty; set the one that the GitHub App has")
	}
	w := &Webhook{app: a, large: make(chan struct{}, payloadsLarge), log: log, deliveries: newDeliveries(a.now)}
	scheduler := &Scheduler{app: a, take: take, deliveries: w.deliveries}
	w.dispatcher = githubapp.NewEventDispatcher(
		[]githubapp.EventHandler{subscribed{}}, a.secret,
		githubapp.WithScheduler(scheduler),
		githubapp.WithErrorCallback(w.failed),
		githubapp.WithResponseCallback(w.answered),
	)
	return w, nil
}

// Recent returns the newest deliveries, newest first.
func (w *Webhook) Recent() []Delivery { return w.deliveries.recent() }

// ServeHTTP implements [http.Handler]. It checks all that go-github does not
// (it would take SHA-1, forms and bodies without end), then dispatches.
func (w *Webhook) ServeHTTP(response http.ResponseWriter, r *http.Request) {
	payload, status := w.verify(response, r)
	if status != 0 {
		http.Error(response, http.StatusText(status), status)
		w.log.WarnContext(r.Context(), "delivery refused", "status", status,
			"delivery", clean(r.Header.Get("X-GitHub-Delivery")), "event", clean(r.Header.Get("X-GitHub-Event")))
		return
	}
	r = r.WithContext(withZerolog(r.Context(), w.log))
	r.Header.Set("Content-Type", "application/json") // without parameters, which go-githubapp would refuse
	r.Body = io.NopCloser(bytes.NewReader(payload))
	w.dispatcher.ServeHTTP(response, r)
}

// verify returns the payload, or the status to refuse the request with.
func (w *Webhook) verify(response http.ResponseWriter, r *http.Request) ([]byte, int) {
	if r.Method != http.MethodPost {
		response.Header().Set("Allow", http.MethodPost)
		return nil, http.StatusMethodNotAllowed
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, http.StatusUnsupportedMediaType
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, http.StatusUnsupportedMediaType
	}
	if !plain(r.Header.Get("X-GitHub-Delivery")) || !plain(r.Header.Get("X-GitHub-Event")) {
		return nil, http.StatusBadRequest
	}
	signature, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=")
	want, err := hex.DecodeString(signature)
	if !ok || err != nil || len(want) != sha256.Size {
		return nil, http.StatusUnauthorized
	}
	payload, status := w.read(response, r)
	if status != 0 {
		return nil, status
	}
	mac := hmac.New(sha256.New, []byte(w.app.secret))
	mac.Write(payload)
	if !hmac.Equal(mac.Sum(nil), want) {
		return nil, http.StatusUnauthorized
	}
	return payload, 0
}

// read reads the body. Nothing is known of the sender yet, so few may send much.
func (w *Webhook) read(response http.ResponseWriter, r *http.Request) ([]byte, int) {
	if r.ContentLength > payloadBytes {
		return nil, http.StatusRequestEntityTooLarge
	}
	body := http.MaxBytesReader(response, r.Body, payloadBytes)
	var payload bytes.Buffer
	n, err := io.CopyN(&payload, body, payloadUsual)
	if err == nil && n == payloadUsual {
		select {
		case w.large <- struct{}{}:
			defer func() { <-w.large }()
		default:
			return nil, http.StatusServiceUnavailable
		}
		_, err = payload.ReadFrom(body)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge
	case err != nil && !errors.Is(err, io.EOF):
		return nil, http.StatusBadRequest
	}
	return payload.Bytes(), 0
}

// failed answers a delivery that go-githubapp or the scheduler refused.
func (w *Webhook) failed(response http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusServiceUnavailable
	var invalid githubapp.ValidationError
	if errors.As(err, &invalid) || errors.Is(err, ErrMalformed) {
		status = http.StatusBadRequest
	}
	w.log.ErrorContext(r.Context(), "delivery not taken", "status", status,
		"delivery", r.Header.Get("X-GitHub-Delivery"), "event", r.Header.Get("X-GitHub-Event"), "error", Redact(err.Error()))
	http.Error(response, http.StatusText(status), status)
}

func (w *Webhook) answered(response http.ResponseWriter, _ *http.Request, _ string, _ bool) {
	response.WriteHeader(http.StatusAccepted)
}

// plain reports whether a header is there and printable: it goes to logs and pages.
func plain(value string) bool { return value != "" && value == clean(value) }

// clean makes a header of an unknown sender fit to be logged.
func clean(value string) string {
	value = value[:min(len(value), 100)]
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, value)
}
