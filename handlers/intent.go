package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// An Intent is what applying a commit would do, to be shown before a person says so.
type Intent struct {
	// Report is the plan of every target for which there is something to do or to say.
	Report report.Report
	// Foreseen are the receipts as they would be, in the order of applying; Applying
	// where something would be written.
	Foreseen []deploy.Receipt

	rollout *rollout
	stops   []*stop
	by      string
	words   map[render.Target][]inventory.Word // that applying will say
}

// Confirmations are the digests of the plans that a person confirms, by target as it prints.
type Confirmations map[string]string

// Foresee plans bringing the written targets, or all, to what a commit says.
func (t *Terminal) Foresee(ctx context.Context, c Checkout, written []string, confirmed Confirmations) (*Intent, error) {
	r, stops, err := t.open(ctx, c)
	if err != nil {
		return nil, err
	}
	meant, err := r.meant(stops, written)
	if err != nil {
		return nil, err
	}
	i := &Intent{rollout: r, by: c.By, words: make(map[render.Target][]inventory.Word)}
	i.Report = report.Report{Repository: c.Repository.String(), Head: c.Commit, Targets: len(r.rendered), Problems: r.problems}
	if err := i.choose(stops, meant, confirmed); err != nil {
		return nil, err
	}
	for _, s := range i.stops {
		for j := range s.requests {
			r.Planner.say("planning " + s.requests[j].Target.String())
			if err := i.foresee(ctx, s, &s.requests[j], confirmed[s.requests[j].Target.String()]); err != nil {
				return nil, err
			}
		}
	}
	return i, nil
}

// choose keeps of the stops what is meant. Their requests know their siblings already.
func (i *Intent) choose(stops []*stop, meant []named, confirmed Confirmations) error {
	chosen := func(target render.Target) bool {
		return slices.ContainsFunc(meant, func(n named) bool { return n.target == target })
	}
	for name := range confirmed {
		if !slices.ContainsFunc(meant, func(n named) bool { return n.target.String() == name }) {
			return &render.Problem{Message: fmt.Sprintf("%s is confirmed, and is not among the targets to be applied", name), Hint: "name it as a target, too"}
		}
	}
	for _, s := range stops {
		kept := *s
		kept.requests = slices.DeleteFunc(slices.Clone(s.requests), func(q deploy.Request) bool { return !chosen(q.Target) })
		if len(kept.requests) > 0 {
			i.stops = append(i.stops, &kept)
		}
	}
	return nil
}

// foresee plans one target as if the person had said what they are about to say.
func (i *Intent) foresee(ctx context.Context, s *stop, q *deploy.Request, confirmed string) error {
	r := i.rollout
	receipt := deploy.Receipt{Target: q.Target, Commit: q.Commit, State: deploy.Refused}
	part := report.Part{Target: q.Target, New: s.records[q.Target].Current == nil, Retired: q.Rendered == nil}
	problem := s.problem
	if q.Rendered != nil && q.Rendered.Problem != nil {
		problem = q.Rendered.Problem
	}
	if problem != nil {
		receipt.Reason, receipt.Hint, part.Problem = problem.Message, problem.Hint, problem
		i.Foreseen, i.Report.Parts = append(i.Foreseen, receipt), append(i.Report.Parts, part)
		return nil
	}
	var err error
	if q.Base, err = r.before(ctx, q.Target, deployedCommit(s.records[q.Target])); err != nil {
		return err
	}
	words := i.wordsFor(*q, confirmed)
	if receipt, err = s.cluster.Foresee(ctx, *q, words...); err != nil {
		return err
	}
	receipt.Hint = forTerminal(receipt)
	if receipt.State == deploy.Applying && s.deployed(*q) && !changes(receipt.Plan) {
		receipt.State = deploy.Unchanged
	}
	if receipt.State != deploy.Unchanged && receipt.Plan != nil {
		i.words[q.Target] = words
		part.Plan = receipt.Plan
		if err := i.judge(ctx, &part, q.Rendered); err != nil {
			return err
		}
		i.Report.Parts = append(i.Report.Parts, part)
	}
	i.Foreseen = append(i.Foreseen, receipt)
	return nil
}

// wordsFor is what the person says of a target by having it applied.
func (i *Intent) wordsFor(q deploy.Request, confirmed string) []inventory.Word {
	now := i.rollout.Planner.Now().UTC()
	var words []inventory.Word
	if q.Rendered != nil {
		words = append(words, inventory.Word{Verb: inventory.Apply, Digest: q.Rendered.Digest, By: i.by, At: now})
	}
	if confirmed != "" {
		words = append(words, inventory.Word{Verb: inventory.Confirm, Digest: confirmed, By: i.by, At: now})
	}
	return words
}

// changes reports whether carrying the plan out changes anything.
func changes(plan *preview.Plan) bool {
	return plan == nil || slices.ContainsFunc(plan.Changes, func(c preview.Change) bool { return c.Action != preview.None && c.Action != preview.Encrypted })
}

