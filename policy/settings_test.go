package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/render"
)

func TestSettingsApply(t *testing.T) {
	web := render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	finding := func(rule string, level Level) Finding {
		return Finding{Rule: rule, Level: level, Object: web, Message: "m"}
	}
	today := time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC)
	waived := func(object, expires string) Settings {
		return Settings{Waivers: []Waiver{{Rule: "main.deny", Object: object, Reason: "moving", Expires: expires}}}
	}
	excused := func(f Finding, waived Waived) Finding { f.Level, f.Waived = Info, &waived; return f }
	with := func(f Finding, level Level, hint string) Finding { f.Level, f.Hint = level, hint; return f }
	deny := finding("main.deny", Deny)
	broken := deny
	broken.Broken = true
	for _, test := range []struct {
		name     string
		settings Settings
		in, want []Finding
	}{
		{"nothing said", Settings{}, []Finding{deny}, []Finding{deny}},
		{"off", Settings{Rules: map[string]string{"main.deny": "off"}}, []Finding{deny}, []Finding{}},
		{"softer", Settings{Rules: map[string]string{"main.deny": "warn"}}, []Finding{deny}, []Finding{with(deny, Warn, "")}},
		{"harder, and sorted anew", Settings{Rules: map[string]string{"main.warn": "deny", "main.deny": "info"}},
			[]Finding{deny, finding("main.warn", Warn)}, []Finding{finding("main.warn", Deny), with(deny, Info, "")}},
		{"another rule's level", Settings{Rules: map[string]string{"main.deny_x": "off"}}, []Finding{deny}, []Finding{deny}},
		{"what is broken stays", Settings{Rules: map[string]string{"main.deny": "off"}}, []Finding{broken}, []Finding{broken}},
		{"waived for good", waived("Deployment shop/web", ""), []Finding{deny}, []Finding{excused(deny, Waived{Reason: "moving"})}},
		{"waived to the last day", waived("Deployment */web", "2026-11-21"), []Finding{deny}, []Finding{excused(deny, Waived{Reason: "moving", Until: "2026-11-21"})}},
		{"waived by somebody, beside what the rule advises", Settings{Waivers: []Waiver{{Rule: "main.deny", Object: "* shop/*", Reason: "moving", By: "alice"}}},
			[]Finding{with(deny, Deny, "pin it")}, []Finding{excused(with(deny, Deny, "pin it"), Waived{Reason: "moving", By: "alice"})}},
		{"expired yesterday", waived("* shop/*", "2026-11-20"), []Finding{deny}, []Finding{with(deny, Deny, "its waiver expired on 2026-11-20")}},
		{"another object's waiver", waived("Deployment shop/api", ""), []Finding{deny}, []Finding{deny}},
		{"a broken rule is not waived", waived("Deployment shop/web", ""), []Finding{broken}, []Finding{broken}},
	} {
		if diff := cmp.Diff(test.want, test.settings.Apply(test.in, today)); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestPattern(t *testing.T) {
	namespaced := render.ObjectID{Kind: "Deployment", Namespace: "shop", Name: "web-1"}
	cluster := render.ObjectID{Kind: "ClusterRole", Name: "system:node"}
	for _, test := range []struct {
		pattern             string
		namespaced, cluster bool
	}{
		{"Deployment shop/web-1", true, false},
		{"Deployment shop/web-*", true, false},
		{"Deployment */*", true, false},
		{"* *", true, true},
		{"* shop/*", true, false},
		{"Deployment web-1", false, false},
		{"ClusterRole system:*", false, true},
		{"ClusterRole shop/system:node", false, false},
		{"deployment shop/web-1", false, false},
	} {
		pattern, err := ParsePattern(test.pattern)
		if err != nil {
			t.Errorf("%q: %v", test.pattern, err)
		}
		if pattern.Match(namespaced) != test.namespaced || pattern.Match(cluster) != test.cluster {
			t.Errorf("%q matches %v, %v; want %v, %v", test.pattern, pattern.Match(namespaced), pattern.Match(cluster), test.namespaced, test.cluster)
		}
	}
	for _, wrong := range []string{"", "Deployment", "Deployment a/b/c", "Deployment /b", "Deployment a/", "a b c", "D[ab] x/y", "D? x", `D\ x`} {
		if _, err := ParsePattern(wrong); err == nil {
			t.Errorf("%q was taken for an object", wrong)
		}
	}
}

func TestMistakes(t *testing.T) {
	settings := Settings{Rules: map[string]string{"main.dney": "off", "main.deny": "warn"}, Waivers: []Waiver{{Rule: "main.x"}, {Rule: "main.deny"}}}
	want := `.slipway.yaml: policies.rules names the rule "main.dney", which there is not; known are: main.deny
.slipway.yaml: policies.waivers names the rule "main.x", which there is not; known are: main.deny
`
	if diff := cmp.Diff(want, say(settings.Mistakes(".slipway.yaml", []string{"main.deny"}))); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}
