package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

// Foresee returns what Apply would come to as things are now, with its plan, as if
// words had been said. State is Applying where it would write. It writes nothing,
// takes no lease and tells no Progress; what a person must do something about is in
// the receipt, as with [Cluster.Apply].
func (c *Cluster) Foresee(ctx context.Context, request Request, words ...inventory.Word) (Receipt, error) {
	request.Progress = nil
	a := &attempt{cluster: c, request: request, key: keyOf(request.Repository, request.Target), uids: make(map[render.ObjectID]string)}
	a.receipt = Receipt{Target: request.Target, Commit: request.Commit, State: Applying, Started: a.now()}
	if request.Rendered != nil {
		a.receipt.Digest = request.Rendered.Digest
	}
	d, err := a.foresee(ctx, words)
	var problem *render.Problem
	switch {
	case errors.As(err, &problem):
		d = decision{state: Refused, reason: problem.Message, hint: problem.Hint}
	case err != nil:
		return a.receipt, fmt.Errorf("foresee %s: %w", a.key, err)
	}
	a.conclude(d)
	return a.receipt, nil
}

func (a *attempt) foresee(ctx context.Context, words []inventory.Word) (decision, error) {
	if r := a.request.Rendered; r != nil && r.Problem != nil {
		return decision{}, r.Problem
	}
	record, err := a.cluster.store.Read(ctx, a.key)
	if err != nil {
		return decision{}, err
	}
	if a.record = record; record == nil {
		a.record = &inventory.Record{Key: a.key}
	}
	a.record.Words = slices.Concat(a.record.Words, words)
	if d := settled(record, a.request); d.state != "" {
		return d, nil
	}
	s, err := a.look(ctx)
	if err != nil {
		return decision{}, err
	}
	d := decide(a.facts(s))
	a.list(s)
	return d, nil
}
