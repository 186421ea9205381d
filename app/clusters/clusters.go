// Package clusters turns the operator's registry of clusters into clients that
// impersonate a target's service account. What a repository may reach is what the
// registry grants it; nothing else exists for it.
package clusters

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// InCluster is the name of the cluster that Slipway runs in, for environments
// that name none.
const InCluster = handlers.DefaultCluster

// A Registration is one cluster as the operator registers it.
type Registration struct {
	// Kubeconfig is a file's path; the pod's own service account where empty.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// Context is one of the kubeconfig's; its current one where empty.
	Context string `json:"context,omitempty"`
	// Grants say which repositories may use the cluster, and as whom.
	Grants []Grant `json:"grants"`
}

// A Grant lets repositories act in namespaces as service accounts.
type Grant struct {
	// Repositories are owner/name patterns in the sense of [path.Match], e.g. acme/*.
	Repositories []string `json:"repositories"`
	// Namespaces that objects of these repositories may lie in; patterns. Any where empty.
	Namespaces []string `json:"namespaces,omitempty"`
	// ClusterScoped are the kinds of objects in no namespace that these repositories
	// may have, as Kind or Kind.group; patterns. None where empty.
	ClusterScoped []string `json:"clusterScoped,omitempty"`
	// ServiceAccounts are namespace/name of those that may be selected.
	ServiceAccounts []string `json:"serviceAccounts"`
}

// A Registry answers which cluster a repository's selection means. It is safe for
// concurrent use.
type Registry struct {
	registrations map[string]Registration
	options       preview.ClusterOptions
	writing       deploy.Options

	mu       sync.Mutex
	open     map[identity]*access
	contacts map[string]*preview.Contact // by cluster, whoever asks
}

// access is one cluster as one service account, to ask and, once that was wanted,
// to write to.
type access struct {
	preview *preview.Cluster
	deploy  *deploy.Cluster
	account *rest.Config // impersonates the service account
	own     *rest.Config // is Slipway itself
}

// An identity is one cluster as one service account, within one scope.
type identity struct{ cluster, user, scope string }

// New returns a registry. Kubeconfigs are read when a cluster is first used, so
// that one broken file costs only its own targets.
func New(registrations map[string]Registration, options preview.ClusterOptions, writing deploy.Options) *Registry {
	return &Registry{registrations: registrations, options: options, writing: writing, open: make(map[identity]*access), contacts: make(map[string]*preview.Contact)}
}

// Cluster implements [handlers.Clusters].
func (r *Registry) Cluster(_ context.Context, repo handlers.Repository, selection handlers.Selection) (*preview.Cluster, *render.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	opened, problem := r.access(repo, selection)
	if problem != nil {
		return nil, problem
	}
	return opened.preview, nil
}

// Deployer implements [handlers.Deployers].
func (r *Registry) Deployer(_ context.Context, repo handlers.Repository, selection handlers.Selection) (*deploy.Cluster, *render.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	opened, problem := r.access(repo, selection)
	if problem != nil {
		return nil, problem
	}
	if opened.deploy == nil {
		cluster, err := deploy.NewCluster(opened.preview, opened.account, opened.own, r.writing)
		if err != nil {
			return nil, unusable(opened.preview.Name(), err)
		}
		opened.deploy = cluster
	}
	return opened.deploy, nil
}

// access opens a cluster as the granted service account. The caller holds the lock.
func (r *Registry) access(repo handlers.Repository, selection handlers.Selection) (*access, *render.Problem) {
	name := cmp.Or(selection.Cluster, InCluster)
	if len(r.registrations) == 0 {
		return nil, &render.Problem{Message: "no cluster is registered", Hint: "the operator registers clusters and grants them to repositories"}
	}
	account, problem := r.granted(name, repo, selection)
	if problem != nil {
		return nil, problem
	}
	namespace, account, _ := strings.Cut(account, "/")
	user := "system:serviceaccount:" + namespace + ":" + account
	scope := r.scope(name, repo, namespace+"/"+account)
	key := identity{name, user, fmt.Sprintf("%q", scope)}
	if opened := r.open[key]; opened != nil {
		return opened, nil
	}
	opened, err := r.connect(name, user, scope)
	if err != nil {
		return nil, unusable(name, err)
	}
	r.open[key] = opened
	return opened, nil
}

func unusable(name string, err error) *render.Problem {
	return &render.Problem{Message: fmt.Sprintf("cluster %s cannot be used: %v", name, err), Hint: "the operator mends its registration"}
}

// scope returns what the grants that name a service account let a repository have
// with it. Grants add up: one without namespaces grants all of them.
func (r *Registry) scope(name string, repo handlers.Repository, account string) preview.Scope {
	scope := preview.Scope{Reserved: deploy.RecordsNamespace}
	everywhere := false
	for _, grant := range r.registrations[name].Grants {
		if !matches(grant.Repositories, repo.String()) || !slices.Contains(grant.ServiceAccounts, account) {
			continue
		}
		everywhere = everywhere || len(grant.Namespaces) == 0
		scope.Namespaces = append(scope.Namespaces, grant.Namespaces...)
		scope.ClusterScoped = append(scope.ClusterScoped, grant.ClusterScoped...)
	}
	if everywhere {
		scope.Namespaces = nil
	}
	return scope
}

