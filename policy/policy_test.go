package policy

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/rogpeppe/go-internal/txtar"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/render"
)

var update = flag.Bool("update", false, "write the golden files anew")

// object decodes one manifest.
func object(t testing.TB, text string) render.Object {
	t.Helper()
	return maskedObject(t, text, render.Origin{File: "apps/web.yaml", Line: 1}, nil)
}

func maskedObject(t testing.TB, text string, origin render.Origin, mask *render.Masker) render.Object {
	t.Helper()
	var content map[string]any
	if err := k8syaml.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	return render.NewObject(integers(content).(map[string]any), origin, mask)
}

// integers gives numbers the type that a rendered has.
func integers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = integers(value[key])
		}
	case []any:
		for i := range value {
			value[i] = integers(value[i])
		}
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}

func compiled(t testing.TB, files map[string]string) *Policies {
	t.Helper()
	policies, problems := Compile(context.Background(), contents(files))
	if len(problems) > 0 {
		t.Fatalf("problems in sound policies: %s", say(problems))
	}
	return policies
}

func contents(files map[string]string) map[string][]byte {
	all := make(map[string][]byte, len(files))
	for name, text := range files {
		all[name] = []byte(text)
	}
	return all
}

func say(problems []render.Problem) string {
	var b strings.Builder
	for i := range problems {
		b.WriteString(problems[i].Error() + "\n")
	}
	return b.String()
}

// Each archive has policies (*.rego, data), objects (*.yaml below objects/), and
// what comes of them: problems, or findings.
func TestArchives(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := make(map[string][]byte)
			var objects []render.Object
			got := txtar.Archive{Comment: archive.Comment}
			for _, file := range archive.Files {
				switch {
				case file.Name == "want":
					continue
				case strings.HasPrefix(file.Name, "objects/"):
					objects = append(objects, maskedObject(t, string(file.Data), render.Origin{File: file.Name, Line: 1}, nil))
				default:
					files[file.Name] = file.Data
				}
				got.Files = append(got.Files, file)
			}
			got.Files = append(got.Files, txtar.File{Name: "want", Data: outcome(t, files, objects)})
			if *update {
				if err := os.WriteFile(name, txtar.Format(&got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(&got))); diff != "" {
				t.Errorf("%s (-want +got), run with -update where that is meant:\n%s", name, diff)
			}
		})
	}
}

// outcome prints the problems, or the rules and their findings.
func outcome(t *testing.T, files map[string][]byte, objects []render.Object) []byte {
	t.Helper()
	policies, problems := Compile(context.Background(), files)
	if len(problems) > 0 {
		return []byte(say(problems))
	}
	findings, err := policies.Evaluate(context.Background(), objects, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rules: %s\n", strings.Join(policies.Rules(), " "))
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s %s at %s:%d: %s", f.Level, f.Rule, f.Object, f.File, f.Line, f.Message)
		if f.Hint != "" {
			b.WriteString(" | " + f.Hint)
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// What conftest would get from OPA, rule by rule, is what Evaluate says.
func TestEvaluateEqualsPlainRego(t *testing.T) {
	files := benchPolicies()
	objects := benchObjects(t, 60)
	got, err := compiled(t, files).Evaluate(context.Background(), objects, nil)
	if err != nil {
		t.Fatal(err)
	}
	gotCount := make(map[string]int)
	for _, finding := range got {
		gotCount[fmt.Sprintf("%s|%s|%s", finding.Rule, finding.Object, finding.Message)]++
	}
	want := make(map[string]int)
	for name := range files {
		rule := "main." + strings.TrimSuffix(filepath.Base(name), ".rego")
		query, err := rego.New(rego.Query("data."+rule), rego.Module(name, files[name])).PrepareForEval(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			set, err := query.Eval(context.Background(), rego.EvalInput(o.Masked()))
			if err != nil {
				t.Fatal(err)
			}
			for _, message := range set[0].Expressions[0].Value.([]any) {
				want[fmt.Sprintf("%s|%s|%s", rule, o.ID, message)]++
			}
		}
	}
	if len(want) == 0 {
		t.Fatal("the objects break no rule: the test compares nothing")
	}
	if diff := cmp.Diff(want, gotCount); diff != "" {
		t.Errorf("findings (-plain rego +Evaluate):\n%s", diff)
	}
}

func TestEvaluateIsDeterministic(t *testing.T) {
	policies, objects := compiled(t, benchPolicies()), benchObjects(t, 40)
	var first []Finding
	for range 5 {
		findings, err := policies.Evaluate(context.Background(), objects, nil)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = findings
		}
		if diff := cmp.Diff(first, findings); diff != "" {
			t.Fatalf("findings differ from one run to the next:\n%s", diff)
		}
	}
	for i := 1; i < len(first); i++ {
		if order[first[i-1].Level] > order[first[i].Level] {
			t.Errorf("%v stands before %v", first[i-1], first[i])
		}
	}
}

// Every function that is off gives a problem that says so, in the rules and in tests.
func TestForbiddenBuiltins(t *testing.T) {
	calls := map[string]string{
		"http.send":              `http.send({"method": "get", "url": "http://127.0.0.1"})`,
		"net.lookup_ip_addr":     `net.lookup_ip_addr("localhost")`,
		"opa.runtime":            `opa.runtime()`,
		"time.now_ns":            `time.now_ns()`,
		"rand.intn":              `rand.intn("x", 3)`,
		"uuid.rfc4122":           `uuid.rfc4122("x")`,
		"json.match_schema":      `json.match_schema({}, {})`,
		"json.verify_schema":     `json.verify_schema({})`,
		"io.jwt.decode_verify":   `io.jwt.decode_verify("x", {})`,
		"io.jwt.encode_sign":     `io.jwt.encode_sign({}, {}, {})`,
		"io.jwt.encode_sign_raw": `io.jwt.encode_sign_raw("", "", "")`,
		"crypto.x509.parse_and_verify_certificates":              `crypto.x509.parse_and_verify_certificates("x")`,
		"crypto.x509.parse_and_verify_certificates_with_options": `crypto.x509.parse_and_verify_certificates_with_options("x", {})`,
	}
	for name := range off {
		if calls[name] == "" {
			t.Errorf("%s is off, but not tested here", name)
		}
	}
	for name, call := range calls {
		module := "package main\n\ndeny contains msg if {\n\tmsg := sprintf(\"%v\", [" + call + "])\n}\n"
		policies, problems := Compile(context.Background(), map[string][]byte{"p/main.rego": []byte(module)})
		if policies != nil || len(problems) != 1 || problems[0].Message != name+" is off" || problems[0].Hint == "" || problems[0].Line != 4 {
			t.Errorf("%s: got %v, want one problem on line 4 that says it is off", name, say(problems))
		}
	}
	inTest := "package main\n\ntest_x if { time.now_ns() > 0 }\n"
	if _, problems := Test(context.Background(), map[string][]byte{"p/main_test.rego": []byte(inTest)}); len(problems) != 1 || problems[0].Message != "time.now_ns is off" {
		t.Errorf("in a test: %s", say(problems))
	}
}

const deployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 1}}`

func TestLocate(t *testing.T) {
	policies := compiled(t, map[string]string{"main.rego": `package main
