package preview

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// A Writer is who wrote a field, as the live object's managedFields say.
type Writer struct {
	Manager string
	// Operation is Apply or Update.
	Operation string
	// Subresource is that through which it wrote, e.g. scale; empty for the object itself.
	Subresource string
	// At is when this manager last changed any field of the object so (UTC); zero
	// where the API server does not say.
	At time.Time
}

// A Deviation is one place where a live object is not as Git has it.
type Deviation struct {
	Path string // as in [Field]
	// Pointer names the same place as [IgnoreRule.Field] does; empty where no rule
	// can name it alone.
	Pointer string
	// Git and Live hold decoded JSON, already masked; nil where absent. Git is what
	// the API server makes of Git's wish, with its defaults.
	Git, Live any
	// Writer wrote the live value last; zero where nothing is live or nobody is known.
	Writer Writer
	// Beside is set where applying would leave the field: Git does not have it, and
	// somebody else does.
	Beside bool
}

// An Observation is one rendered object held against the live one.
type Observation struct {
	// ID has the namespace that the object has in the cluster.
	ID     render.ObjectID
	Origin render.Origin
	// Missing is set where there is no live object.
	Missing    bool
	Deviations []Deviation // sorted by path
	// Unknown says why the two could not be compared, masked; nil where they were.
	Unknown *render.Problem
}

// Observe holds what is live against each request's head, by index: every
// difference that applying it again would undo, and, beside what Git has, the
// fields of those writers that count. It reads as [Cluster.Plan] does, asks the
// API server about suspects alone, and writes nothing. The problem says why
// nothing could be observed at all; there are no observations then, and none of an
// object that is encrypted.
func (c *Cluster) Observe(ctx context.Context, requests []Request, counts func(Writer) bool) ([][]Observation, *render.Problem) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	requests = slices.Clone(requests)
	for i := range requests {
		requests[i].Base = requests[i].Head
	}
	r := &run{cluster: c, requests: requests}
	if err := r.look(ctx); err != nil {
		return nil, r.unreachable(err)[0].Problem
	}
	r.each(func(it *item, _ Request) {
		if it.change.Action == "" && !it.object().Encrypted() && r.isMissing(it) {
			it.change.Action = Create // nobody needs to be asked
		}
	})
	r.judgeAll(ctx)
	all := make([][]Observation, len(requests))
	for i, items := range r.items {
		all[i] = make([]Observation, 0, len(items))
		for _, it := range items {
			if it.change.Action != Encrypted {
				all[i] = append(all[i], r.observe(it, counts))
			}
		}
	}
	return all, nil
}

// isMissing reports whether it is known that there is no live object: not even its
// kind is served, or it was looked for and is not there.
func (r *run) isMissing(it *item) bool {
	if it.kind.resource.Resource == "" {
		return r.kinds.failed[it.object().ID.Group] == nil
	}
	return it.live == nil && it.readErr == nil
}

func (r *run) observe(it *item, counts func(Writer) bool) Observation {
	o := Observation{ID: it.object().ID, Origin: it.object().Origin}
	if it.kind.resource.Resource != "" {
		o.ID.Namespace = it.address.namespace
	}
	switch it.change.Action {
	case Refused, Unknown:
		o.Unknown = &render.Problem{
			File: o.Origin.File, Line: o.Origin.Line,
			Message: fmt.Sprintf("%s could not be compared: %s", o.ID, it.change.Reason), Hint: it.change.Hint,
		}
		return o
	case Create:
		o.Missing = true
		return o
	}
	if it.change.NotValidated {
		o.Unknown = &render.Problem{
			File: o.Origin.File, Line: o.Origin.Line,
			Message: fmt.Sprintf("%s could not be compared: the API server does not serve it as %s yet", o.ID, it.object().APIVersion),
			Hint:    "apply the CRD that Git has",
		}
		return o
	}
	if it.live == nil { // deleted while it was compared
		o.Missing = true
		return o
	}
	manager := r.cluster.options.FieldManager
	paths := slices.Clone(it.paths)
	slices.SortStableFunc(paths, func(a, b path) int { return strings.Compare(a.String(), b.String()) })
	for i, field := range it.change.Fields {
		d := Deviation{Path: field.Path, Pointer: paths[i].pointer(it.live), Git: field.New, Live: field.Old}
		if field.Old != nil {
			d.Writer = writerOf(it.entries, manager, paths[i])
		}
		o.Deviations = append(o.Deviations, d)
	}
	o.Deviations = append(o.Deviations, it.beside(paths, manager, counts)...)
	slices.SortStableFunc(o.Deviations, func(a, b Deviation) int { return strings.Compare(a.Path, b.Path) })
	return o
}

func (e managedEntry) writer() Writer {
	at, err := time.Parse(time.RFC3339, e.time)
	if err != nil {
		at = time.Time{} // the API server does not say
	}
	return Writer{Manager: e.manager, Operation: e.operation, Subresource: e.subresource, At: at.UTC()}
}

// writerOf returns who wrote what the path leads to: of its owners the latest,
// ours only where there is no other.
func writerOf(entries []managedEntry, ours string, p path) Writer {
	var found Writer
	for _, entry := range entries {
		if entry.manager == "" || !entry.owns(p) {
			continue
		}
		w := entry.writer()
		if found.Manager == "" || w.supersedes(found, ours) {
			found = w
		}
	}
	return found
}

// supersedes reports whether w rather than other wrote what both own.
func (w Writer) supersedes(other Writer, ours string) bool {
	if (w.Manager == ours) != (other.Manager == ours) {
		return other.Manager == ours
	}
	if !w.At.Equal(other.At) {
		return w.At.After(other.At)
	}
	return w.Manager < other.Manager
}

// pointer returns the path as an ignore rule names it in the object; empty where
// no rule does.
func (p path) pointer(object any) string {
	var b strings.Builder
	value := object
	for _, s := range p {
		element, ok := s.element(value)
		if !ok {
			return ""
		}
		b.WriteString("/" + element)
		value, _ = s.in(value)
	}
	text := b.String()
	if rule := parsePointer(text); len(rule) != len(p) || !rule.covers(p, object) {
		return ""
	}
	return text
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// element is what a pointer calls one step inside value; nothing where its name is
// not shown.
func (s step) element(value any) (string, bool) {
	if s.hidden {
		return "", false
	}
	if s.key != "" {
		return escape.Replace(s.key), s.key != "*"
	}
	if s.item == nil {
		return fmt.Sprint(s.index), true
	}
	item, ok := s.in(value)
	list, _ := value.([]any)
	m, isMap := item.(map[string]any)
	if !ok || !isMap {
		// Not live: what Git wants it to be called.
		if len(s.item) == 1 && s.label != "" && s.item[setValue] == "" {
			for key := range s.item {
				return "[" + key + "=" + escape.Replace(s.label) + "]", true
			}
		}
		return "", false
	}
	keys := make([]string, 0, len(s.item))
	for key := range s.item {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		named := step{item: map[string]string{key: s.item[key]}}
		same := 0
		for _, other := range list {
			if m, ok := other.(map[string]any); ok && named.matches(m) {
				same++
			}
		}
		if same == 1 {
			return "[" + key + "=" + escape.Replace(printKey(m, key)) + "]", true
		}
	}
	return "", false
}