// judge asks the policies of the commit about what would be applied.
func (i *Intent) judge(ctx context.Context, part *report.Part, rendered *render.Rendered) error {
	if rendered == nil {
		return nil
	}
	tree, err := i.rollout.git.Tree(ctx, i.rollout.commit)
	if err != nil {
		return err
	}
	part.Objects, part.Warnings = len(rendered.Objects), rendered.Warnings
	if part.Findings, err = i.rollout.judge.findings(ctx, rendered, locator(ctx, tree)); err != nil {
		return fmt.Errorf("judge %s: %w", part.Target, err)
	}
	if i.rollout.judge.Policies != nil {
		part.Tested = part.Objects
	}
	return nil
}

// forTerminal is a receipt's hint with the flag in place of the comment.
func forTerminal(receipt deploy.Receipt) string {
	if receipt.State == deploy.Waiting && receipt.Plan != nil && strings.Contains(receipt.Hint, "/confirm") {
		return fmt.Sprintf("say so with --confirm %s=%.*s", receipt.Target, confirmDigits, receipt.Plan.Digest)
	}
	return receipt.Hint
}

// confirmDigits is how much of a plan's digest a person has to say.
const confirmDigits = 12

// Denied says which policy stands against what would be applied; nil where none does.
func (i *Intent) Denied() *render.Problem {
	for _, part := range i.Report.Parts {
		for _, finding := range part.Findings {
			if finding.Level == policy.Deny {
				return &render.Problem{
					Message: fmt.Sprintf("nothing was applied: rule %s denies %s", finding.Rule, part.Target),
					Hint:    "mend it, or name the targets that no policy denies",
				}
			}
		}
	}
	return nil
}

// Ready are the targets that applying would write, if all goes well: an environment
// behind one in which something stands against it does not begin.
func (i *Intent) Ready() []render.Target {
	var ready []render.Target
	for _, s := range i.stops {
		var here []render.Target
		standing, blocking := false, false
		for _, q := range s.requests {
			switch i.foreseen(q.Target).State {
			case deploy.Applying:
				here = append(here, q.Target)
			case deploy.Unchanged:
			default:
				standing, blocking = true, blocking || i.rollout.rank(q.Target) != 0
			}
		}
		if !blocking {
			ready = append(ready, here...)
		}
		if standing {
			break
		}
	}
	return ready
}

// Apply says the words and brings the targets there, environment by environment: one
// that does not end well keeps those behind it from beginning, and they have no
// receipt. heard is told of receipts as they grow.
func (i *Intent) Apply(ctx context.Context, heard func(deploy.Receipt)) ([]deploy.Receipt, error) {
	told := &listener{heard: heard, last: make(map[render.Target]deploy.Receipt)}
	var err error
	for _, s := range i.stops {
		var ok bool
		if ok, err = i.environment(ctx, s, told); err != nil || !ok {
			break
		}
	}
	var receipts []deploy.Receipt
	for _, s := range i.stops {
		for _, q := range s.requests {
			if receipt, begun := told.last[q.Target]; begun {
				receipt.Hint = forTerminal(receipt)
				receipts = append(receipts, receipt)
			}
		}
	}
	return receipts, err
}

// environment applies what is ready of one environment. What is not is told as it was
// foreseen, and keeps what depends on it from beginning.
func (i *Intent) environment(ctx context.Context, s *stop, told *listener) (bool, error) {
	ready, blocking := *s, false
	ready.requests = nil
	for _, q := range s.requests {
		receipt := i.foreseen(q.Target)
		if receipt.State == deploy.Applying || receipt.State == deploy.Unchanged {
			ready.requests = append(ready.requests, q)
			continue
		}
		told.progress(receipt)
		blocking = blocking || i.rollout.rank(q.Target) != 0
	}
	if blocking {
		return false, nil
	}
	if err := i.speak(ctx, &ready); err != nil {
		return false, err
	}
	ok, err := i.rollout.environment(ctx, &ready, told)
	return ok && len(ready.requests) == len(s.requests), err
}

func (i *Intent) foreseen(target render.Target) deploy.Receipt {
	return i.Foreseen[slices.IndexFunc(i.Foreseen, func(r deploy.Receipt) bool { return r.Target == target })]
}

// speak stores the person's words of one environment's targets, right before it is
// their turn: a word that is not needed in the end is not left behind.
func (i *Intent) speak(ctx context.Context, s *stop) error {
	for _, q := range s.requests {
		for _, word := range i.words[q.Target] {
			n := named{s, q.Target}
			if err := s.cluster.Say(ctx, n.key(i.rollout.repo), word); err != nil {
				return fmt.Errorf("%s %s: %w", word.Verb, q.Target, err)
			}
			record := s.records[q.Target]
			record.Words = append(slices.Clone(record.Words), word)
			s.records[q.Target] = record
		}
	}
	return nil
}

// A listener is the audience of a terminal.
type listener struct {
	heard func(deploy.Receipt)

	mu   sync.Mutex
	last map[render.Target]deploy.Receipt
}

// progress implements [audience].
func (l *listener) progress(receipt deploy.Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[receipt.Target] = receipt
	l.heard(receipt)
}

// notBegun implements [audience]: what has no receipt has not begun.
func (*listener) notBegun(render.Environment, render.Environment) {}

// begun implements [audience]: nobody waits to be told.
func (*listener) begun() <-chan struct{} { return nil }

// say implements [audience]: all is said as it is heard.
func (*listener) say(context.Context) error { return nil }
