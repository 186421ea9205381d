package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

var update = flag.Bool("update", false, "write the golden files anew")

// whole has every key, each with another value than its default.
const whole = `
layout: ["apps/{application}/overlays/{environment}/", "clusters/{environment}"]
environments:
  zeta:
    cluster: staging
    namespace: web
    serviceAccount: flux/deployer
    apply: external
    dependsOn: [database, cache]
    sync:
      automatic: false
      prune: false
      selfHeal: true
      createNamespace: false
      prunePropagation: orphan
      retry: {limit: 2, backoff: {duration: 1s, factor: 1.5, maxDuration: 1m30s}}
      timeout: 90s
      onFailure: hold
      replace: [Job]
      requireReviewed: true
    drift:
      schedule: "0 4 * * 1"
      grace: 0s
      ignore:
        - {group: apps, kind: Deployment, namespace: web, name: web, field: "/spec/containers/[name=web]/image"}
    allow: {apply: [team:platform, admin], promote: [write], confirm: ["user:alice"], adopt: [maintain]}
  alpha:
promotions:
  - {from: zeta, to: alpha, carry: [images], after: applied, soak: 1h, group: environment, automatic: true}
policies:
  path: rules/
  profile: none
  rules: {main.deny_latest_tag: warn}
  waivers:
    - {rule: main.deny, object: "Deployment web/*", reason: migrating, expires: 2027-01-31}
sensitive:
  - {kind: ConfigMap, field: /data/password}
`

