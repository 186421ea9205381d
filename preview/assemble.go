package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/slipwayhq/slipway/render"
)

// assemble makes the plans of judged items.
func (r *run) assemble() []*Plan {
	plans := make([]*Plan, len(r.requests))
	for i, request := range r.requests {
		plans[i] = newPlan(request, r.items[i])
		plans[i].Cluster, plans[i].Version, plans[i].Live = r.cluster.name, r.version, LiveCompared
	}
	return plans
}

// unreachable makes the plans of a cluster that did not answer.
func (r *run) unreachable(err error) []*Plan {
	plans := make([]*Plan, len(r.requests))
	reason := fmt.Sprintf("cluster %s did not answer: %v", r.cluster.name, err)
	if isAnswer(err) {
		reason = fmt.Sprintf("cluster %s does not tell us anything: %v", r.cluster.name, err)
	}
	for i, request := range r.requests {
		for _, it := range r.items[i] {
			if it.object().Encrypted() {
				it.seal()
				continue
			}
			it.change.Action = Unknown
			it.change.Reason = reason
		}
		plans[i] = newPlan(request, r.items[i])
		plans[i].Cluster, plans[i].Live = r.cluster.name, LiveUnreachable
		plans[i].Problem = &render.Problem{Message: reason, Hint: "see to the cluster or to its entry in the registry, then plan again"}
	}
	return plans
}

// newPlan makes a plan of judged items: the objects as rendered, deletes last.
func newPlan(request Request, items []*item) *Plan {
	p := &Plan{Target: request.Target, Changes: []Change{}}
	for _, it := range joinRenames(items) {
		if !it.gone {
			p.Changes = append(p.Changes, it.change)
		}
	}
	p.Digest = digest(p.Changes)
	return p
}

// digest is the SHA-256 of what the changes do; where an object came from, who
// owned a field and what was remarked about it do not count, nor do objects that
// stay as they are.
func digest(changes []Change) string {
	hash := sha256.New()
	encoder := json.NewEncoder(hash)
	type effect struct {
		ID           render.ObjectID
		APIVersion   string
		Action       Action
		RenamedFrom  string
		NotValidated bool
		Fields       [][3]any
	}
	var effects []effect
	for _, change := range changes {
		if change.Action == None || change.Action == Encrypted {
			continue
		}
		e := effect{change.ID, change.APIVersion, change.Action, change.RenamedFrom, change.NotValidated, nil}
		for _, field := range change.Fields {
			e.Fields = append(e.Fields, [3]any{field.Path, field.Old, field.New})
		}
		effects = append(effects, e)
	}
	slices.SortStableFunc(effects, func(a, b effect) int { return a.ID.Compare(b.ID) })
	for _, e := range effects {
		if err := encoder.Encode(e); err != nil {
			panic(err) // decoded JSON always encodes, and a hash takes everything
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// sortFields orders fields by path; fields of one path keep their order.
func sortFields(fields []Field) {
	slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(a.Path, b.Path) })
}

// overlap returns the part of live that wanted speaks of, so that the two can be
// compared without the API server having filled in wanted's defaults.
func overlap(live, wanted any) map[string]any {
	m, _ := overlapping(live, wanted, "").(map[string]any)
	return m
}

func overlapping(live, wanted any, name string) any {
	switch typed := wanted.(type) {
	case map[string]any:
		liveMap, ok := live.(map[string]any)
		if !ok {
			return live
		}
		m := make(map[string]any, len(typed))
		for key, value := range typed {
			switch inner, ok := liveMap[key]; {
			case isEmpty(value) && isEmpty(inner):
				m[key] = value // the API server keeps nothing of it
			case ok:
				m[key] = overlapping(inner, value, key)
			}
		}
		return m
	case []any:
		liveList, ok := live.([]any)
		if !ok {
			return live
		}
		return overlappingList(liveList, typed, name)
	case string, int64, float64:
		if sameQuantities(typed, live) {
			return wanted
		}
	}
	return live
}

// isEmpty reports whether a value is null, or a map or list of nothing.
func isEmpty(value any) bool {
	switch typed := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(typed) == 0
	case []any:
		return len(typed) == 0
	}
	return false
}

func overlappingList(live, wanted []any, name string) []any {
	var keys []string
	if _, ok := itemsOf(live, wanted); ok && len(wanted) > 0 {
		keys = listKeys(name, nil, live, wanted)
	}
	list := make([]any, 0, len(live))
	for i, item := range live {
		s := step{index: i}
		if keys != nil {
			s = itemStep(item.(map[string]any), keys)
		}
		if counterpart, ok := s.in(wanted); ok {
			item = overlapping(item, counterpart, name)
		}
		list = append(list, item)
	}
	return list
}

// sameQuantities is sameQuantity for decoded JSON.
func sameQuantities(a, b any) bool {
	switch a.(type) {
	case string, int64, float64:
	default:
		return false
	}
	right, ok := b.(string)
	return ok && sameQuantity(fmt.Sprint(a), right)
}

// sameQuantity reports whether two texts are one quantity, e.g. 1000m and 1.
func sameQuantity(a, b string) bool {
	if a == b {
		return true
	}
	if a == "" || b == "" || !strings.ContainsAny(a[:1]+b[:1], "0123456789.+-") {
		return false
	}
	left, err := resource.ParseQuantity(a)
	if err != nil {
		return false
	}
	right, err := resource.ParseQuantity(b)
	return err == nil && left.Cmp(right) == 0
}
