// Package slipway holds what the repository's root declares: app.yml, the GitHub
// App manifest, as bytes for the set-up page and for the tests that hold the
// code's permissions and events to it.
package slipway

import _ "embed"

// Manifest is app.yml: the GitHub App manifest, in YAML.
//
//go:embed app.yml
var Manifest []byte
