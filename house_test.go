package slipway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/slipwayhq/slipway"

// A listed package is what go list tells of one.
type listed struct {
	ImportPath string
	Dir        string
	Name       string
	GoFiles    []string
	Imports    []string
}

// inside returns the path within the module: "" for the root, "handlers/report".
func (p listed) inside() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Name,GoFiles,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// arrows says what each package may import of the module: itself and what is
// below it, and these. A name with a trailing slash allows all below it.
var arrows = map[string][]string{
	"":                           {},
	"cmd/slipway":                {"app", "app/", "handlers/report", "handlers/config", "policy"},
	"app":                        {"app/", "handlers", "handlers/", "policy", "preview", "render", "render/", "deploy", ""},
	"app/github":                 {"handlers", "handlers/", "render", ""},
	"app/queue":                  {"handlers"},
	"app/clusters":               {"handlers", "preview", "render", "deploy"},
	"app/sandbox":                {"policy", "render"},
	"app/web":                    {"handlers", "handlers/", ""},
	"handlers":                   {"handlers/", "policy", "preview", "render", "render/edit", "deploy", "deploy/"},
	"handlers/config":            {"handlers/internal/", "render", "preview", "deploy", "policy"},
	"handlers/report":            {"handlers/internal/", "render", "preview", "policy", "deploy", "deploy/"},
	"handlers/command":           {"handlers/internal/"},
	"handlers/internal/spelling": {},
	"policy":                     {"preview", "render"},
	"deploy":                     {"deploy/inventory", "preview", "render"},
	"deploy/inventory":           {"render"},
	"deploy/drift":               {"deploy/inventory", "preview", "render"},
	"deploy/promotion":           {"deploy/inventory", "render", "render/edit"},
	"preview":                    {"render"},
	"render":                     {"render/internal/"},
	"render/source":              {"render"},
	"render/edit":                {"render"},
}

// TestImportsRunDown keeps the arrows: a package imports only what is below it.
func TestImportsRunDown(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.inside(), "fixtures") || strings.HasPrefix(p.inside(), "render/internal") || strings.HasSuffix(p.Name, "test") {
			continue
		}
		allowed, known := arrows[p.inside()]
		if !known {
			t.Errorf("package %q has no row in the table of arrows", p.inside())
		}
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			to := listed{ImportPath: imported}.inside()
			if strings.HasPrefix(to, "fixtures") {
				t.Errorf("%s imports %s, which is for tests alone", p.inside(), to)
			} else if !allows(allowed, to) && !strings.HasPrefix(to, p.inside()+"/") {
				t.Errorf("%s may not import %s", p.inside(), to)
			}
		}
	}
}

func allows(allowed []string, to string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == to || strings.HasSuffix(a, "/") && strings.HasPrefix(to, a)
	})
}

// fences says which packages may import a library directly.
var fences = []struct {
	libraries, packages []string
}{
	{[]string{"github.com/google/go-github/", "github.com/palantir/go-githubapp", "github.com/bradleyfalzon/ghinstallation/"}, []string{"app/github"}},
	{[]string{"k8s.io/client-go"}, []string{"app/clusters", "preview", "deploy", "deploy/inventory", "deploy/drift"}},
	{[]string{"sigs.k8s.io/kustomize/api"}, []string{"render/internal/kustomize"}},
	{[]string{"sigs.k8s.io/kustomize/kyaml"}, []string{"render/internal/", "render/edit", "preview"}}, // preview: merge keys of the built-in kinds
	{[]string{"github.com/open-policy-agent/opa"}, []string{"policy"}},
	{[]string{"github.com/spf13/cobra"}, []string{"cmd/slipway"}},
	{[]string{"github.com/elastic/go-seccomp-bpf", "github.com/fxamacker/cbor"}, []string{"app/sandbox"}},
	{[]string{"github.com/riverqueue/", "riverqueue.com/", "github.com/jackc/pgx/", "modernc.org/sqlite"}, []string{"app/queue"}},
}

// TestFences keeps each large library behind the one package that knows it.
func TestFences(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.inside(), "fixtures") {
			continue
		}
		for _, imported := range p.Imports {
			for _, fence := range fences {
				if slices.ContainsFunc(fence.libraries, func(l string) bool { return strings.HasPrefix(imported, l) }) && !allows(fence.packages, p.inside()) {
					t.Errorf("%s imports %s, which only %s may", p.inside(), imported, strings.Join(fence.packages, ", "))
				}
			}
		}
	}
}

// TestPackageComments wants a paragraph on every package, in one of its files.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		documented := false
		for _, file := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || parsed.Doc.Text() != ""
		}
		if !documented && len(p.GoFiles) > 0 {
			t.Errorf("package %s has no comment that says what it is for", p.ImportPath)
		}
	}
}

// TestNames keeps rooms without a purpose out of the house.
func TestNames(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains([]string{"common", "util", "utils", "helpers", "types", "models", "shared"}, p.Name) {
			t.Errorf("package %s is named for nothing in particular", p.ImportPath)
		}
	}
}

// TestTopLevel keeps the top level to what is given, and what every repository has.
func TestTopLevel(t *testing.T) {
	given := strings.Fields("cmd app handlers policy render preview deploy fixtures go.mod go.sum app.yml README.md Makefile LICENSE CHANGELOG.md docs slipway.go house_test.go")
	out, err := exec.Command("git", "ls-files").Output()
	if err != nil {
		t.Skipf("not a Git checkout: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		top, _, _ := strings.Cut(strings.TrimSpace(line), "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(given, top) {
			t.Errorf("%s does not belong at the top level", top)
		}
	}
	if _, err := os.Stat("app.yml"); err != nil {
		t.Error(err)
	}
}

// TestGuarantees makes sure that every test which docs/guarantees.md names exists,
// and that no promise is without one.
func TestGuarantees(t *testing.T) {
	page, err := os.ReadFile("docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	promises := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.ContainsAny(cells[1], "0123456789") {
			continue
		}
		promises++
		named := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1)
		if len(named) == 0 {
			t.Errorf("promise %s names no test", strings.TrimSpace(cells[1]))
		}
		for _, name := range named {
			if !exists(t, name[1]) {
				t.Errorf("promise %s names %s, which does not exist", strings.TrimSpace(cells[1]), name[1])
			}
		}
	}
	if promises != 25 {
		t.Errorf("the page has %d promises, want 25", promises)
	}
}

// TestSecurityPage makes sure that every attack in docs/security.md names a test, and
// that each of them exists.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, attacks, found := strings.Cut(string(page), "\n## Attacks\n")
	rows := 0
	for line := range strings.Lines(attacks) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.Contains(cells[1], "---") || strings.TrimSpace(cells[1]) == "attack" {
			if strings.HasPrefix(line, "| ") && len(cells) != 5 {
				t.Errorf("a row of %d cells: %s", len(cells), line)
			}
			continue
		}
		rows++
		named := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1)
		if len(named) == 0 {
			t.Errorf("no test is named for: %s", strings.TrimSpace(cells[1]))
		}
		for _, name := range named {
			if !exists(t, name[1]) {
				t.Errorf("%s does not exist, named for: %s", name[1], strings.TrimSpace(cells[1]))
			}
		}
	}
	if !found || rows < 40 {
		t.Errorf("the page has %d attacks", rows)
	}
}

// exists reports whether a test is there: "./package TestName", or a scenario's path.
func exists(t *testing.T, name string) bool {
	t.Helper()
	dir, function, isTest := strings.Cut(name, " ")
	if !isTest {
		_, err := os.Stat(name)
		return err == nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		content, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(content), "\nfunc "+function+"(")
	})
}
