package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/preview"
)

// blocks returns what is to be said of each target under the table, the most urgent
// first, each in its forms. What waits is said above; what has not begun has none.
func (d DeploymentReport) blocks() [][]string {
	targets := d.targets()
	slices.SortStableFunc(targets, func(a, b TargetDeployment) int { return urgency(a.state()) - urgency(b.state()) })
	failed := 0
	for _, t := range targets {
		if failing(t.state()) {
			failed++
		}
	}
	var blocks [][]string
	for _, t := range targets {
		switch state := t.state(); {
		case t.Problem != nil:
			note := "- ❌ " + code(short(t.Target.String(), 120)) + ": " + problemNote(*t.Problem) + "\n"
			blocks = append(blocks, []string{note})
		case t.Receipt == nil || state == string(deploy.Waiting):
		case failing(state):
			blocks = append(blocks, []string{t.failure(failed <= 3, 20), t.failure(failed <= 3, 3), t.failureLine()})
		case state == string(deploy.Applying):
			blocks = append(blocks, []string{t.underWay(8), t.underWay(1)})
		default:
			p := progressOf(*t.Receipt)
			if len(targets) > manyTargets && p.pruned+p.kept == 0 {
				continue // the table says how many were applied
			}
			if block := t.done(); block != "" {
				blocks = append(blocks, []string{block})
			}
		}
	}
	return blocks
}

// failure says why a target failed: the reason with its hint, then the objects that
// are not as they should be, at most most.
func (t TargetDeployment) failure(open bool, most int) string {
	r := *t.Receipt
	attribute := ""
	if open {
		attribute = " open"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details%s><summary>❌ <b>%s</b> %s</summary>\n\n", attribute, tag(short(t.Target.String(), 120)), summaryOf(r))
	fmt.Fprintf(&b, "- %s%s\n", sentence(brief(orSilent(r.Reason), 1500)), hint(r.Hint))
	b.WriteString(objectLines(r, most))
	if r.State == deploy.Failed || r.State == deploy.Held {
		b.WriteString("\nIt stays as it is until a new commit renders something else.\n")
	}
	return b.String() + "\n</details>\n\n"
}

func (t TargetDeployment) failureLine() string {
	return fmt.Sprintf("- ❌ %s %s: %s\n", code(short(t.Target.String(), 120)), t.state(), sentence(brief(orSilent(t.Receipt.Reason), 120)))
}

// summaryOf is the line of a receipt that stays when it is folded.
func summaryOf(r deploy.Receipt) string {
	p := progressOf(r)
	words := []string{string(r.State)}
	for _, more := range []string{p.objects(), p.health()} {
		if more != "" {
			words = append(words, more)
		}
	}
	return strings.Join(words, " · ")
}

// objectLines lists the objects that are not where they should be.
func objectLines(r deploy.Receipt, most int) string {
	objects := awaited(r)
	var b strings.Builder
	for _, o := range objects[:min(most, len(objects))] {
		fmt.Fprintf(&b, "- %s %s%s\n", code(short(o.ID.String(), 300)), objectStates[o.State], after(o.Message, 500))
	}
	if left := len(objects) - most; left > 0 {
		fmt.Fprintf(&b, "- %s not listed here\n", plural(left, "more object"))
	}
	return b.String()
}

// after is a message behind a colon, or nothing.
func after(message string, most int) string {
	if message == "" {
		return ""
	}
	return ": " + sentence(brief(message, most))
}

// underWay says how far a target has come and what it waits for.
func (t TargetDeployment) underWay(most int) string {
	objects := awaited(*t.Receipt)
	p := progressOf(*t.Receipt)
	line := fmt.Sprintf("- %s: %s of %s healthy", code(short(t.Target.String(), 120)), number(p.healthy), plural(p.watched, "object"))
	var names []string
	for _, o := range objects[:min(most, len(objects))] {
		words := o.Message
		if words == "" {
			words = objectStates[o.State]
		}
		names = append(names, code(short(o.ID.String(), 200))+" "+sentence(brief(words, 300)))
	}
	if len(names) == 0 {
		return line + "\n"
	}
	for range len(objects) - len(names) {
		names = append(names, "")
	}
	return line + ": " + some(names, min(most, len(names))) + "\n"
}

// done lists, folded, what an apply wrote, pruned and kept; nothing where that is
// nothing.
func (t TargetDeployment) done() string {
	const most = 40
	var lines []string
	for _, o := range t.Receipt.Objects {
		switch {
		case o.State == deploy.ObjectPruned:
			lines = append(lines, "**pruned** "+code(short(o.ID.String(), 300)))
		case o.State == deploy.ObjectKept:
			lines = append(lines, "⚠️ **kept** "+code(short(o.ID.String(), 300))+after(o.Message, 300))
		case o.State == deploy.ObjectSkipped:
			lines = append(lines, "**not applied** "+code(short(o.ID.String(), 300))+after(o.Message, 300))
		case o.Action != preview.None && o.State != deploy.ObjectPending:
			lines = append(lines, "**"+string(o.Action)+"** "+code(short(o.ID.String(), 300)))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	text := "- " + strings.Join(lines[:min(most, len(lines))], "\n- ") + "\n"
	if left := len(lines) - most; left > 0 {
		text += fmt.Sprintf("- %s not listed here\n", plural(left, "more object"))
	}
	return fmt.Sprintf("<details><summary><b>%s</b> %s</summary>\n\n%s\n</details>\n\n", tag(short(t.Target.String(), 120)), summaryOf(*t.Receipt), text)
}
