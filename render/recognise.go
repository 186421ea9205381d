package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A convention is a layout that is recognised without configuration.
type convention struct {
	template string
	// named says that the template itself says where environments are, e.g. by
	// a segment overlays. Without that only directories with the name of a
	// well-known environment and with a kustomization or chart are taken, since
	// apps/web/test may well hold tests.
	named bool
}

// conventions are the layouts that are recognised; the earlier one wins where two
// claim as many targets. There is none of {application}/{environment} at the top:
// it would claim anything.
var conventions = conventionsOf()

func conventionsOf() []convention {
	var all []convention
	for _, root := range []string{"apps", "applications", "services", "workloads"} {
		for _, level := range []string{"overlays", "envs", "environments"} {
			all = append(all, convention{root + "/{application}/" + level + "/{environment}", true})
		}
	}
	for _, root := range []string{"deploy", "k8s", "kubernetes", "manifests", "kustomize", "config"} {
		for _, level := range []string{"overlays", "envs", "environments"} {
			all = append(all, convention{root + "/" + level + "/{environment}", true})
		}
	}
	for _, level := range []string{"overlays", "envs", "environments"} {
		all = append(all, convention{"{application}/" + level + "/{environment}", true}, convention{level + "/{environment}", true})
	}
	// Before clusters: in Flux's own example those hold only what points to apps.
	for _, root := range []string{"apps", "applications", "services", "workloads"} {
		all = append(all, convention{root + "/{application}/{environment}", false}, convention{root + "/{environment}/{application}", false}, convention{root + "/{environment}", false})
	}
	for _, level := range []string{"clusters", "envs", "environments", "env", "stages"} {
		all = append(all, convention{level + "/{environment}/{application}", true})
	}
	for _, level := range []string{"clusters", "env", "stages"} {
		all = append(all, convention{level + "/{environment}", true})
	}
	for _, root := range []string{"deploy", "k8s", "kubernetes", "manifests", "kustomize"} {
		all = append(all, convention{root + "/{environment}", false})
	}
	return all
}

func (c *convention) keeps(tree Tree, target Target) bool {
	if notEnvironments[string(target.Environment)] || notEnvironments[string(target.Application)] {
		return false
	}
	if !c.named {
		return rank(target.Environment) != unknownRank && built(tree, target.Path)
	}
	if built(tree, target.Path) {
		// What lies inside a directory that is built as a whole is part of that.
		parent, _, _ := cutLast(target.Path)
		return target.Application == "" || !strings.HasSuffix(c.template, "{application}") || !built(tree, parent)
	}
	for _, entry := range tree.List(target.Path) {
		if manifest(entry) {
			parent, _, _ := cutLast(target.Path)
			return !strings.HasSuffix(c.template, "{application}") || !built(tree, parent)
		}
	}
	return false
}

func cutLast(dir string) (parent, base string, ok bool) {
	at := strings.LastIndexByte(dir, '/')
	if at < 0 {
		return ".", dir, false
	}
	return dir[:at], dir[at+1:], true
}

// Recognise returns the conventional layouts that tree shows: the one with the
// most targets, and any other whose targets have other names and other
// directories. Each has its [Layout.Reason]. A layout is believed only when at
// least one of its environments has a well-known name. It reads no blob.
func Recognise(tree Tree) ([]Layout, bool) {
	type claim struct {
		layout  Layout
		targets []Target
	}
	var claims []claim
	for i := range conventions {
		layout := Layout{template: conventions[i].template, convention: &conventions[i]}
		targets := layout.Targets(tree, nil)
		if !slices.ContainsFunc(targets, func(t Target) bool { return rank(t.Environment) != unknownRank }) {
			continue
		}
		layout.reason = reason(layout, targets)
		claims = append(claims, claim{layout, targets})
	}
	slices.SortStableFunc(claims, func(a, b claim) int { return len(b.targets) - len(a.targets) })
	var layouts []Layout
	var taken []Target
	for _, claim := range claims {
		if !slices.ContainsFunc(claim.targets, func(t Target) bool { return collides(t, taken) }) {
			layouts = append(layouts, claim.layout)
			taken = append(taken, claim.targets...)
		}
	}
	return layouts, len(layouts) > 0
}

// collides reports whether a target has the name of one of taken, or lies in its
// directory or around it.
func collides(target Target, taken []Target) bool {
	return slices.ContainsFunc(taken, func(other Target) bool {
		return other.String() == target.String() ||
			strings.HasPrefix(target.Path+"/", other.Path+"/") || strings.HasPrefix(other.Path+"/", target.Path+"/")
	})
}

func reason(layout Layout, targets []Target) string {
	var names []string
	for _, target := range targets {
		if name := string(target.Environment); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	noun := "directories match"
	if len(targets) == 1 {
		noun = "directory matches"
	}
	return fmt.Sprintf("%d %s %s, for %s", len(targets), noun, layout, strings.Join(names, ", "))
}

// notEnvironments are directory names that stand beside environments and are none.
var notEnvironments = map[string]bool{
	"base": true, "bases": true, "common": true, "component": true, "components": true, "shared": true,
	"default": true, "defaults": true, "template": true, "templates": true, "lib": true, "libs": true, "library": true,
	"overlays": true, "envs": true, "environments": true, "resources": true, "patches": true, "transformers": true,
	"generators": true, "crd": true, "crds": true, "rbac": true, "charts": true, "scripts": true, "variants": true, "modules": true,
	"flux-system": true, "samples": true, "examples": true,
}

// ranks order the well-known environments from development to production.
var ranks = map[string]int{
	"local": 1, "sandbox": 2, "sbox": 2, "dev": 3, "develop": 3, "development": 3, "ci": 4, "int": 4, "integration": 4,
	"test": 5, "testing": 5, "tst": 5, "qa": 6, "perf": 7, "performance": 7, "load": 7, "nonprod": 8, "nonproduction": 8,
	"uat": 9, "acc": 9, "acceptance": 9, "stage": 10, "staging": 10, "stg": 10,
	"demo": 12, "preprod": 13, "preproduction": 13, "preview": 13, "canary": 14,
	"prod": 15, "production": 15, "prd": 15, "live": 15, "dr": 16,
}

// unknownRank puts environments of no known name between staging and production.
const unknownRank = 11

// rank places an environment, also one like prod-eu or us-staging.
func rank(environment Environment) int {
	words := strings.FieldsFunc(strings.ToLower(string(environment)), func(r rune) bool { return !unicode.IsLetter(r) })
	if r, ok := ranks[strings.Join(words, "")]; ok {
		return r
	}
	best := 0
	for i := 0; i < len(words); i++ {
		if i+1 < len(words) && ranks[words[i]+words[i+1]] > 0 { // non-prod, pre-prod
			best = max(best, ranks[words[i]+words[i+1]])
			i++
			continue
		}
		best = max(best, ranks[words[i]])
	}
	if best == 0 {
		return unknownRank
	}
	return best
}
