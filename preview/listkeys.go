package preview

import (
	"slices"
)

// mergeKeys are the keys by which Kubernetes tells the items of its own lists
// apart, by the list's name, the likeliest first. They serve where nobody's
// managedFields show the keys, and for the lists that Kubernetes replaces as a
// whole but people read by name.
var mergeKeys = map[string][][]string{
	"ports":                     {{"containerPort", "protocol"}, {"port", "protocol"}, {"name"}},
	"containers":                {{"name"}},
	"initContainers":            {{"name"}},
	"ephemeralContainers":       {{"name"}},
	"env":                       {{"name"}},
	"volumes":                   {{"name"}},
	"volumeMounts":              {{"mountPath"}},
	"volumeDevices":             {{"devicePath"}},
	"imagePullSecrets":          {{"name"}},
	"secrets":                   {{"name"}},
	"hostAliases":               {{"ip"}},
	"topologySpreadConstraints": {{"topologyKey", "whenUnsatisfiable"}},
	"resourceClaims":            {{"name"}},
	"schedulingGates":           {{"name"}},
	"claims":                    {{"name"}},
	"conditions":                {{"type"}},
	"ownerReferences":           {{"uid"}},
	"webhooks":                  {{"name"}},
	"validations":               {{"expression"}},
	"matchConditions":           {{"name"}},
	"variables":                 {{"name"}},
	"versions":                  {{"name"}},
	"subjects":                  {{"kind", "namespace", "name"}},
	"paths":                     {{"path"}},
	"rules":                     {{"host"}},
	"tls":                       {{"secretName"}},
	"tolerations":               {{"key", "effect"}},
	"items":                     {{"key"}},
	"metrics":                   {{"type"}},
	"addresses":                 {{"ip"}},
}

// listKeys returns the merge keys that tell apart every item of both lists: as
// the managedFields show them, else as Kubernetes' own lists of that name have
// them, else name. None mean that the items go by position.
func listKeys(name string, nodes []map[string]any, before, after []any) []string {
	items, ok := itemsOf(before, after)
	if !ok {
		return nil
	}
	for _, node := range nodes {
		for child := range node {
			keys, ok := itemKeys(child)
			if !ok {
				continue
			}
			names := make([]string, 0, len(keys))
			for key := range keys {
				names = append(names, key)
			}
			slices.Sort(names)
			if tellsApart(names, items[0]) && tellsApart(names, items[1]) {
				return names
			}
			break
		}
	}
	for _, keys := range append(slices.Clone(mergeKeys[name]), []string{"name"}) {
		if tellsApart(keys, items[0]) && tellsApart(keys, items[1]) {
			return keys
		}
	}
	return nil
}

// itemsOf returns both lists' items, when each item is a map.
func itemsOf(lists ...[]any) ([][]map[string]any, bool) {
	all := make([][]map[string]any, len(lists))
	for i, list := range lists {
		for _, item := range list {
			m, ok := item.(map[string]any)
			if !ok {
				return nil, false
			}
			all[i] = append(all[i], m)
		}
	}
	return all, true
}

// tellsApart reports whether every item has at least the first of the keys, and
// no two items have equal ones.
func tellsApart(keys []string, items []map[string]any) bool {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		if _, ok := item[keys[0]]; !ok {
			return false
		}
		identity := ""
		for _, key := range keys {
			value := item[key]
			switch value.(type) {
			case map[string]any, []any:
				return false
			}
			identity += keyValue(item, key) + "\x00"
		}
		if seen[identity] {
			return false
		}
		seen[identity] = true
	}
	return true
}
