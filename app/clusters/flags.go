package clusters

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/handlers"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// Flags are kubectl's flags that choose a cluster and who acts on it: what a
// terminal has in place of the operator's registry. A person acts as themselves,
// so there are no grants to ask.
type Flags struct {
	rules     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
	options   *preview.ClusterOptions

	writing *deploy.Options

	mu   sync.Mutex
	open map[string]*access // by context
}

// BindFlags adds the flags (--kubeconfig, --context, --as and the others that
// kubectl has, but for --namespace, which the manifests say) to set. The options
// are read when a cluster is first used, or first written to.
func BindFlags(set *pflag.FlagSet, options *preview.ClusterOptions, writing *deploy.Options) *Flags {
	f := &Flags{rules: clientcmd.NewDefaultClientConfigLoadingRules(), options: options, writing: writing, open: make(map[string]*access)}
	set.StringVar(&f.rules.ExplicitPath, clientcmd.RecommendedConfigPathFlag, "", "path of the kubeconfig file to use")
	recommended := clientcmd.RecommendedConfigOverrideFlags("")
	recommended.ContextOverrideFlags.Namespace = clientcmd.FlagInfo{}
	clientcmd.BindOverrideFlags(&f.overrides, set, recommended)
	return f
}

// Cluster implements [handlers.Clusters]. An environment's cluster is the
// kubeconfig's context of that name where there is one and no flag says
// otherwise, else the current context.
func (f *Flags) Cluster(_ context.Context, _ handlers.Repository, selection handlers.Selection) (*preview.Cluster, *render.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	opened, problem := f.access(selection)
	if problem != nil {
		problem.Hint += ", or compare base and head alone with --offline"
		return nil, problem
	}
	return opened.preview, nil
}

// Deployer implements [handlers.Deployers]: the person writes objects and records alike.
func (f *Flags) Deployer(_ context.Context, _ handlers.Repository, selection handlers.Selection) (*deploy.Cluster, *render.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	opened, problem := f.access(selection)
	if problem != nil {
		return nil, problem
	}
	if opened.deploy == nil {
		cluster, err := deploy.NewCluster(opened.preview, opened.account, opened.own, *f.writing)
		if err != nil {
			return nil, unusableContext(opened.preview.Name(), err)
		}
		opened.deploy = cluster
	}
	return opened.deploy, nil
}

// access opens the cluster that a selection means. The caller holds the lock.
func (f *Flags) access(selection handlers.Selection) (*access, *render.Problem) {
	name, err := f.context(selection.Cluster)
	if err != nil {
		return nil, &render.Problem{Message: err.Error(), Hint: "choose a cluster with --kubeconfig and --context"}
	}
	if opened := f.open[name]; opened != nil {
		return opened, nil
	}
	overrides := f.overrides
	if name != overrides.ClusterInfo.Server { // of no context
		overrides.CurrentContext = name
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(f.rules, &overrides).ClientConfig()
	if err != nil {
		return nil, unusableContext(name, err)
	}
	opened := &access{account: config, own: config}
	if opened.preview, err = preview.NewCluster(name, config, *f.options); err != nil {
		return nil, unusableContext(name, err)
	}
	f.open[name] = opened
	return opened, nil
}

func unusableContext(name string, err error) *render.Problem {
	return &render.Problem{Message: fmt.Sprintf("cluster %s cannot be used: %v", name, err), Hint: "choose another with --kubeconfig and --context"}
}

// context returns the kubeconfig context that a registered name means here; the
// server's address where that is all there is.
func (f *Flags) context(registered string) (string, error) {
	loaded, err := f.rules.Load()
	if err != nil {
		return "", fmt.Errorf("read kubeconfig: %w", err)
	}
	if len(loaded.Contexts) == 0 && f.overrides.ClusterInfo.Server == "" {
		return "", fmt.Errorf("no cluster is configured: no kubeconfig with a context was found")
	}
	if f.overrides.CurrentContext != "" {
		return f.overrides.CurrentContext, nil
	}
	if _, ok := loaded.Contexts[registered]; ok {
		return registered, nil
	}
	return cmp.Or(loaded.CurrentContext, f.overrides.ClusterInfo.Server), nil
}

// Contexts returns the names of the kubeconfig's contexts, sorted, for shell completion.
func (f *Flags) Contexts() []string {
	loaded, err := f.rules.Load()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(loaded.Contexts))
	for name := range loaded.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
