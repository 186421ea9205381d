package clusters

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/preview"
)

var shop = handlers.Repository{Owner: "acme", Name: "shop"}

func registry() *Registry {
	return New(map[string]Registration{
		"europe": {Kubeconfig: "nowhere", Grants: []Grant{
			{Repositories: []string{"acme/shop"}, Namespaces: []string{"shop-*"}, ServiceAccounts: []string{"shop-staging/deployer", "shop-production/deployer"}},
			{Repositories: []string{"acme/*"}, Namespaces: []string{"common"}, ServiceAccounts: []string{"shop-production/deployer"}, ClusterScoped: []string{"PriorityClass"}},
			{Repositories: []string{"other/*"}, ServiceAccounts: []string{"kube-system/admin"}, ClusterScoped: []string{"*"}},
		}},
		"asia": {Kubeconfig: "nowhere", Grants: []Grant{{Repositories: []string{"other/*"}, ServiceAccounts: []string{"kube-system/admin"}}}},
	}, preview.ClusterOptions{}, deploy.Options{})
}

// A repository selects among its grants. What is not granted is refused by name, and
// what others are granted is not told.
func TestGranted(t *testing.T) {
	for _, test := range []struct {
		name      string
		selection handlers.Selection
		want      string // the account, or a part of the problem
	}{
		{"a granted account", handlers.Selection{Cluster: "europe", ServiceAccount: "shop-staging/deployer"}, "shop-staging/deployer"},
		{"by the namespace of the target", handlers.Selection{Cluster: "europe", Namespace: "shop-staging", ServiceAccount: "deployer"}, "shop-staging/deployer"},
		{"one of several", handlers.Selection{Cluster: "europe", ServiceAccount: "deployer"}, "may be any of"},
		{"none", handlers.Selection{Cluster: "europe", Environment: "staging"}, "environment staging selects no service account"},
		{"another's", handlers.Selection{Cluster: "europe", ServiceAccount: "kube-system/admin"}, "service account kube-system/admin on cluster europe is not granted to acme/shop"},
		{"another's cluster", handlers.Selection{Cluster: "asia", ServiceAccount: "kube-system/admin"}, "cluster asia is not granted to acme/shop"},
		{"no such cluster", handlers.Selection{Cluster: "mars", ServiceAccount: "kube-system/admin"}, "cluster mars is not granted to acme/shop"},
		{"another namespace", handlers.Selection{Cluster: "europe", Namespace: "kube-system", ServiceAccount: "shop-staging/deployer"}, "namespace kube-system of cluster europe is not granted to acme/shop"},
	} {
		account, problem := registry().granted(test.selection.Cluster, shop, test.selection)
		if problem != nil {
			if !strings.Contains(problem.Message, test.want) || problem.Hint == "" || strings.Contains(problem.Hint, "admin") {
				t.Errorf("%s: %v, want %q", test.name, problem, test.want)
			}
		} else if account != test.want {
			t.Errorf("%s: %s, want %s", test.name, account, test.want)
		}
	}
	if cluster, problem := New(nil, preview.ClusterOptions{}, deploy.Options{}).Cluster(t.Context(), shop, handlers.Selection{ServiceAccount: "a/b"}); cluster != nil || problem == nil {
		t.Errorf("without a registry there is %v, %v", cluster, problem)
	}
}

// Grants that name the same account add up; those of another account or repository
// add nothing.
func TestScopeOfGrants(t *testing.T) {
	r := registry()
	everywhere := r.registrations["europe"]
	everywhere.Grants = append(everywhere.Grants, Grant{Repositories: []string{"acme/free"}, ServiceAccounts: []string{"shop-staging/deployer"}})
	r.registrations["europe"] = everywhere
	for _, test := range []struct {
		repo    string
		account string
		want    preview.Scope
	}{
		{"shop", "shop-staging/deployer", preview.Scope{Namespaces: []string{"shop-*"}}},
		{"shop", "shop-production/deployer", preview.Scope{Namespaces: []string{"shop-*", "common"}, ClusterScoped: []string{"PriorityClass"}}},
		{"blog", "shop-production/deployer", preview.Scope{Namespaces: []string{"common"}, ClusterScoped: []string{"PriorityClass"}}},
		{"free", "shop-staging/deployer", preview.Scope{}},
	} {
		test.want.Reserved = "slipway-system"
		got := r.scope("europe", handlers.Repository{Owner: "acme", Name: test.repo}, test.account)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s as %s (-want +got):\n%s", test.repo, test.account, diff)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, grant := range map[string]Grant{
		"":                          {Repositories: []string{"acme/*"}, ServiceAccounts: []string{"a/b"}, Namespaces: []string{"x-*"}, ClusterScoped: []string{"*"}},
		"repositories is empty":     {ServiceAccounts: []string{"a/b"}},
		"serviceAccounts is empty":  {Repositories: []string{"acme/*"}},
		`"b" is not namespace/name`: {Repositories: []string{"acme/*"}, ServiceAccounts: []string{"b"}},
		`"[" is no pattern`:         {Repositories: []string{"acme/*"}, ServiceAccounts: []string{"a/b"}, ClusterScoped: []string{"["}},
	} {
		problems := Registration{Grants: []Grant{grant}}.Validate()
		if all := strings.Join(problems, "\n"); want == "" && all != "" || !strings.Contains(all, want) {
			t.Errorf("%q, want %q", all, want)
		}
	}
}
