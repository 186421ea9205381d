package report

import (
	"time"

	"github.com/slipwayhq/slipway/render"
)

// A PromotionReport is what a promotion's pull request says.
type PromotionReport struct {
	From, To render.Environment
	// Application is whose pull request this is; empty for one that carries
	// whatever the environments have.
	Application render.Application
	// Carried are the applications of which something changes, sorted.
	Carried []CarriedApplication
	// AskedBy is the login of who asked, who counts as the author; AskedAt is the
	// comment's page, empty for a promotion from a terminal.
	AskedBy, AskedAt string
	// RepositoryURL is the repository's page, e.g. https://github.com/acme/shop;
	// without it there are no links to commits.
	RepositoryURL string
}

// A CarriedApplication is what a promotion changes of one application.
type CarriedApplication struct {
	Application render.Application
	Commit      render.Commit // what is deployed at the source
	// HealthySince is when that became healthy there (UTC); zero where the
	// promotion does not ask for it.
	HealthySince time.Time
	Images       []CarriedImage
	Files        []string // that are edited, sorted
	// NotCarried are other differences between the two environments that stay,
	// as fields of objects, sorted.
	NotCarried []string
}

// A CarriedImage is one image before and after.
type CarriedImage struct {
	Containers []string // Deployment web-app: container web
	Old, New   string   // whole references: ghcr.io/acme/web:1.4.1@sha256:…
}

// PromotionMarker returns the first line of the pull request's body, in ASCII. No
// application stands for the pull request of all.
func PromotionMarker(from, to render.Environment, application render.Application) string {
	word := "*"
	if application != "" {
		word = markerWord(string(application))
	}
	return "<!-- slipway:promotion " + markerWord(string(from)) + "->" + markerWord(string(to)) + " " + word + " -->"
}

// Promotion returns title and body of a promotion's pull request.
func Promotion(p PromotionReport) (title, body string) { return p.title(), p.body() }
