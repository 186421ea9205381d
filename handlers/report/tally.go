package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/preview"
)

// A tally is what a number of targets come to, counted.
type tally struct {
	targets  int
	changing int // targets that applying would change
	failed   int // targets that could not be rendered
	objects  int // objects that were compared
	drifted  int // objects that differed already
	live     map[preview.Live]int
	actions  map[preview.Action]int
	findings map[policy.Level]int
	waived   int // findings that a waiver excuses, which are of no level here
	tested   int // objects that policies were asked about
}

func count(parts ...Part) tally {
	t := tally{targets: len(parts), live: map[preview.Live]int{}, actions: map[preview.Action]int{}, findings: map[policy.Level]int{}}
	for _, p := range parts {
		for _, f := range p.Findings {
			if f.Waived != nil {
				t.waived++
			} else {
				t.findings[f.Level]++
			}
		}
		t.tested += p.Tested
		if p.Plan == nil {
			t.failed++
			continue
		}
		t.live[p.Plan.Live]++
		t.drifted += p.Plan.Drifted()
		changes := false
		for action, n := range p.Plan.Counts() {
			t.actions[action] += n
			t.objects += n
			changes = changes || action != preview.None && action != preview.Unknown && action != preview.Encrypted
		}
		if changes {
			t.changing++
		}
	}
	return t
}

// compared is how many objects were held against what is live, or would have been.
func (t tally) compared() int { return t.objects - t.actions[preview.Encrypted] }

// changes prints "2 creates, 5 updates", the actions in their fixed order; empty
// when nothing would be done.
func (t tally) changes() string {
	var words []string
	for _, action := range []preview.Action{preview.Create, preview.Update, preview.Replace, preview.Delete} {
		if n := t.actions[action]; n > 0 {
			words = append(words, plural(n, string(action)))
		}
	}
	return strings.Join(words, ", ")
}

// trouble prints what is not as it should be, worst first, each with its count.
func (t tally) trouble() []string {
	var words []string
	say := func(n int, format string) {
		if n > 0 {
			words = append(words, fmt.Sprintf(format, number(n)))
		}
	}
	if t.failed > 0 {
		words = append(words, plural(t.failed, "target")+" cannot be rendered")
	}
	say(t.live[preview.LiveUnreachable], "%s unreachable")
	say(t.live[preview.LiveRefused], "%s without access to a cluster")
	say(t.findings[policy.Deny], "%s denied")
	say(t.actions[preview.Refused], "%s refused")
	say(t.actions[preview.Unknown], "%s unknown")
	say(t.actions[preview.Encrypted], "%s encrypted")
	if t.findings[policy.Warn] > 0 {
		words = append(words, plural(t.findings[policy.Warn], "warning"))
	}
	say(t.drifted, "%s already drifted")
	if n := t.live[preview.LiveOffline]; n > 0 {
		words = append(words, plural(n, "target")+" not compared with a cluster")
	}
	return words
}

// main prints what the targets come to without their troubles.
func (t tally) main() string {
	switch {
	case t.changing > 0 && t.changes() != "":
		return fmt.Sprintf("%s %s: %s", plural(t.changing, "target"), agree(t.changing, "changes", "change"), t.changes())
	case t.failed == 0 && t.actions[preview.Refused]+t.actions[preview.Unknown] == 0 && t.live[preview.LiveUnreachable] == 0:
		return fmt.Sprintf("No change: %s of %s compared", plural(t.compared(), "object"), plural(t.targets, "target"))
	default:
		return plural(t.targets, "target") + " affected"
	}
}

// verdict prints a tally in one line, counts first.
func (t tally) verdict() string {
	return strings.Join(append([]string{t.main()}, t.trouble()...), " · ")
}

// Verdict says in one line, with counts, what a report comes to. It has no markup
// and nothing in it comes from a repository.
func Verdict(r Report) string {
	if len(r.Conflicts) > 0 {
		return fmt.Sprintf("Nothing was planned: %s %s", plural(len(r.Conflicts), "file"), agree(len(r.Conflicts), "conflicts", "conflict"))
	}
	words := []string{"No target reads what changed"}
	if len(r.Parts) > 0 {
		words = []string{count(r.Parts...).main()}
	}
	if len(r.Problems) > 0 {
		words = append(words, plural(len(r.Problems), "problem")+" of configuration or policies")
	}
	if len(r.Parts) == 0 && len(r.Problems) > 0 {
		words = words[1:]
	}
	words = append(words, count(r.Parts...).trouble()...)
	switch {
	case r.Unsandboxed:
		words = append(words, "there is no sandbox to render it in")
	case r.Outsider:
		words = append(words, "a collaborator must allow it")
	}
	return strings.Join(words, " · ")
}

// conclusion is how a target's check ends.
func (p Part) conclusion() Conclusion {
	t := count(p)
	switch {
	case t.failed > 0, t.findings[policy.Deny] > 0, t.actions[preview.Refused]+t.actions[preview.Unknown] > 0,
		t.live[preview.LiveUnreachable]+t.live[preview.LiveRefused] > 0:
		return Failure
	default:
		return Success
	}
}

// Conclusion is how the gate ends: failure when anything is denied, refused,
// unknown, in conflict, not renderable or wrongly configured, or where a cluster
// was not to be had; action_required when a person must allow the plan first;
// success otherwise, also when nothing is affected.
func (r Report) Conclusion() Conclusion {
	if len(r.Conflicts) > 0 || len(r.Problems) > 0 {
		return Failure
	}
	worst := Success
	if r.Outsider || r.Unsandboxed {
		worst = ActionRequired
	}
	for _, p := range r.Parts {
		worst = Worst(worst, p.conclusion())
	}
	return worst
}

// Denied reports whether the answer is no: the change does not merge, a policy
// denies it or an API server refuses it. A report can fail without being denied,
// where something could not be found out.
func (r Report) Denied() bool {
	t := count(r.Parts...)
	return len(r.Conflicts) > 0 || t.findings[policy.Deny] > 0 || t.actions[preview.Refused] > 0
}

// severity orders conclusions, worst first.
var severity = []Conclusion{Failure, TimedOut, ActionRequired, Neutral, Success}

// Worst returns the worst of conclusions, e.g. of several pull requests that share
// a head; success of none. A conclusion that it does not know is a failure.
func Worst(conclusions ...Conclusion) Conclusion {
	worst := len(severity) - 1
	for _, c := range conclusions {
		at := 0
		for i, known := range severity {
			if c == known {
				at = i
			}
		}
		worst = min(worst, at)
	}
	return severity[worst]
}
