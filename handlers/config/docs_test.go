package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The page for users is true: its examples are sound, it knows every key, and the
// values that it calls defaults are.
func TestDocumentation(t *testing.T) {
	content, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	blocks := yamlBlock.FindAllStringSubmatch(page, -1)
	if len(blocks) < 3 {
		t.Fatalf("%d examples, want at least three", len(blocks))
	}
	var whole Config
	for _, block := range blocks[1:] { // the first is a comment for editors
		config, problems := Parse(File, []byte(block[1]))
		for _, problem := range problems {
			t.Errorf("an example is wrong: %v", problem.Error())
		}
		whole = config
	}
	for _, key := range keys(generated().document) {
		if !strings.Contains(blocks[2][1], key+":") && !strings.Contains(page, "`"+key+"`") {
			t.Errorf("the page says nothing of %s", key)
		}
	}
	staging, _ := whole.Environments.Get("staging")
	want := DefaultEnvironment("staging")
	if diff := cmp.Diff(want.Sync.Retry, staging.Sync.Retry); diff != "" {
		t.Errorf("defaults of retry (-want +page):\n%s", diff)
	}
	staging.Sync.Replace = want.Sync.Replace // empty, and nothing
	if diff := cmp.Diff(want.Sync, staging.Sync); diff != "" {
		t.Errorf("defaults of sync (-want +page):\n%s", diff)
	}
	if want.Drift.Schedule != staging.Drift.Schedule || want.Drift.Grace != staging.Drift.Grace || want.Apply != staging.Apply {
		t.Errorf("defaults of the environment differ: %+v, page %+v", want, staging)
	}
	if want := defaults().Policies; want.Path != whole.Policies.Path || want.Profile != whole.Policies.Profile {
		t.Errorf("defaults of policies differ: %+v, page %+v", want, whole.Policies)
	}
}

// keys are the names of all properties that the schema knows.
func keys(node any) []string {
	var found []string
	switch node := node.(type) {
	case map[string]any:
		if properties, ok := node["properties"].(map[string]any); ok {
			for key := range properties {
				found = append(found, key)
			}
		}
		for _, child := range node {
			found = append(found, keys(child)...)
		}
	case []any:
		for _, child := range node {
			found = append(found, keys(child)...)
		}
	}
	return found
}
