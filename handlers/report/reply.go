package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// A CommandReply is what is said to the commands of one comment.
type CommandReply struct {
	Comment int64 // the id of the comment that is answered
	// Results are the commands' in the order in which they were written.
	Results []CommandResult
	// DetailsURL is a page about the work; may be empty.
	DetailsURL string
}

// A CommandState says what became of a command.
type CommandState string

// The states of a command.
const (
	CommandAccepted CommandState = "accepted" // it waits for its turn
	CommandWorking  CommandState = "working"
	CommandDone     CommandState = "done"
	CommandRefused  CommandState = "refused" // nothing was done, and Problem says what would help
	CommandFailed   CommandState = "failed"  // it was begun and did not end well
)

// A CommandResult is what became of one command.
type CommandResult struct {
	Command string // as it was written
	State   CommandState
	// Message says what is done or was done, in a sentence or two; what stands
	// between backticks is shown as code. It may be empty.
	Message string
	// Problem says why a command was refused or failed, and what to do.
	Problem *render.Problem
	// Reasons say why parts of the command were not done, each with what to do.
	Reasons []render.Problem
	// Link is a page to go on with, e.g. the promotion's; LinkText names it.
	Link, LinkText string
	// Help is set for the verb help, Status for the verb status.
	Help   []VerbHelp
	Status *StatusReport
}

// A VerbHelp explains one verb.
type VerbHelp struct {
	Usage   string // /promote <from>→<to> [application…]
	Does    string // a few words
	Example string // a whole command
	Needs   string // who may, e.g. write; empty for whoever may read
}

// ReplyMarker returns the first line of the reply to a comment.
func ReplyMarker(comment int64) string { return fmt.Sprintf("<!-- slipway:reply %d -->", comment) }

// Reply returns the one reply to a comment, of at most MaxComment characters. It
// is edited until every command has its result.
func Reply(r CommandReply) string {
	marker := ReplyMarker(r.Comment) + "\n"
	var text string
	for _, b := range brevities {
		text = marker + r.body(b)
		if size(text) <= MaxComment {
			break
		}
	}
	return text
}

// commandIcons mark what became of a command.
var commandIcons = map[CommandState]string{
	CommandAccepted: "⏳", CommandWorking: "⏳", CommandDone: "✅", CommandRefused: "❌", CommandFailed: "❌",
}

func (r CommandReply) body(b brevity) string {
	const most = 20 // a comment has few commands, and as few mistakes
	var s strings.Builder
	if len(r.Results) > 1 {
		s.WriteString("**" + r.verdict() + "**\n\n")
	}
	for _, result := range r.Results[:min(most, len(r.Results))] {
		s.WriteString(result.line(b) + "\n")
		s.WriteString(result.reasons(b))
		if len(result.Help) > 0 {
			s.WriteString(helpTable(result.Help, b) + "\n")
		}
		if result.Status != nil {
			s.WriteString(result.Status.markdown(b) + "\n")
		}
	}
	if left := len(r.Results) - most; left > 0 {
		fmt.Fprintf(&s, "%s not listed here\n", plural(left, "more command"))
	}
	if link := pageLink(r.DetailsURL); link != "" && size(link) < 1000 {
		s.WriteString("<sub>" + link + "</sub>\n")
	}
	return strings.TrimRight(s.String(), "\n") + "\n"
}

// verdict counts the commands by what became of them.
func (r CommandReply) verdict() string {
	counts := map[CommandState]int{}
	for _, result := range r.Results {
		counts[result.State]++
	}
	words := []string{fmt.Sprintf("%s of %s done", number(counts[CommandDone]), plural(len(r.Results), "command"))}
	for _, state := range []CommandState{CommandFailed, CommandRefused, CommandWorking, CommandAccepted} {
		if n := counts[state]; n > 0 {
			words = append(words, number(n)+" "+string(state))
		}
	}
	return strings.Join(words, " · ")
}

// line says what became of a command, and what to do.
func (c CommandResult) line(b brevity) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s **%s** %s", commandIcons[c.State], c.State, code(short(c.Command, 200)))
	if c.Message != "" {
		s.WriteString(": " + sentence(brief(c.Message, b.notes)))
	}
	if link := namedLink(c.LinkText, c.Link); link != "" && size(link) < 1000 {
		s.WriteString(" " + link)
	}
	if c.Problem != nil {
		p := *c.Problem
		p.Message, p.Hint = brief(p.Message, b.notes), brief(p.Hint, b.notes)
		s.WriteString(": " + problemNote(p))
	}
	return s.String() + "\n"
}

// reasons lists what was not done.
func (c CommandResult) reasons(b brevity) string {
	if len(c.Reasons) == 0 {
		return ""
	}
	return list(c.Reasons, b.items, "reason", func(p render.Problem) string {
		p.Message, p.Hint = brief(p.Message, b.notes), brief(p.Hint, b.notes)
		return "❌ " + problemNote(p)
	})
}

// helpTable lists the verbs.
func helpTable(verbs []VerbHelp, b brevity) string {
	var s strings.Builder
	s.WriteString("| say | to | for example | needs |\n|:--|:--|:--|:--|\n")
	for i, v := range verbs {
		if i == b.items {
			fmt.Fprintf(&s, "| %s | | | |\n", plural(len(verbs)-i, "more verb"))
			break
		}
		needs := "read"
		if v.Needs != "" {
			needs = v.Needs
		}
		fmt.Fprintf(&s, "| %s | %s | %s | %s |\n", cell(short(v.Usage, 100)), cellSentence(brief(v.Does, 100)), cell(short(v.Example, 100)), cellSentence(brief(needs, 100)))
	}
	return s.String() + "\nA command is a line of its own in a new comment; what is quoted, or stands in code, or was edited in, commands nothing.\n"
}

// cellSentence is sentence for a table, whose cells a pipe would end.
func cellSentence(s string) string { return sentence(strings.ReplaceAll(s, "|", "¦")) }
