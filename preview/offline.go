package preview

// Offline returns the plan of a request with no cluster to compare with: what
// differs between base and head. Nothing in it is validated.
func Offline(request Request) *Plan {
	r := &run{requests: []Request{request}}
	r.collect()
	r.arriving = arrivals(r.requests)
	seen := make(map[string]bool)
	for _, it := range r.items[0] {
		it.kind = servedKind{namespaced: true}
		namespace := identify(it.object(), request.Namespace).Namespace
		if it.head != nil {
			it.wanted = normalise(it.head.Unmasked(), it.kind, namespace)
		}
		if it.base != nil {
			it.before = normalise(it.base.Unmasked(), it.kind, namespace)
		}
		key := identify(it.object(), request.Namespace).String() + it.object().ID.Group
		switch {
		case it.head != nil && seen[key]:
			it.end(twice(request.Target.String(), request), nil)
		case it.object().Encrypted():
			it.seal()
		case it.head == nil:
			it.change.Action = Delete
		case it.base == nil:
			it.unvalidated()
		default:
			it.unvalidatedUpdate()
		}
		seen[key] = true
		it.change.NotValidated = it.change.Action == Create || it.change.Action == Update
	}
	plan := newPlan(request, r.items[0])
	plan.Live = LiveOffline
	return plan
}