deny contains {"msg": "too few", "field": "spec.replicas", "hint": "write 2"} if input.spec.replicas < 2`})
	locate := func(o render.Object, field string) (string, int) { return o.ID.Name + "/" + field, 42 }
	findings, err := policies.Evaluate(context.Background(), []render.Object{object(t, deployment)}, locate)
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{{
		Rule: "main.deny", Level: Deny, Message: "too few", Hint: "write 2", File: "web/spec.replicas", Line: 42,
		Object: render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"},
	}}
	if diff := cmp.Diff(want, findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// A rule that prints all it gets prints no secret.
func TestSecretsStayMasked(t *testing.T) {
	const secret, encoded = "hunter2-the-password", "aHVudGVyMi10aGUtcGFzc3dvcmQ="
	policies := compiled(t, map[string]string{"main.rego": `package main
deny contains msg if msg := sprintf("%v", [input])
warn contains msg if msg := json.marshal(input)
warn_error contains msg if msg := to_number(input.stringData.password)
warn_decoded contains msg if msg := base64.decode(input.data.password)
violation contains {"msg": "x", "hint": sprintf("%v", [input.data])}`})
	mask := render.NewMasker([]byte("key"), []render.SensitiveField{{Kind: "ConfigMap", Field: "/data/password"}})
	var objects []render.Object
	for _, text := range []string{
		"{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {password: " + encoded + "}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: b}, stringData: {password: " + secret + "}}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {password: " + secret + "}}",
	} {
		objects = append(objects, maskedObject(t, text, render.Origin{}, mask))
	}
	findings, err := policies.Evaluate(context.Background(), objects, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) < 9 {
		t.Errorf("%d findings, want at least those of three rules for three objects", len(findings))
	}
	text, err := json.Marshal(findings)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{secret, encoded} {
		if strings.Contains(string(text), leak) {
			t.Errorf("findings hold %s: %s", leak, text)
		}
	}
}

// Evaluation that never ends is stopped, and what was not judged is denied.
func TestEvaluateEnds(t *testing.T) {
	policies := compiled(t, map[string]string{"main.rego": `package main
deny contains "never" if {
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	a + b < 0
}`})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := policies.Evaluate(ctx, []render.Object{object(t, deployment)}, nil); err == nil {
		t.Error("no error though the caller went away")
	}
	e := evaluation{policies: policies, input: object(t, deployment).Masked()}
	transaction, err := policies.store.NewTransaction(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	e.transaction = transaction
	findings := e.run(ctx)
	if len(findings) != 1 || findings[0].Level != Deny || !findings[0].Broken || !strings.Contains(findings[0].Message, "was not judged") {
		t.Errorf("got %+v, want one finding that denies because time ran out", findings)
	}
}

func TestOutputIsBounded(t *testing.T) {
	policies := compiled(t, map[string]string{"main.rego": `package main
deny contains sprintf("%d", [i]) if some i in numbers.range(1, 1000)
warn contains concat("", ["é" | some i in numbers.range(1, 5000)]) if true`})
	findings, err := policies.Evaluate(context.Background(), []render.Object{object(t, deployment)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[Level]int)
	more := false
	for _, finding := range findings {
		counts[finding.Level]++
		more = more || strings.HasPrefix(finding.Message, "and 900 more")
		if len(finding.Message) > maxMessage+len("…") {
			t.Errorf("a message of %d bytes", len(finding.Message))
		}
	}
	if want := map[Level]int{Deny: maxResults + 1, Warn: 1}; !maps.Equal(counts, want) || !more {
		t.Errorf("counts %v, said that there are more: %v; want %v, true", counts, more, want)
	}
}
