package preview

import (
	"slices"
	"strings"
)

// peoplesTools are the field managers behind which a person sits: the first word of
// what a tool calls itself, in lower case.
var peoplesTools = []string{
	"k9s", "lens", "openlens", "freelens", "node-fetch", // node-fetch is Lens
	"headlamp", "dashboard", "kubernetes-dashboard", "octant", "kubenav", "monokle",
	"mozilla",   // any console in a browser
	"oc", "odo", // OpenShift's
	"curl", "wget", "httpie", "postmanruntime", "insomnia",
}

// IsPersonsTool reports whether a field manager is a tool by which people change
// things by hand: kubectl in all its verbs, terminal and desktop consoles, those in
// a browser, and plain HTTP clients. Whatever else it is called, it is taken for a
// controller.
func IsPersonsTool(manager string) bool {
	name := strings.ToLower(manager)
	if i := strings.IndexAny(name, " /"); i >= 0 {
		name = name[:i]
	}
	return name == "kubectl" || strings.HasPrefix(name, "kubectl-") || strings.HasPrefix(name, "oc-") ||
		slices.Contains(peoplesTools, strings.TrimSuffix(name, ".exe"))
}
