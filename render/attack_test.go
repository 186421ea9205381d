package render_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/render"
	"github.com/slipwayhq/slipway/render/rendertest"
)

// outsider is a server that nothing may reach.
func outsider(t *testing.T) string {
	t.Helper()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if n := connections.Load(); n > 0 {
			t.Errorf("%d connections were opened", n)
		}
	})
	return strings.TrimPrefix(server.URL, "http://")
}

// TestNothingLeavesTheTree is the attack table C1 to C6: whatever a stranger
// writes, rendering ends in a problem that names the file, having opened no
// connection and started no program.
func TestNothingLeavesTheTree(t *testing.T) {
	host := outsider(t)
	t.Setenv("PATH", t.TempDir()) // no git, no helm
	resource := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	tests := map[string]struct {
		files map[string]string
		want  string // part of the message
	}{
		"C1 http resource":                  {one("resources: ['http://%s/a.yaml']", host), "remote"},
		"C1 https resource":                 {one("resources: ['https://%s/a.yaml']", host), "remote"},
		"C1 upper case":                     {one("resources: ['HTTP://%s/a.yaml']", host), "remote"},
		"C1 git repository":                 {one("resources: ['http://%s/org/repo.git//base?ref=main']", host), "remote"},
		"C1 forced git":                     {one("resources: ['git::http://%s/org/repo']", host), "remote"},
		"C1 ssh":                            {one("resources: ['ssh://git@%s/org/repo']", host), "remote"},
		"C1 scp":                            {one("resources: ['git@%s:org/repo.git']", host), "remote"},
		"C1 github":                         {one("resources: ['github.com/org/repo//base?ref=v1']"), "remote"},
		"C1 file":                           {one("resources: ['file:///etc']"), "remote"},
		"C1 base":                           {one("bases: ['https://%s/org/repo']", host), "remote"},
		"C1 component":                      {one("components: ['https://%s/org/repo']", host), "remote"},
		"C1 patch":                          {one("resources: [a.yaml]\npatches: [{path: 'http://%s/p'}]", host), "remote"},
		"C1 legacy patch":                   {one("resources: [a.yaml]\npatchesStrategicMerge: ['http://%s/p']", host), "remote"},
		"C1 json patch":                     {one("resources: [a.yaml]\npatchesJson6902: [{path: 'http://%s/p', target: {kind: A, name: a, version: v1}}]", host), "remote"},
		"C1 generator file":                 {one("configMapGenerator: [{name: a, files: ['http://%s/p']}]", host), "remote"},
		"C1 named generator file":           {one("configMapGenerator: [{name: a, files: ['k=http://%s/p']}]", host), "remote"},
		"C1 generator env":                  {one("secretGenerator: [{name: a, envs: ['http://%s/p']}]", host), "remote"},
		"C1 legacy env":                     {one("secretGenerator: [{name: a, env: 'http://%s/p'}]", host), "remote"},
		"C1 crds":                           {one("resources: [a.yaml]\ncrds: ['http://%s/p']", host), "remote"},
		"C1 configurations":                 {one("resources: [a.yaml]\nconfigurations: ['http://%s/p']", host), "remote"},
		"C1 openapi":                        {one("resources: [a.yaml]\nopenapi: {path: 'http://%s/p'}", host), "remote"},
		"C1 replacement":                    {one("resources: [a.yaml]\nreplacements: [{path: 'http://%s/p'}]", host), "remote"},
		"C1 folded key":                     {one("Resources: ['http://%s/p']", host), "remote"},
		"C1 generator":                      {one("generators: ['http://%s/p']", host), "remote"},
		"C1 inline transformer":             {one("resources: [a.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: p}\n  path: http://%s/p", host), "remote"},
		"C1 inline transformer, folded key": {one("resources: [a.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: p}\n  PATH: http://%s/p", host), "remote"},
		"C1 inline generator":               {one("generators:\n- |-\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: p}\n  files: ['k=http://%s/p']", host), "remote"},
		"C1 validator in a list":            {one("resources: [a.yaml]\nvalidators:\n- |-\n  apiVersion: v1\n  kind: List\n  items:\n  - apiVersion: builtin\n    kind: ReplacementTransformer\n    metadata: {name: p}\n    replacements: [{path: 'http://%s/p'}]", host), "remote"},
		"C1 transformer in a file":          {with(one("resources: [a.yaml]\ntransformers: [t.yaml]"), "app/t.yaml", "apiVersion: builtin\nkind: ValueAddTransformer\nmetadata: {name: p}\ntargetFilePath: http://"+host+"/p\n"), "remote"},
		"C1 transformer in a directory":     {with(with(one("resources: [a.yaml]\ntransformers: [../t]"), "t/kustomization.yaml", "resources: [t.yaml]\n"), "t/t.yaml", "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: http://"+host+"/p\n"), "remote"},
		"C1 transformer that is built":      {with(with(one("resources: [a.yaml]\ntransformers: [../t]"), "t/kustomization.yaml", "resources: [t.yaml]\npatches: [{patch: '[{op: replace, path: /path, value: \"http://"+host+"/p\"}]', target: {kind: PatchTransformer}}]\n"), "t/t.yaml", "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: p.yaml\n"), "more than listing files"},
		"C1 remote base of a base":          {with(one("resources: [../base]"), "base/kustomization.yaml", "resources: ['http://"+host+"/p']\n"), "remote"},
		"C2 argument injection":             {one("resources: ['http://%s/org/repo?ref=--upload-pack=touch']", host), "remote"},
		"C3 helmCharts":                     {one("helmCharts: [{name: c, repo: 'http://%s'}]", host), "helm"},
		"C3 helmGlobals":                    {one("helmGlobals: {configHome: /tmp/x}\nhelmCharts: [{name: c}]"), "helm"},
		"C3 legacy inflator":                {one("helmChartInflationGenerator: [{chartName: c}]"), "helm"},
		"C3 inflator as generator":          {one("generators:\n- |-\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n  metadata: {name: c}\n  name: c"), "helm"},
		"C4 exec function":                  {one("resources: [a.yaml]\ntransformers:\n- |-\n  apiVersion: v1\n  kind: Evil\n  metadata:\n    name: e\n    annotations: {config.kubernetes.io/function: 'exec: {path: ./evil}'}"), "is a plugin, and rendering runs none"},
		"C4 container function":             {with(one("generators: [g.yaml]"), "app/g.yaml", "apiVersion: v1\nkind: Evil\nmetadata: {name: e, annotations: {config.kubernetes.io/function: 'container: {image: evil}'}}\n"), "is a plugin, and rendering runs none"},
		"C5 resource above the root":        {one("resources: [../../../../etc/passwd]"), "outside the repository"},
		"C5 absolute resource":              {one("resources: [/etc/passwd]"), "outside the repository"},
		"C5 absolute generator file":        {one("configMapGenerator: [{name: a, files: [/proc/self/environ]}]"), "outside the repository"},
		"C5 patch above the root":           {one("resources: [a.yaml]\npatches: [{path: ../../../p}]"), "outside the repository"},
		"C6 link to a file outside":         {with(one("resources: [l.yaml]"), "app/l.yaml", "symlink /proc/self/environ"), "outside the repository"},
		"C6 relative link outside":          {with(one("configMapGenerator: [{name: a, files: [l]}]"), "app/l", "symlink ../../../etc/passwd"), "the symbolic link leads to ../../../etc/passwd, outside the repository"},
		"C6 linked directory outside":       {with(one("resources: [../l]"), "l", "symlink /etc"), "outside the repository"},
		"C6 linked kustomization":           {with(map[string]string{"app/a.yaml": resource}, "app/kustomization.yaml", "symlink /etc/passwd"), "outside the repository"},
		"C6 chain outside":                  {with(with(one("resources: [l]"), "app/l", "symlink m"), "app/m", "symlink /etc/passwd"), "outside the repository"},
		"C6 loop":                           {with(with(one("resources: [l]"), "app/l", "symlink m"), "app/m", "symlink l"), "symbolic links"},
		"C6 plain link outside":             {map[string]string{"app/a.yaml": "symlink /etc/passwd"}, "outside the repository"},
		"C6 plain link to nothing":          {map[string]string{"app/a.yaml": "symlink b.yaml"}, "leads to no file"},
		"C6 target is a link outside":       {map[string]string{"app": "symlink /etc"}, "outside the repository"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files := test.files
			if _, ok := files["app"]; !ok {
				files = with(files, "app/a.yaml", files["app/a.yaml"])
				if files["app/a.yaml"] == "" {
					files["app/a.yaml"] = resource
				}
			}
			rendered, err := render.New(render.Options{}).Path(context.Background(), rendertest.Tree(files), "app")
			if err != nil {
				t.Fatal(err)
			}
			if rendered.Problem == nil || !strings.Contains(rendered.Problem.Error(), test.want) {
				t.Fatalf("problem is %v, want %q", rendered.Problem, test.want)
			}
			if len(rendered.Objects) > 0 {
				t.Error("there are objects in spite of the problem")
			}
			if rendered.Problem.File == "" {
				t.Errorf("the problem names no file: %v", rendered.Problem)
			}
		})
	}
}

