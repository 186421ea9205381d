package github_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/app/github"
	standin "github.com/slipwayhq/slipway/fixtures/github"
	"github.com/slipwayhq/slipway/handlers"
)

// F4: whichever answer is lost, one pull request comes of it, and it says what is
// proposed; where the call fails, the next one goes on.
func TestProposeAfterAFailure(t *testing.T) {
	for _, tc := range []struct {
		lost string
		want handlers.ProposalOutcome // of the attempt that loses it; "" is an error
	}{
		{createTree, ""}, {createCommit, ""}, {createRef, handlers.ProposalOpened}, {createPull, handlers.ProposalOpened},
		{updateRef, handlers.ProposalUpdated}, {updatePull, ""},
	} {
		t.Run(tc.lost, func(t *testing.T) {
			w := newProposals(t)
			p := w.proposal("one")
			if strings.Contains(tc.lost, "update") {
				w.propose(p, handlers.ProposalOpened)
				p = w.proposal("two")
			}
			w.github.Fail(standin.LostAnswer(tc.lost, 1))
			got, err := w.slipway.Proposals().Propose(t.Context(), w.where, p)
			if got.Outcome != tc.want && err == nil || tc.want == "" && !errors.Is(err, github.ErrTemporary) {
				t.Errorf("%s, %v; want %q", got.Outcome, err, tc.want)
			}
			if tc.want == "" {
				got, err = w.slipway.Proposals().Propose(t.Context(), w.where, p)
				w.must(err)
			}
			w.shows(got.Number, p)
			w.propose(p, handlers.ProposalSame)
			if n := len(w.repo.Pulls()); n != 2 { // alice's and ours
				t.Errorf("%d pull requests, want one of ours", n)
			}
		})
	}
}

// What GitHub refuses is said in its words; what the App lacks is an error.
func TestProposeRefused(t *testing.T) {
	rule := "Repository rule violations found\n\nCannot create ref due to creations being restricted."
	for name, tc := range map[string]struct {
		fault standin.Fault
		want  error // nil is refused
	}{
		"a rule":                 {standin.Fault{Operation: createRef, Status: 422, Message: rule}, nil},
		"a protected branch":     {standin.Fault{Operation: updateRef, Status: 422, Message: "Cannot force-push to this branch"}, nil},
		"an archived repository": {standin.Fault{Operation: createTree, Status: 403, Message: "Repository was archived so is read-only."}, nil},
		"a pull request":         {standin.Fault{Operation: createPull, Status: 422, Message: "Validation Failed"}, nil},
		"an empty repository":    {standin.Fault{Operation: createTree, Status: 409, Message: "Git Repository is empty."}, nil},
		"a missing permission":   {standin.Fault{Operation: createRef, Status: 403, Message: "Resource not accessible by integration"}, handlers.ErrForbidden},
		"a rate limit":           {standin.SecondaryLimit(createRef, 403, 1, time.Minute), github.ErrRateLimited},
		"a commit that is gone":  {standin.Fault{Operation: getCommit, Status: 404, Message: "Not Found"}, handlers.ErrGone},
		"a bad gateway":          {standin.ServerError(compare, 502, 1), github.ErrTemporary},
	} {
		t.Run(name, func(t *testing.T) {
			w := newProposals(t)
			p := w.proposal("one")
			if tc.fault.Operation == updateRef {
				w.propose(p, handlers.ProposalOpened)
				p = w.proposal("two")
			}
			w.github.Fail(tc.fault)
			got, err := w.slipway.Proposals().Propose(t.Context(), w.where, p)
			if tc.want != nil {
				if !errors.Is(err, tc.want) {
					t.Errorf("%s, %v; want %v", got.Outcome, err, tc.want)
				}
				return
			}
			if err != nil || got.Outcome != handlers.ProposalRefused || got.Reason != tc.fault.Message {
				t.Errorf("%s %q, %v; want it refused as %q", got.Outcome, got.Reason, err, tc.fault.Message)
			}
		})
	}
	w := newProposals(t)
	p := w.proposal("one")
	p.Files[0].Content = []byte("a: \xff\n")
	if got := w.propose(p, handlers.ProposalRefused); !strings.Contains(got.Reason, "a.yaml") {
		t.Errorf("not text: %q", got.Reason)
	}
	w.expect()
}
