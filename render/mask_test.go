package render_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/render"
)

const password = "correct-horse-battery"

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var content map[string]any
	if err := yaml.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	return content
}

func TestMaskHidesWhatIsSensitive(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(password))
	masker := render.NewMasker([]byte("key"), []render.SensitiveField{
		{Kind: "ConfigMap", Field: "/data/password"},
		{Kind: "ConfigMap", Field: "/binaryData/*"},
		{Kind: "Widget", Field: "/spec/users/*/token"},
		{Kind: "Widget", Field: "/spec/a~1b"},
		{Kind: "Widget", Field: "/spec/list/1"},
		{Kind: "Widget", Field: "/spec/whole"},
		{Kind: "Widget", Field: "no pointer"},
	})
	tests := map[string]struct{ in, want string }{
		"data and stringData of equal value are marked alike": {
			"{kind: Secret, data: {a: " + encoded + "}, stringData: {b: " + password + "}}",
			"{kind: Secret, data: {a: MARK}, stringData: {b: MARK}}",
		},
		"last applied configuration, wherever": {
			"{kind: Deployment, metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: " + password + ", other: x}}}",
			"{kind: Deployment, metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: MARK, other: x}}}",
		},
		"items of a list": {
			"{kind: List, items: [{kind: Secret, data: {a: " + encoded + "}}, {kind: ConfigMap, data: {a: open}}]}",
			"{kind: List, items: [{kind: Secret, data: {a: MARK}}, {kind: ConfigMap, data: {a: open}}]}",
		},
		"a manifest in a manifest": {
			"{kind: Bundle, spec: {objects: [{kind: Secret, stringData: {a: " + password + "}}]}}",
			"{kind: Bundle, spec: {objects: [{kind: Secret, stringData: {a: MARK}}]}}",
		},
		"managedFields are left out": {
			"{kind: Secret, metadata: {name: a, managedFields: [{manager: x}]}}",
			"{kind: Secret, metadata: {name: a}}",
		},
		"a sensitive key": {"{kind: ConfigMap, data: {password: " + password + ", user: me}}", "{kind: ConfigMap, data: {password: MARK, user: me}}"},
		"sensitive bytes": {"{kind: ConfigMap, binaryData: {p: " + encoded + "}}", "{kind: ConfigMap, binaryData: {p: MARK}}"},
		"any item": {
			"{kind: Widget, spec: {users: [{name: a, token: " + password + "}, {name: b}]}}",
			"{kind: Widget, spec: {users: [{name: a, token: MARK}, {name: b}]}}",
		},
		"an escaped key":  {"{kind: Widget, spec: {a/b: " + password + ", a: b}}", "{kind: Widget, spec: {a/b: MARK, a: b}}"},
		"one item":        {"{kind: Widget, spec: {list: [x, " + password + ", y]}}", "{kind: Widget, spec: {list: [x, MARK, y]}}"},
		"nothing at all":  {"{kind: Widget, spec: {whole: null}}", "{kind: Widget, spec: {whole: null}}"},
		"bytes not asked": {"{kind: ConfigMap, data: {p: " + encoded + "}}", "{kind: ConfigMap, data: {p: " + encoded + "}}"},
	}
	mark := masker.Mask(map[string]any{"kind": "Secret", "stringData": map[string]any{"a": password}})["stringData"].(map[string]any)["a"].(string)
	if !strings.HasPrefix(mark, "*** (hash ") || len(mark) != len("*** (hash 1a2b3c4d1a2b3c4d)") {
		t.Fatalf("mark is %q", mark)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in, before := decode(t, test.in), decode(t, test.in)
			if diff := cmp.Diff(decode(t, strings.ReplaceAll(test.want, "MARK", "'"+mark+"'")), masker.Mask(in)); diff != "" {
				t.Errorf("masked (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, in); diff != "" {
				t.Errorf("the content itself was changed:\n%s", diff)
			}
		})
	}
	whole := masker.Mask(decode(t, "{kind: Widget, spec: {whole: {x: "+password+"}}}"))
	if strings.Contains(fmt.Sprint(whole), password) {
		t.Errorf("a mapping was not masked whole: %v", whole)
	}
}

func TestMaskSharesWhatItDoesNotChange(t *testing.T) {
	content := decode(t, "{kind: Deployment, spec: {a: [{b: c}]}}")
	masked := render.NewMasker(nil, nil).Mask(content)
	masked["spec"].(map[string]any)["a"].([]any)[0].(map[string]any)["b"] = "seen"
	if content["spec"].(map[string]any)["a"].([]any)[0].(map[string]any)["b"] != "seen" {
		t.Error("content without secrets was copied")
	}
}

func TestMarksDependOnTheKey(t *testing.T) {
	content := decode(t, "{kind: Secret, data: {a: eA==, b: '!!! not base64'}}")
	if cmp.Equal(render.NewMasker([]byte("one"), nil).Mask(content), render.NewMasker([]byte("two"), nil).Mask(content)) {
		t.Error("two keys give equal marks")
	}
	var none *render.Masker
	if diff := cmp.Diff(decode(t, "{kind: Secret, data: {a: '***', b: '***'}}"), none.Mask(content)); diff != "" {
		t.Errorf("a nil masker (-want +got):\n%s", diff)
	}
}