// granted returns the service account to impersonate as namespace/name, or why there is none. A repository
// that is granted nothing on a cluster is told the same as for one that does not
// exist: it learns no names.
func (r *Registry) granted(name string, repo handlers.Repository, selection handlers.Selection) (string, *render.Problem) {
	var accounts []string
	granted := false
	for _, grant := range r.registrations[name].Grants {
		if !matches(grant.Repositories, repo.String()) {
			continue
		}
		granted = true
		if selection.Namespace == "" || len(grant.Namespaces) == 0 || matches(grant.Namespaces, selection.Namespace) {
			accounts = append(accounts, grant.ServiceAccounts...)
		}
	}
	switch {
	case !granted:
		return "", &render.Problem{
			Message: fmt.Sprintf("cluster %s is not granted to %s", name, repo),
			Hint:    fmt.Sprintf("choose another cluster for environment %s, or ask the operator for a grant", selection.Environment),
		}
	case len(accounts) == 0:
		return "", &render.Problem{
			Message: fmt.Sprintf("namespace %s of cluster %s is not granted to %s", selection.Namespace, name, repo),
			Hint:    "ask the operator for a grant",
		}
	case selection.ServiceAccount == "":
		return "", &render.Problem{
			Message: fmt.Sprintf("environment %s selects no service account", selection.Environment),
			Hint:    "set serviceAccount to a granted one: " + strings.Join(slices.Compact(slices.Sorted(slices.Values(accounts))), ", "),
		}
	}
	return impersonated(accounts, name, repo, selection)
}

// impersonated finds the selected service account among the granted ones.
func impersonated(accounts []string, cluster string, repo handlers.Repository, selection handlers.Selection) (string, *render.Problem) {
	var found []string
	for _, account := range accounts {
		namespace, name, _ := strings.Cut(account, "/")
		if selection.ServiceAccount == account ||
			selection.ServiceAccount == name && (selection.Namespace == "" || selection.Namespace == namespace) {
			found = append(found, account)
		}
	}
	if len(found) == 0 && !strings.Contains(selection.ServiceAccount, "/") {
		for _, account := range accounts { // granted in another namespace than the target's, but only one is meant
			if _, name, _ := strings.Cut(account, "/"); name == selection.ServiceAccount {
				found = append(found, account)
			}
		}
	}
	found = slices.Compact(slices.Sorted(slices.Values(found)))
	switch len(found) {
	case 0:
		return "", &render.Problem{
			Message: fmt.Sprintf("service account %s on cluster %s is not granted to %s", selection.ServiceAccount, cluster, repo),
			Hint:    "ask the operator for a grant, or select a granted one",
		}
	case 1:
		return found[0], nil
	default:
		return "", &render.Problem{
			Message: fmt.Sprintf("service account %s on cluster %s may be any of %s", selection.ServiceAccount, cluster, strings.Join(found, ", ")),
			Hint:    "write it as namespace/name",
		}
	}
}

func matches(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, s)
		return err == nil && ok
	})
}

// connect makes the clients: one that acts as user within a scope, and Slipway's
// own. The caller holds the lock.
func (r *Registry) connect(name, user string, scope preview.Scope) (*access, error) {
	own, err := r.registrations[name].config()
	if err != nil {
		return nil, err
	}
	own.Wrap(func(next http.RoundTripper) http.RoundTripper { return held{next} })
	account := rest.CopyConfig(own)
	account.Impersonate = rest.ImpersonationConfig{UserName: user}
	if r.contacts[name] == nil {
		r.contacts[name] = &preview.Contact{}
	}
	options := r.options
	options.Scope, options.Contact = &scope, r.contacts[name]
	asking, err := preview.NewCluster(name, account, options)
	if err != nil {
		return nil, err
	}
	return &access{preview: asking, account: account, own: own}, nil
}

func (r Registration) config() (*rest.Config, error) {
	if r.Kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: r.Kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: r.Context},
	).ClientConfig()
}

// Validate returns everything that is wrong with a registration, each with what
// to write instead. Patterns must be well formed and accounts complete.
func (r Registration) Validate() []string {
	var problems []string
	for i, grant := range r.Grants {
		at := fmt.Sprintf("grants[%d]", i)
		if len(grant.Repositories) == 0 {
			problems = append(problems, at+".repositories is empty: name repositories as owner/name, or a pattern such as acme/*")
		}
		for _, pattern := range slices.Concat(grant.Repositories, grant.Namespaces, grant.ClusterScoped) {
			if _, err := path.Match(pattern, ""); err != nil {
				problems = append(problems, fmt.Sprintf("%s: %q is no pattern: %v", at, pattern, err))
			}
		}
		if len(grant.ServiceAccounts) == 0 {
			problems = append(problems, at+".serviceAccounts is empty: name them as namespace/name; nothing is done as Slipway itself")
		}
		for _, account := range grant.ServiceAccounts {
			if namespace, name, ok := strings.Cut(account, "/"); !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
				problems = append(problems, fmt.Sprintf("%s.serviceAccounts: %q is not namespace/name", at, account))
			}
		}
	}
	return problems
}