func one(kustomization string, args ...any) map[string]string {
	return map[string]string{"app/kustomization.yaml": fmt.Sprintf(kustomization, args...) + "\n"}
}

func with(files map[string]string, name, content string) map[string]string {
	all := map[string]string{name: content}
	for other, text := range files {
		if other != name {
			all[other] = text
		}
	}
	return all
}

// TestHostileYAMLEndsInAProblem is C10 of the attack table: whatever the content,
// the process lives on, and soon.
func TestHostileYAMLEndsInAProblem(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	head := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	hostile := map[string]string{
		"alias bomb":         head + "data:\n  " + strings.ReplaceAll(strings.TrimSpace(bomb), "\n", "\n  ") + "\n",
		"self alias":         head + "data: &d {x: *d}\n",
		"deep flow":          head + "data: " + strings.Repeat("[", 100_000) + "\n",
		"deep closed flow":   head + "data: {x: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}\n",
		"deep sequence":      head + "data: \n" + strings.Repeat("- ", 50_000) + "\n",
		"many documents":     strings.Repeat("---\n"+head, 20_000),
		"not a number":       head + "data: {x: .nan}\n",
		"infinite":           head + "data: {x: -.inf}\n",
		"no text":            "\xff\xfe\x00a",
		"null bytes":         head + "\x00\x01\x02",
		"unknown tag":        head + "data: !!python/object {x: 1}\n---\n- 1\n",
		"empty item":         head + "data: {x: [null]}\n---\n[]\n",
		"no name":            "apiVersion: v1\nkind: ConfigMap\n",
		"list of nothing":    "apiVersion: v1\nkind: List\nitems: 5\n",
		"scalar":             "5\n",
		"tab":                "a:\n\t- b\n",
		"name is no text":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {a: b}}\n",
		"metadata is a list": "apiVersion: v1\nkind: ConfigMap\nmetadata: []\n",
		"large":              head + "data: {x: " + strings.Repeat("y", 3<<20) + "}\n",
	}
	for name, content := range hostile {
		for kind, files := range map[string]map[string]string{
			"plain":         {"app/a.yaml": content},
			"resource":      {"app/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: p-\n", "app/a.yaml": content},
			"kustomization": {"app/kustomization.yaml": content},
			"patch":         {"app/kustomization.yaml": "resources: [b.yaml]\npatches: [{path: a.yaml}]\n", "app/a.yaml": content, "app/b.yaml": head},
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				engine := render.New(render.Options{Limits: render.Limits{Objects: 1000, Bytes: 2 << 20, Time: 20 * time.Second}})
				rendered, err := engine.Path(context.Background(), rendertest.Tree(files), "app")
				if err != nil {
					t.Fatal(err)
				}
				if rendered.Problem == nil && kind != "patch" && name != "list of nothing" && name != "empty item" {
					t.Errorf("rendered %d objects, and no problem", len(rendered.Objects))
				}
				if rendered.Problem != nil && (rendered.Problem.File == "" || len(rendered.Problem.Message) > 1000) {
					t.Errorf("problem %+v", rendered.Problem)
				}
			})
		}
	}
}
