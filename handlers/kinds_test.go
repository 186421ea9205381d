package handlers_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers"
)

// jobs has one of each type, with everything that decides its key.
var jobs = map[string]handlers.Job{
	"PlanPull":     handlers.PlanPull{Repository: shop, Number: 7, Again: true},
	"JudgePull":    handlers.JudgePull{Repository: shop, Number: 7},
	"Refresh":      handlers.Refresh{Repository: shop},
	"PlanHead":     handlers.PlanHead{Repository: shop, Head: "2", Again: true},
	"PlanGroup":    handlers.PlanGroup{Repository: shop, BaseRef: "main", Head: "2"},
	"Rerun":        handlers.Rerun{Repository: shop, Head: "2"},
	"DeployBranch": handlers.DeployBranch{Repository: shop, Head: "2"},
	"RunCommands":  handlers.RunCommands{Repository: shop, Number: 7, Comment: 9, Author: "bob", Body: "/apply"},
	"CheckDrift":   handlers.CheckDrift{Repository: shop, Environment: "staging"},
	"Sweep":        handlers.Sweep{},
	"Repair":       handlers.Repair{},
}

var shop = handlers.Repository{Installation: 3, Owner: "acme", Name: "shop", DefaultBranch: "main"}

// A job is stored as JSON and read back the same, whichever type it is of: one without
// a row among the kinds would be kept and never worked.
func TestJobsAreReadBack(t *testing.T) {
	for _, name := range jobTypes(t) {
		job, ok := jobs[name]
		if !ok {
			t.Errorf("%s is a job that this test does not know", name)
			continue
		}
		content, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		back, err := handlers.DecodeJob(job.Kind(), content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(job, back); diff != "" || back.Key() != job.Key() {
			t.Errorf("%s (-stored +read):\n%s", name, diff)
		}
		if about := handlers.RepositoryOf(job); about != shop && name != "Sweep" && name != "Repair" {
			t.Errorf("%s is about %v", name, about)
		}
	}
	if _, err := handlers.DecodeJob("plan_moon", []byte("{}")); err == nil {
		t.Error("a job of no known kind is read")
	}
}

// jobTypes returns the names of the types that have a method Kind.
func jobTypes(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Kind" {
				if receiver, ok := f.Recv.List[0].Type.(*ast.Ident); ok {
					names = append(names, receiver.Name)
				}
			}
		}
	}
	if len(names) == 0 {
		t.Fatal("no type is a job")
	}
	return names
}
