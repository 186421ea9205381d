package report

import (
	"fmt"

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
func Reply(r CommandReply) string { return ReplyMarker(r.Comment) + "\n" + r.body() }