func TestParseWhole(t *testing.T) {
	want := Config{
		Layout: Layouts{"apps/{application}/overlays/{environment}", "clusters/{environment}"},
		Environments: Environments{{
			Name: "zeta", Cluster: "staging", Namespace: "web", ServiceAccount: "flux/deployer", Apply: ByExternal,
			DependsOn: []string{"database", "cache"},
			Sync: deploy.Sync{
				SelfHeal: true, PrunePropagation: deploy.Orphan,
				Retry: deploy.Retry{Limit: 2, Backoff: deploy.Backoff{
					Duration: deploy.Duration(time.Second), Factor: 1.5, MaxDuration: deploy.Duration(90 * time.Second),
				}},
				Timeout: deploy.Duration(90 * time.Second), OnFailure: deploy.Hold, Replace: []string{"Job"}, RequireReviewed: true,
			},
			Drift: deploy.DriftSettings{Schedule: "0 4 * * 1", Ignore: []preview.IgnoreRule{{
				Group: "apps", Kind: "Deployment", Namespace: "web", Name: "web", Field: "/spec/containers/[name=web]/image",
			}}},
			Allow: map[Verb][]string{
				VerbApply: {"team:platform", "admin"}, VerbPromote: {"write"}, VerbConfirm: {"user:alice"}, VerbAdopt: {"maintain"},
			},
		}, DefaultEnvironment("alpha")},
		Promotions: []deploy.PromotionSettings{{
			From: "zeta", To: "alpha", Carry: []deploy.Carry{deploy.Images}, After: deploy.AfterApplied,
			Soak: deploy.Duration(time.Hour), Group: deploy.ByEnvironment, Automatic: true,
		}},
		Policies: policy.Settings{
			Path: "rules", Profile: "none", Rules: map[string]string{"main.deny_latest_tag": "warn"},
			Waivers: []policy.Waiver{{Rule: "main.deny", Object: "Deployment web/*", Reason: "migrating", Expires: "2027-01-31"}},
		},
		Sensitive: []render.SensitiveField{{Kind: "ConfigMap", Field: "/data/password"}},
	}
	got, problems := Parse(File, []byte(whole))
	if len(problems) > 0 {
		t.Fatalf("problems in a sound file: %v", problems)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// A file is the same however an editor saves it.
func TestParseEncodings(t *testing.T) {
	want, _ := Parse(File, []byte(whole))
	for name, content := range map[string]string{
		"byte order mark": "\ufeff" + whole,
		"CRLF":            strings.ReplaceAll(whole, "\n", "\r\n"),
		"document marks":  "---" + whole + "...\n",
	} {
		got, problems := Parse(File, []byte(content))
		if len(problems) > 0 {
			t.Errorf("%s: problems in a sound file: %v", name, problems)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: settings (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseDefaultsAndMerges(t *testing.T) {
	const content = `
environments:
  staging: &staging
    cluster: shared
    sync: {automatic: false}
  production:
    <<: *staging
    cluster: own
promotions: [{from: staging, to: production}]
sensitive:
`
	got, problems := Parse(File, []byte(content))
	if len(problems) > 0 {
		t.Fatalf("problems in a sound file: %v", problems)
	}
	staging, production := DefaultEnvironment("staging"), DefaultEnvironment("production")
	staging.Cluster, production.Cluster = "shared", "own"
	staging.Sync.Automatic, production.Sync.Automatic = false, false
	promotion := deploy.DefaultPromotion()
	promotion.From, promotion.To = "staging", "production"
	want := defaults()
	want.Environments = Environments{staging, production}
	want.Promotions = []deploy.PromotionSettings{promotion}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// Each archive holds broken configurations, each followed by what is said of it.
func TestProblems(t *testing.T) {
	const golden = "testdata/problems.txtar"
	archive, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var got txtar.Archive
	got.Comment = archive.Comment
	for _, file := range archive.Files {
		name, isYAML := strings.CutSuffix(file.Name, ".yaml")
		if !isYAML {
			continue
		}
		config, problems := Parse(File, file.Data)
		if len(problems) == 0 {
			t.Errorf("%s: nothing was found wrong", name)
		}
		if diff := cmp.Diff(Config{}, config); diff != "" {
			t.Errorf("%s: settings came out of a broken file (-want +got):\n%s", name, diff)
		}
		var text bytes.Buffer
		for _, problem := range problems {
			text.WriteString(problem.Error() + "\n")
		}
		got.Files = append(got.Files, file, txtar.File{Name: name + ".problems", Data: text.Bytes()})
	}
	if *update {
		if err := os.WriteFile(golden, txtar.Format(&got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(&got))); diff != "" {
		t.Errorf("%s (-want +got), run with -update where that is meant:\n%s", golden, diff)
	}
}

func TestProblemsOfOddFiles(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		prev := "*" + string(c-1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat(prev+",", 8) + prev + "]\n"
	}
	for name, test := range map[string]struct{ content, want string }{
		"alias bomb": {bomb, "more than 20000 values"},
		"huge":       {strings.Repeat("# long\n", 50_000), "more than the 262144 allowed"},
		"not UTF-8":  {"layout: x\ncluster: \xff\n", "not UTF-8"},
		"deep":       {"layout: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "nested too deeply"},
		"many":       {strings.Repeat("x", 1000) + ": 1\n" + manyKeys(300), "there are 201 more problems"},
		"cyclic":     {"environments: &e {a: *e}\n", "stands inside what it names"},
	} {
		_, problems := Parse(File, []byte(test.content))
		var text strings.Builder
		for _, problem := range problems {
			text.WriteString(problem.Error() + "\n")
		}
		if !strings.Contains(text.String(), test.want) {
			t.Errorf("%s: got %q, want it to say %q", name, text.String(), test.want)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "unknown%d: 1\n", i)
	}
	return b.String()
}

// Looking for a circle takes each environment once, not each way through them.
func TestManyWays(t *testing.T) {
	var environments, promotions strings.Builder
	for i := range 60 {
		fmt.Fprintf(&environments, "  a%d:\n  b%d:\n", i, i)
		if i > 0 {
			for _, step := range []string{"aa", "ab", "ba", "bb"} {
				fmt.Fprintf(&promotions, "  - {from: %c%d, to: %c%d}\n", step[0], i-1, step[1], i)
			}
		}
	}
	content := "environments:\n" + environments.String() + "promotions:\n" + promotions.String()
	if _, problems := Parse(File, []byte(content)); len(problems) > 0 {
		t.Errorf("problems in a sound file: %v", problems)
	}
}

// Installing the App deploys nothing: without a file no environment is selected.
func TestDefaultAppliesNothing(t *testing.T) {
	config := Default("apps/{application}/{environment}")
	if len(config.Environments) > 0 || len(config.Promotions) > 0 {
		t.Errorf("environments or promotions without a file: %+v", config)
	}
	if environment, found := config.Environments.Get("production"); found || environment.Name != "production" || environment.ServiceAccount != "" {
		t.Errorf("Get of an unknown environment: %+v, %v", environment, found)
	}
}

func TestEnvironmentsRoundTrip(t *testing.T) {
	config, _ := Parse(File, []byte(whole))
	data, err := config.Environments.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var again Environments
	if err := again.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Environments, again); diff != "" {
		t.Errorf("environments after a round trip (-want +got):\n%s", diff)
	}
}

func TestSchema(t *testing.T) {
	again, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(Schema()), string(again.text)); diff != "" {
		t.Errorf("the schema differs from one call to the next:\n%s", diff)
	}
	const golden = "testdata/schema.json"
	if *update {
		if err := os.WriteFile(golden, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(Schema())); diff != "" {
		t.Errorf("%s (-want +got), run with -update where that is meant:\n%s", golden, diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	archive, err := txtar.ParseFile("testdata/problems.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		config, problems := Parse(File, content)
		if len(problems) > 0 && !cmp.Equal(config, Config{}) {
			t.Errorf("settings came out of a broken file: %+v", config)
		}
		for _, problem := range problems {
			if problem.File != File || problem.Message == "" || problem.Line < 0 {
				t.Errorf("a problem that says nothing: %+v", problem)
			}
		}
		if _, again := Parse(File, content); !cmp.Equal(problems, again) {
			t.Errorf("problems differ from one call to the next: %v, %v", problems, again)
		}
	})
}
