package github

import (
	"io"
	"net/http"
	"testing"

	"github.com/slipwayhq/slipway/handlers/report"
)

// E4: who wrote a comment decides, not what it says. Where GitHub does not say
// which App it was, the bot's name does; GitHub is asked for that once.
func TestOurs(t *testing.T) {
	asked := 0
	a := appAt(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = io.WriteString(w, `{"id":42,"slug":"slipway"}`)
	})
	comments := a.Comments()
	written := func(login, kind string, app int64, body string) comment {
		var c comment
		c.User.Login, c.User.Type, c.Body = login, kind, body
		if app != 0 {
			c.App = &struct {
				ID int64 `json:"id"`
			}{app}
		}
		return c
	}
	marked := report.Marker + "\nx"
	for _, tc := range []struct {
		name    string
		comment comment
		want    bool
	}{
		{"our App as itself", written("slipway[bot]", "Bot", 42, marked), true},
		{"our App, not a report", written("slipway[bot]", "Bot", 42, "x"), false},
		{"our App, with another marker", written("slipway[bot]", "Bot", 42, "<!-- slipway:reply 7 -->\nx"), false},
		{"our App, a marker that begins as this one", written("slipway[bot]", "Bot", 42, report.Marker+"x -->\nx"), false},
		{"our App, the marker further down", written("slipway[bot]", "Bot", 42, "x\n"+marked), false},
		{"a person through our App", written("mallory", "User", 42, marked), false},
		{"another App", written("other[bot]", "Bot", 43, marked), false},
		{"another App of our name", written("slipway[bot]", "Bot", 43, marked), false},
		{"our bot, App not said", written("slipway[bot]", "Bot", 0, marked), true},
		{"another bot, App not said", written("other[bot]", "Bot", 0, marked), false},
		{"a person of our name, App not said", written("slipway[bot]", "User", 0, marked), false},
	} {
		got, err := comments.ours(t.Context(), report.Marker, tc.comment)
		if err != nil || got != tc.want {
			t.Errorf("%s: %v, %v; want %v", tc.name, got, err, tc.want)
		}
	}
	if asked != 1 {
		t.Errorf("asked GitHub %d times who we are, want once", asked)
	}
}
