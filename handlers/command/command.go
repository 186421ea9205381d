// Package command turns the text of a comment into the commands that a person
// gives in it, and into the near misses that they should be told of.
//
// A command is a line of the comment's own text that starts with /verb or with
// /slipway verb. What a comment only shows (quotes, code, HTML comments, what is
// folded away or struck out) commands nothing, nor does a line with a character
// that is not what it looks like. Whether the one who wrote it may do what it says
// is for others to find out: this package sees the text alone.
package command

import (
	"regexp"
	"slices"
	"strings"
)

// Verb says what a command does.
type Verb string

// The verbs.
const (
	Help    Verb = "help"
	Plan    Verb = "plan"
	Promote Verb = "promote"
	Apply   Verb = "apply"
	Confirm Verb = "confirm"
	Status  Verb = "status"
	// OkToPlan lets clusters be asked about a commit of somebody else's.
	OkToPlan Verb = "ok-to-plan"
)

// An Environment is the name of one as a person wrote it: whether there is such
// an environment is for the configuration to say.
type Environment string

// An Application is the name of one as a person wrote it.
type Application string

// A Target is what a person wrote to mean one or several targets: environment/application,
// or an environment.
type Target string

// A Digest is that of a plan as a person wrote it: at least [MinDigest] digits of
// lower-case hexadecimal, of which the plan's digest must begin.
type Digest string

// MinDigest is how many digits of a digest a person has to write.
const MinDigest = 12

// A Commit is the name of one as a person wrote it: 40 or 64 digits of lower-case
// hexadecimal, or at least [MinCommit] of the first.
type Commit string

// MinCommit is how many digits of a commit a person has to write.
const MinCommit = 7

// A Command is one that a comment gives. What its verb does not use is empty.
type Command struct {
	Verb Verb `json:"verb"`
	// About is the verb that Help was asked about; empty for all.
	About Verb `json:"about,omitempty"`
	// From, To and Applications are Promote's; no applications means all.
	From         Environment   `json:"from,omitempty"`
	To           Environment   `json:"to,omitempty"`
	Applications []Application `json:"applications,omitempty"`
	// Targets are those of Apply (none means all that wait), of Confirm (always
	// one) and of Status (at most one).
	Targets []Target `json:"targets,omitempty"`
	// Digest is the plan's that Confirm is about.
	Digest Digest `json:"digest,omitempty"`
	// Commit is OkToPlan's, as it was written: whole, or its first digits.
	Commit Commit `json:"commit,omitempty"`

	Line int    `json:"line"` // 1-based, in the comment
	Text string `json:"text"` // the line as it was written, trimmed
}

// String prints the command the one way that documentation, hints and logs write
// it; parsed, it is the same command.
func (c Command) String() string {
	words := []string{"/" + string(c.Verb)}
	if c.About != "" {
		words = append(words, string(c.About))
	}
	if c.From != "" || c.To != "" {
		words = append(words, string(c.From)+"→"+string(c.To))
	}
	for _, application := range c.Applications {
		words = append(words, string(application))
	}
	for _, target := range c.Targets {
		words = append(words, string(target))
	}
	if c.Digest != "" {
		words = append(words, string(c.Digest))
	}
	if c.Commit != "" {
		words = append(words, string(c.Commit))
	}
	return strings.Join(words, " ")
}

// A Mistake is a line that was meant for Slipway, as it seems, and is no command.
type Mistake struct {
	Line    int    `json:"line"` // 1-based, in the comment
	Text    string `json:"text"` // the line as it was written, shortened; not safe to print as Markdown
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Help says that the answer should list the verbs.
	Help bool `json:"help,omitempty"`
}

// MaxCommands is how many commands one comment may give; and as many mistakes are
// told.
const MaxCommands = 10

// Parse returns the commands of a comment and its mistakes, each in the order of
// their lines. It takes the whole body as GitHub has it; the time it takes grows
// with the body's length and no faster. A comment with mistakes may have commands
// too, which stand.
func Parse(body string) ([]Command, []Mistake) {
	var commands []Command
	var mistakes []Mistake
	for _, l := range candidates(body) {
		command, mistake := parseLine(l)
		switch {
		case mistake == nil && command == nil:
		case mistake == nil && len(commands) == MaxCommands:
			return commands, append(mistakes[:min(len(mistakes), MaxCommands-1)], l.mistake(
				"a comment may give at most 10 commands; this one and what follows is not obeyed", "write another comment"))
		case mistake == nil:
			commands = append(commands, *command)
		case len(mistakes) < MaxCommands:
			mistakes = append(mistakes, *mistake)
		}
	}
	return commands, mistakes
}

// parseLine is the command or the mistake of a line, or neither.
func parseLine(l line) (*Command, *Mistake) {
	name, rest := cut(l.text)
	if disguised := unmask(l); disguised != nil {
		return nil, disguised
	}
	if !strings.HasPrefix(name, "/") || !ascii(name) {
		return nil, nil
	}
	name = strings.ToLower(name[1:])
	addressed := name == "slipway"
	if addressed {
		if name, rest = cut(rest); name == "" {
			name = string(Help)
		}
		name = strings.ToLower(name)
	}
	v, known := verbs[Verb(name)]
	if !known {
		return nil, l.unknown(name, addressed)
	}
	if l.within != "" {
		return nil, l.wrong("stands inside the "+l.within+" above it", "leave an empty line before the command")
	}
	arguments, mistake := l.arguments(Verb(name), rest)
	if mistake != nil {
		return nil, mistake
	}
	command := Command{Verb: Verb(name), Line: l.number, Text: l.text}
	if message := v.take(&command, arguments); message != "" {
		return nil, l.wrong("/"+name+" "+message, v.hint())
	}
	return &command, nil
}

// verbLike is what somebody could have meant as a verb: no path, no address.
var verbLike = regexp.MustCompile(`^[a-z][a-z0-9_-]*[.,:;!?]*$`)

// unknown is the mistake of a verb that there is not, or nil where it was not
// meant for Slipway.
func (l line) unknown(name string, addressed bool) *Mistake {
	near := nearest(strings.TrimRight(name, ".,:;!?"))
	switch {
	case !addressed && (l.within != "" || !verbLike.MatchString(name)):
		return nil
	case near != "" && (addressed || !slices.Contains(foreign, name)):
		return l.wrong("there is no verb "+quote(name), "did you mean /"+string(near)+"?")
	case addressed:
		mistake := l.mistake("there is no verb "+quote(name), "the verbs are "+list())
		mistake.Help = true
		return &mistake
	}
	return nil
}

func (l line) mistake(message, hint string) Mistake {
	return Mistake{Line: l.number, Text: shorten(l.text), Message: message, Hint: hint}
}

func (l line) wrong(message, hint string) *Mistake {
	mistake := l.mistake(message, hint)
	return &mistake
}

// shorten keeps what is told of a line to a line.
func shorten(text string) string {
	const longest = 100
	runes := 0
	for at := range text {
		if runes++; runes > longest {
			return text[:at] + "…"
		}
	}
	return text
}

// quote prints a word that a person wrote so that nothing in it can be anything
// but text.
func quote(word string) string {
	var b strings.Builder
	for _, r := range shorten(word) {
		if r < ' ' || r == '`' || r == '"' || r == '<' || r == '>' || r == '@' || r == '#' || invisible(r) {
			r = '�'
		}
		b.WriteRune(r)
	}
	return `"` + b.String() + `"`
}
