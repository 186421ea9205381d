package preview

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSecretsStayIn sends a known secret down every path of a plan, and looks for
// it in everything that comes out.
func TestSecretsStayIn(t *testing.T) {
	const before, after, copied = "hunter2-before", "hunter2-after", "hunter2-copied"
	b := newBed(t)
	secret := func(value, more string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {" + lastApplied + `: '{"stringData":{"a":"` + copied + `"}}'}}` +
			"\nstringData: {a: " + value + "}\n" + more
	}
	plans := map[string]*Plan{"create": b.plan("", secret(after, ""))}
	b.create("kubectl-client-side-apply", secret(before, "data: {gone: aHVudGVyMi1nb25l}"))
	plans["take over"] = b.plan(secret(before, ""), secret(after, ""))
	b.apply("slipway", secret(before, ""))
	plans["update"] = b.plan(secret(before, ""), secret(after, ""))
	plans["delete"] = b.plan(secret(before, ""), "")
	plans["replace"] = b.plan(secret(before, ""), secret(after, "type: example.com/x"))
	plans["wrong type"] = b.plan(secret(before, ""), "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: ["+after+"]}")
	plans["wrong field"] = b.plan(secret(before, ""), "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: "+after+"}\nstringdata: {a: "+after+"}")
	plans["not base64"] = b.plan(secret(before, ""), "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: "+after+"!}")
	plans["offline"] = Offline(Request{Base: rendered(t, secret(before, "")), Head: rendered(t, secret(after, ""))})
	plans["rename"] = Offline(Request{
		Base: rendered(t, strings.Replace(secret(before, ""), "name: s,", "name: s-7f4dm2gc9h,", 1)),
		Head: rendered(t, strings.Replace(secret(after, ""), "name: s,", "name: s-k8bt2hc6mf,", 1)),
	})
	for name, p := range plans {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, known := range []string{"hunter2", "aHVudGVyMi"} {
			if strings.Contains(string(text), known) {
				t.Errorf("%s lets %s out: %s", name, known, text)
			}
		}
	}
	for name, action := range map[string]Action{
		"create": Create, "take over": Update, "update": Update, "delete": Delete, "replace": Replace,
		"wrong type": Refused, "wrong field": Refused, "not base64": Refused, "offline": Update, "rename": Update,
	} {
		if got := plans[name].Changes[0].Action; got != action {
			t.Errorf("%s is %s: %+v", name, got, plans[name].Changes[0])
		}
	}
	fields := plans["update"].Changes[0].Fields
	if len(fields) == 0 || fields[0].Path != "data.a" || fields[0].Old == fields[0].New {
		t.Errorf("the update does not show that the value changed: %+v", fields)
	}
}
