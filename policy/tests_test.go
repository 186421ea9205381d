package policy

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunsTests(t *testing.T) {
	files := contents(map[string]string{
		"p/main.rego": "package main\n\ndeny contains msg if {\n\tinput.kind in data.kinds\n\tmsg := \"no\"\n}\n",
		"p/data.yaml": "kinds: [Pod]\n",
		"p/main_test.rego": `package main

test_denies if deny == {"no"} with input as {"kind": "Pod"}

test_fails if {
	print("looking at", 3)
	x := 3
	x == 4
}

test_breaks if {
	to_number("x") == 1
}

todo_test_later if false
`,
	})
	results, problems := Test(context.Background(), files)
	if len(problems) > 0 {
		t.Fatal(say(problems))
	}
	for i := range results {
		if results[i].Duration <= 0 && results[i].Outcome != Skipped {
			t.Errorf("%s took no time", results[i].Name)
		}
		results[i].Duration = 0
	}
	want := Results{
		{Name: "main.test_denies", Outcome: Passed, File: "p/main_test.rego", Line: 3},
		{Name: "main.test_fails", Outcome: Failed, File: "p/main_test.rego", Line: 8, Message: "x == 4 does not hold", Output: "looking at 3\n"},
		{Name: "main.test_breaks", Outcome: Broke, File: "p/main_test.rego", Line: 12, Message: `to_number: strconv.ParseFloat: parsing "x": invalid syntax`},
		{Name: "main.todo_test_later", Outcome: Skipped, File: "p/main_test.rego", Line: 15},
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if results.OK() || !results[:1].OK() {
		t.Error("OK is not about failures")
	}
	files["p/main_test.rego"] = []byte("package main\n\ntest_x if { undefined_thing(1) }\ntest_y if { also_undefined(2) }\n")
	if _, problems := Test(context.Background(), files); len(problems) != 2 || problems[0].Line != 3 || problems[1].Line != 4 {
		t.Errorf("a test that does not compile: %s", say(problems))
	}
}
