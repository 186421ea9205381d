package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A verb is how one is written, and how its arguments become a command's.
type verb struct {
	usage   string // its form, e.g. /status [environment|target]
	example string // a whole command
	about   string // what it does, for help
	// take puts the arguments, each of which is a word of harmless characters,
	// into the command; the message says what is wrong with them, after the verb.
	take func(command *Command, arguments []string) (message string)
}

// verbs are all there are. What is added here is in Verbs, Usage, help and the
// suggestions.
var verbs map[Verb]verb

func init() { // takeHelp looks into the table
	verbs = map[Verb]verb{
		Help:     {"/help [verb]", "/help", "says what can be said here", takeHelp},
		Plan:     {"/plan", "/plan", "plans this pull request again", takeNothing},
		Promote:  {"/promote <from>→<to> [application…]", "/promote staging→production", "opens the pull request that carries what is healthy in one environment to another", takePromotion},
		Apply:    {"/apply [environment|target…]", "/apply production/web-app", "applies what waits for a person's word", takeTargets},
		Confirm:  {"/confirm <target> <plan digest>", "/confirm production/web-app 3f9d0c417be2", "allows the deletions of one exact plan", takeConfirmation},
		OkToPlan: {"/ok-to-plan <commit>", "/ok-to-plan 5b1f8a4c2d9e0f7a6b3c1d8e4f2a9b7c0d5e6f13", "lets the clusters be asked about that commit of an outsider's", takeCommit},
		Status:   {"/status [environment|target]", "/status production", "says what is deployed, since when, and whether it is healthy", takeOneTarget},
	}
}

// order is that in which verbs are listed.
var order = []Verb{Plan, OkToPlan, Apply, Confirm, Promote, Status, Help}

// Verbs lists the verbs in the order in which help has them.
func Verbs() []Verb { return slices.Clone(order) }

// Usage is a verb's form, e.g. /status [environment|target], and what it does in a
// few words; both are empty for what is no verb.
func Usage(name Verb) (form, about string) { return verbs[name].usage, verbs[name].about }

// Example is a whole command of a verb; empty for what is no verb.
func Example(name Verb) string { return verbs[name].example }

// list is the verbs as they are written.
func list() string {
	var names []string
	for _, name := range order {
		names = append(names, "/"+string(name))
	}
	return strings.Join(names, ", ")
}

// hint says how the verb is written.
func (v verb) hint() string {
	if v.usage == v.example {
		return "write " + v.usage
	}
	return "write " + v.usage + ", e.g. " + v.example
}

// foreign are verbs of other robots that are near to one of ours and yet not
// meant for us; those that are near to none need not be here.
var foreign = []string{
	"app", "apple", "approve", "assign", "cancel", "cc", "close", "confirmed", "deploy", "freeze", "helm", "hello", "hold",
	"kind", "label", "lgtm", "lock", "merge", "milestone", "ok-to-test", "place", "planning", "priority", "rebase", "remote",
	"reopen", "retest", "rerun", "run", "self", "stage", "state", "static", "stats", "supply", "test", "unassign", "unhold",
	"reply",
}

func takeNothing(_ *Command, arguments []string) string {
	if len(arguments) > 0 {
		return "takes nothing after it"
	}
	return ""
}

func takeHelp(command *Command, arguments []string) string {
	if len(arguments) == 0 {
		return ""
	}
	about := Verb(strings.ToLower(strings.TrimPrefix(arguments[0], "/")))
	if _, known := verbs[about]; !known || len(arguments) > 1 {
		return "takes one verb at most: " + list()
	}
	command.About = about
	return ""
}

func takePromotion(command *Command, arguments []string) string {
	if len(arguments) < 3 || arguments[1] != arrow && arguments[1] != "to" {
		return "needs to know from where and to where"
	}
	for _, name := range slices.Concat(arguments[:1], arguments[2:]) {
		if message := badName(name); message != "" {
			return message
		}
	}
	command.From, command.To = Environment(arguments[0]), Environment(arguments[2])
	if arguments[0] == arguments[2] {
		return "goes from one environment to another, not to itself"
	}
	for _, name := range arguments[3:] {
		if !slices.Contains(command.Applications, Application(name)) {
			command.Applications = append(command.Applications, Application(name))
		}
	}
	return ""
}

func takeTargets(command *Command, arguments []string) string {
	for _, name := range arguments {
		if message := badTarget(name); message != "" {
			return message
		}
		if !slices.Contains(command.Targets, Target(name)) {
			command.Targets = append(command.Targets, Target(name))
		}
	}
	return ""
}

func takeOneTarget(command *Command, arguments []string) string {
	if len(arguments) > 1 {
		return "takes one environment or target at most"
	}
	return takeTargets(command, arguments)
}

var digest = regexp.MustCompile(fmt.Sprintf("^[0-9a-f]{%d,64}$", MinDigest))

func takeConfirmation(command *Command, arguments []string) string {
	if len(arguments) != 2 {
		return "needs one target and the digest of its plan"
	}
	if !digest.MatchString(strings.ToLower(arguments[1])) {
		return fmt.Sprintf("needs a plan's digest after the target, and %s is none: %d to 64 digits 0-9 and a-f", quote(arguments[1]), MinDigest)
	}
	command.Digest = Digest(strings.ToLower(arguments[1]))
	return takeTargets(command, arguments[:1])
}

var commit = regexp.MustCompile(fmt.Sprintf("^[0-9a-f]{%d,64}$", MinCommit))

func takeCommit(command *Command, arguments []string) string {
	if len(arguments) != 1 {
		return "needs one commit: the one that was looked at"
	}
	if !commit.MatchString(strings.ToLower(arguments[0])) {
		return fmt.Sprintf("needs a commit, and %s is none: %d to 64 digits 0-9 and a-f, best all of them", quote(arguments[0]), MinCommit)
	}
	command.Commit = Commit(strings.ToLower(arguments[0]))
	return ""
}

// name is an environment's or application's: a directory's name, of the
// characters that Kubernetes' names have and a little more.
var name = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$`)

func badName(word string) string {
	if name.MatchString(word) {
		return ""
	}
	return "needs names of letters, digits, dots and hyphens, and " + quote(word) + " is none"
}

func badTarget(word string) string {
	environment, application, two := strings.Cut(word, "/")
	if message := badName(environment); message != "" || two && badName(application) != "" {
		return "needs targets like production/web-app or production, and " + quote(word) + " is none"
	}
	return ""
}