func TestMaskText(t *testing.T) {
	secret := map[string]any{"kind": "Secret", "stringData": map[string]any{
		"password": password, "lines": "first line\nsecond line", "quoted": "say \"hello\"", "short": "pw1", "empty": "", "space": " ",
	}}
	encoded := base64.StdEncoding.EncodeToString([]byte(password))
	masker := render.NewMasker([]byte("key"), nil)
	for _, text := range []string{
		"value " + password + " is wrong", "value " + encoded + " is wrong", "got `second line`", `json "say \"hello\""`,
		fmt.Sprintf("%q", "say \"hello\""), "the password pw1 is short", "pw1", "url " + strings.TrimRight(encoded, "="),
	} {
		masked := masker.MaskText(text, secret)
		for _, value := range []string{password, encoded, "second line", `say \"hello`, "pw1", strings.TrimRight(encoded, "=")} {
			if strings.Contains(masked, value) {
				t.Errorf("%q still has %q", masked, value)
			}
		}
		if !strings.Contains(masked, "*** (hash ") {
			t.Errorf("%q has no mark", masked)
		}
	}
	const innocent = "nothing here: xpw1x stays a word"
	if got := masker.MaskText(innocent, secret); got != innocent {
		t.Errorf("%q became %q", innocent, got)
	}
}

func TestSensitiveFieldProblems(t *testing.T) {
	for field, good := range map[render.SensitiveField]bool{
		{Kind: "ConfigMap", Field: "/data/password"}: true,
		{Kind: "ConfigMap", Field: "/data/*"}:        true,
		{Kind: "ConfigMap", Field: "/a~1b"}:          true,
		{Kind: "ConfigMap", Field: "data"}:           false,
		{Kind: "ConfigMap", Field: "/"}:              false,
		{Kind: "ConfigMap", Field: ""}:               false,
		{Kind: "ConfigMap", Field: "/a~2"}:           false,
		{Field: "/data"}:                             false,
	} {
		if problem := field.Problem(); (problem == nil) != good {
			t.Errorf("%+v: %v", field, problem)
		}
	}
}

func FuzzMaskPointers(f *testing.F) {
	f.Add("/data/password")
	f.Add("/a~1b/*/~0")
	f.Add("//")
	f.Fuzz(func(t *testing.T, pointer string) {
		masker := render.NewMasker([]byte("k"), []render.SensitiveField{{Kind: "K", Field: pointer}})
		content := map[string]any{"kind": "K", "a": map[string]any{"b": []any{"c", int64(1), nil}}, "data": map[string]any{"password": "x"}}
		before, _ := json.Marshal(content)
		masker.Mask(content)
		if after, _ := json.Marshal(content); !bytes.Equal(before, after) {
			t.Errorf("pointer %q changed the content", pointer)
		}
	})
}

// TestObjectsDoNotLeak prints an object in every way that Go has.
func TestObjectsDoNotLeak(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(password))
	object := render.NewObject(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s"},
		"data": map[string]any{"a": encoded}, "stringData": map[string]any{"b": password},
	}, render.Origin{File: "s.yaml"}, render.NewMasker([]byte("the key"), nil))
	type holder struct {
		Object render.Object
		hidden render.Object
		many   []render.Object
	}
	rendered := &render.Rendered{Objects: []render.Object{object}}
	printed := map[string]string{}
	for _, value := range []any{object, &object, holder{object, object, []render.Object{object}}, &holder{object, object, nil}, rendered, *rendered, []render.Object{object}, map[string]render.Object{"a": object}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			printed[fmt.Sprintf("%s of %T", verb, value)] = fmt.Sprintf(verb, value)
		}
		asJSON, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed[fmt.Sprintf("JSON of %T", value)] = string(asJSON)
		asYAML, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed[fmt.Sprintf("YAML of %T", value)] = string(asYAML)
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "value", value)
		printed[fmt.Sprintf("log of %T", value)] = logged.String()
	}
	printed["String"], printed["GoString"] = object.String(), object.GoString()
	printed["error"] = fmt.Errorf("apply %v", object).Error()
	printed["diff"] = cmp.Diff(object, render.Object{})
	printed["masker"] = fmt.Sprintf("%v %+v %#v", object.Masker(), object.Masker(), *object.Masker())
	var out bytes.Buffer
	if err := render.Write(&out, rendered, false); err != nil {
		t.Fatal(err)
	}
	printed["Write"] = out.String()
	for how, text := range printed {
		for _, secret := range []string{password, encoded, fmt.Sprintf("%x", password), "the key", "116 104 101"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q: %s", how, secret, text)
			}
		}
	}
	out.Reset()
	if err := render.Write(&out, rendered, true); err != nil || !strings.Contains(out.String(), password) {
		t.Errorf("unmasked, Write gives %q, %v", out.String(), err)
	}
}

func TestZeroObjectAnswers(t *testing.T) {
	var zero render.Object
	if zero.Masked() != nil || zero.Unmasked() != nil || zero.Masker() != nil || !zero.Equal(render.Object{}) {
		t.Error("the zero object has content")
	}
}
