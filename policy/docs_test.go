package policy

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page for users is true: its rules compile together, its test passes, and it
// lists exactly what is off.
func TestDocumentation(t *testing.T) {
	content, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	files := make(map[string][]byte)
	for i, block := range regexp.MustCompile("(?s)```rego\n(.*?)```").FindAllStringSubmatch(page, -1) {
		name := fmt.Sprintf("policies/%d.rego", i)
		if strings.Contains(block[1], "test_") {
			name = fmt.Sprintf("policies/%d_test.rego", i)
		}
		files[name] = []byte(block[1])
	}
	results, problems := Test(context.Background(), files)
	if len(problems) > 0 || len(results) != 1 || !results.OK() {
		t.Errorf("the examples: problems %s, results %+v", say(problems), results)
	}
	_, list, _ := strings.Cut(page, "<!-- off -->\n")
	list, _, _ = strings.Cut(list, "<!-- /off -->")
	var named []string
	for line := range strings.Lines(list) {
		named = append(named, strings.Trim(line, "- `\n"))
	}
	if diff := cmp.Diff(sortedKeys(off), slices.Sorted(slices.Values(named))); diff != "" {
		t.Errorf("what is off (-code +page):\n%s", diff)
	}
	for _, builtin := range capabilities().Builtins {
		if builtin.Nondeterministic {
			t.Errorf("%s is on, though it is not deterministic", builtin.Name)
		}
	}
}
