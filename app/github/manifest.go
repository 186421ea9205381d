package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	gogithub "github.com/google/go-github/v60/github"
)

// Credentials are what GitHub gives for a new App, once.
type Credentials struct {
	AppID         int64
	Slug          string
	Page          string // where the App is installed from
	PrivateKey    string // PEM
	WebhookSecret string
}

// Convert trades the code of the App manifest flow for the new App's
// credentials. It needs no App yet; of settings, only where GitHub is.
func Convert(ctx context.Context, settings Settings, code string) (Credentials, error) {
	api, err := root("api", settings.API, publicAPI)
	if err != nil {
		return Credentials{}, fmt.Errorf("github settings: %w", err)
	}
	base := settings.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	client := gogithub.NewClient(&http.Client{Transport: base, Timeout: callTimeout})
	client.BaseURL, client.UserAgent = api, "slipway"
	config, _, err := client.Apps.CompleteAppManifest(withOperation(ctx, appsCreateFromManifest), url.PathEscape(code))
	if err != nil {
		hidden := errors.New(strings.ReplaceAll(err.Error(), code, "…")) // a code is as good as the key, for an hour
		return Credentials{}, fmt.Errorf("convert the code of a new app: %w", hidden)
	}
	return Credentials{
		AppID: config.GetID(), Slug: config.GetSlug(), Page: config.GetHTMLURL(),
		PrivateKey: config.GetPEM(), WebhookSecret: config.GetWebhookSecret(),
	}, nil
}
