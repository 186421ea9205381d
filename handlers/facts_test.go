package handlers

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// approvedBy are those who approved the head.
type approvedBy []string

func (a approvedBy) Approvers(context.Context, Repository, int, render.Commit) ([]string, error) {
	return a, nil
}

// writers may all write.
type writers struct{ People }

func (writers) Role(context.Context, Repository, string) (Role, error) { return RoleWrite, nil }

// Whoever asked for a promotion counts as its author to policies, too, though our own
// account opened it, and approves nothing; nor does who asked for the same later.
func TestWhoAskedApprovesNothing(t *testing.T) {
	p := &proposing{report: report.PromotionReport{From: "staging", To: "production", Carried: []report.CarriedApplication{{Application: "web"}}}}
	_, body := p.text([]report.Asker{{Login: "bob"}, {Login: "Carol"}})
	w := &Worker{Reviews: approvedBy{"alice", "bob", "carol"}, People: writers{}}
	for _, test := range []struct {
		name string
		pull Pull
		want policy.PullRequest
	}{
		{"a promotion", Pull{Author: "slipway[bot]", Said: body}, policy.PullRequest{Author: "bob", Approvals: []string{"alice"}}},
		{"another of ours", Pull{Author: "slipway[bot]", Said: "<!-- slipway:other -->\ntext"}, policy.PullRequest{Author: "slipway[bot]", Approvals: []string{"alice", "bob", "carol"}}},
		{"a person's", Pull{Author: "bob"}, policy.PullRequest{Author: "bob", Approvals: []string{"alice", "carol"}}},
	} {
		got, err := w.facts(t.Context(), shop, test.pull)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
