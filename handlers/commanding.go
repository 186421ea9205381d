package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// Jobs implements [Event]: only a new comment that a person wrote on a pull
// request, and that has a command in it, asks for anything.
func (e CommentEvent) Jobs() []Job {
	if e.Action != "created" || !e.OnPull || !e.Person {
		return nil
	}
	if commands, mistakes := command.Parse(e.Body); len(commands)+len(mistakes) == 0 {
		return nil
	}
	return []Job{RunCommands{Repository: e.Repository, Number: e.Number, Comment: e.Comment, Author: e.Author, Body: e.Body, At: e.At}}
}

// answered is bound to a reply when all of its commands have their results, so that
// a delivery that comes twice is obeyed once.
const answered = "answered"

// runCommands obeys the commands of one comment, one after the other, and keeps one
// reply that says what became of each.
func (w *Worker) runCommands(ctx context.Context, job RunCommands) error {
	commands, mistakes := command.Parse(job.Body)
	body, _, err := w.Published.Published(ctx, job.Repository, job.Number, report.ReplyMarker(job.Comment))
	if err != nil || bound(body)[answered] != "" {
		return err
	}
	if err := w.Reactions.React(ctx, job.Repository, job.Comment, "eyes"); err != nil {
		return err
	}
	if job, err = w.seen(ctx, job, commands); err != nil {
		return err
	}
	reply := report.CommandReply{Comment: job.Comment}
	good := len(mistakes) == 0
	for _, c := range commands {
		result, err := w.obey(ctx, job, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Verb, err)
		}
		good = good && result.State == report.CommandDone
		w.audit(ctx, job, c, result)
		reply.Results = append(reply.Results, result)
	}
	for _, mistake := range mistakes {
		reply.Results = append(reply.Results, misunderstood(mistake))
	}
	said := bind(report.Reply(reply), map[string]string{answered: "yes"})
	if err := w.Comments.Publish(ctx, job.Repository, job.Number, said); errors.Is(err, ErrForbidden) { // a locked conversation: the reaction says it
		w.Log.WarnContext(ctx, "the reply cannot be written", "job", job.Key(), "error", err)
	} else if err != nil {
		return err
	}
	reaction := "rocket"
	if !good {
		reaction = "confused"
	}
	return w.Reactions.React(ctx, job.Repository, job.Comment, reaction)
}

// seen keeps, with the job, what the deployment comment said to the author of commands
// that rest on it: what they set off edits it, and a process that ends begins anew.
func (w *Worker) seen(ctx context.Context, job RunCommands, commands []command.Command) (RunCommands, error) {
	rests := func(c command.Command) bool { return c.Verb == command.Apply || c.Verb == command.Confirm }
	if job.Shown != nil || !slices.ContainsFunc(commands, rests) {
		return job, nil
	}
	body, at, err := w.Published.Published(ctx, job.Repository, job.Number, deploymentMarker)
	if err != nil {
		return job, err
	}
	job.Shown = &Shown{Bound: bound(body), At: at}
	return job, Note(ctx, job)
}

// giveUpCommands answers a comment whose commands could not be done.
func (w *Worker) giveUpCommands(ctx context.Context, job RunCommands) error {
	reply := report.CommandReply{Comment: job.Comment}
	commands, _ := command.Parse(job.Body)
	for _, c := range commands {
		reply.Results = append(reply.Results, report.CommandResult{
			Command: c.Text, State: report.CommandFailed,
			Problem: &render.Problem{Message: "Slipway failed several times, for a reason of its own", Hint: "its operator sees the cause in the log; what was done before it failed stays, and commenting again is safe"},
		})
	}
	if err := w.Comments.Publish(ctx, job.Repository, job.Number, bind(report.Reply(reply), map[string]string{answered: "yes"})); err != nil {
		return err
	}
	return w.Reactions.React(ctx, job.Repository, job.Comment, "confused")
}

// audit leaves a line for whoever asks later who did what, and why it was allowed.
func (w *Worker) audit(ctx context.Context, job RunCommands, c command.Command, result report.CommandResult) {
	reason := ""
	if result.Problem != nil {
		reason = result.Problem.Message
	}
	w.Log.InfoContext(ctx, "command", "audit", true, "repository", job.Repository.String(), "pull", job.Number, "comment", job.Comment,
		"who", job.Author, "command", c.String(), "result", string(result.State), "reason", reason)
}

func misunderstood(m command.Mistake) report.CommandResult {
	result := report.CommandResult{
		Command: m.Text, State: report.CommandRefused,
		Problem: &render.Problem{Message: m.Message, Hint: m.Hint},
	}
	if m.Help {
		result.Help = helpOf("")
	}
	return result
}

// obey does one command. What a person may not do, or got wrong, is a result.
func (w *Worker) obey(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	switch c.Verb {
	case command.Help:
		return report.CommandResult{Command: c.Text, State: report.CommandDone, Help: helpOf(c.About)}, nil
	case command.Plan:
		return w.obeyPlan(ctx, job, c)
	case command.OkToPlan:
		return w.obeyOkToPlan(ctx, job, c)
	}
	r, err := w.rollout(ctx, job.Repository)
	if err != nil {
		return report.CommandResult{}, err
	}
	if r.judge == nil {
		return refuse(c, &render.Problem{Message: "there is no usable configuration on " + job.Repository.DefaultBranch, Hint: "nothing is applied or promoted without " + config.File}), nil
	}
	switch c.Verb {
	case command.Status:
		return r.status(ctx, job, c)
	case command.Apply:
		return r.apply(ctx, job, c)
	case command.Confirm:
		return r.confirm(ctx, job, c)
	case command.Promote:
		return r.promote(ctx, job, c)
	}
	return refuse(c, &render.Problem{Message: fmt.Sprintf("%s is not known here", c.Verb), Hint: "comment /help for what is"}), nil
}

func refuse(c command.Command, problem *render.Problem) report.CommandResult {
	return report.CommandResult{Command: c.Text, State: report.CommandRefused, Problem: problem}
}

func obeyed(c command.Command, message string) report.CommandResult {
	return report.CommandResult{Command: c.Text, State: report.CommandDone, Message: message}
}

// needed says who may use a verb, where that is more than to read.
var needed = map[command.Verb]string{
	command.Plan:     "write",
	command.OkToPlan: "write, or what allow.ok-to-plan says",
	command.Promote:  "write, or what allow.promote says",
	command.Apply:    "write, or what allow.apply says",
	command.Confirm:  "write, or what allow.confirm says",
	command.Status:   "read",
}

// helpOf explains the verbs, or one of them.
func helpOf(about command.Verb) []report.VerbHelp {
	var help []report.VerbHelp
	for _, verb := range command.Verbs() {
		if about != "" && about != verb {
			continue
		}
		usage, does := command.Usage(verb)
		help = append(help, report.VerbHelp{Usage: usage, Does: does, Example: command.Example(verb), Needs: needed[verb]})
	}
	return help
}

func (w *Worker) obeyPlan(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	if problem, err := w.allowed(ctx, job, "", []string{string(RoleWrite)}); err != nil || problem != nil {
		return refuse(c, problem), err
	}
	if err := w.Queue.Insert(ctx, PlanPull{Repository: job.Repository, Number: job.Number, Again: true}); err != nil {
		return report.CommandResult{}, err
	}
	return obeyed(c, "It is planned again; the report above and the checks will say so."), nil
}

// roles in rising order.
var roles = []Role{RoleNone, RoleRead, RoleTriage, RoleWrite, RoleMaintain, RoleAdmin}

// allowed looks up now whether the comment's author has any of needs: a role,
// team:slug or user:login. It fails closed: what cannot be looked up is refused.
func (w *Worker) allowed(ctx context.Context, job RunCommands, environment render.Environment, needs []string) (*render.Problem, error) {
	role, err := w.People.Role(ctx, job.Repository, job.Author)
	if err != nil {
		return failClosed(ctx, err)
	}
	for _, need := range needs {
		kind, name, _ := strings.Cut(need, ":")
		switch kind {
		case "team":
			member, err := w.People.Member(ctx, job.Repository, name, job.Author)
			if err != nil {
				return failClosed(ctx, err)
			}
			if member {
				return nil, nil
			}
		case "user":
			if strings.EqualFold(name, job.Author) {
				return nil, nil
			}
		default:
			if wanted := slices.Index(roles, Role(need)); wanted > 0 && slices.Index(roles, role) >= wanted {
				return nil, nil
			}
		}
	}
	return report.NotAllowed(needs, environment, string(role)), nil
}

// failClosed turns a failed look-up into a refusal, unless the work is to be tried
// again anyway, because it was cancelled or GitHub asks to wait.
func failClosed(ctx context.Context, err error) (*render.Problem, error) {
	var later interface{ NotBefore() time.Time }
	if ctx.Err() != nil || errors.As(err, &later) && !later.NotBefore().IsZero() {
		return nil, err
	}
	return report.NotLookedUp(), nil
}

// needs is who may use a verb in an environment; write where nothing is said.
func needs(settings config.Environment, verb config.Verb) []string {
	if allow := settings.Allow[verb]; len(allow) > 0 {
		return allow
	}
	return []string{string(RoleWrite)}
}

// find returns the stops and requests that a written target means: one, an
// environment's, or all. Unknown names are a problem.
func (r *rollout) find(stops []*stop, written []command.Target) ([]named, *render.Problem) {
	var all []named
	known := []string{}
	for _, s := range stops {
		known = append(known, string(s.settings.Name))
		for _, q := range s.requests {
			all = append(all, named{s, q.Target})
			known = append(known, q.Target.String())
		}
	}
	if len(written) == 0 {
		return all, nil
	}
	var found []named
	for _, name := range written {
		before := len(found)
		for _, n := range all {
			if n.target.String() == string(name) || string(n.target.Environment) == string(name) {
				found = append(found, n)
			}
		}
		if len(found) == before {
			return nil, report.UnknownName("target", string(name), slices.Compact(known))
		}
	}
	return found, nil
}

// named is a target at its stop.
type named struct {
	*stop
	target render.Target
}

func (n named) key(repo Repository) inventory.Key {
	return inventory.Key{Repository: repo.String(), Environment: n.target.Environment, Application: n.target.Application}
}

// say stores a person's word in the target's cluster and has the branch deployed.
func (r *rollout) say(ctx context.Context, job RunCommands, n named, verb inventory.Verb, digest string) error {
	word := inventory.Word{Verb: verb, Digest: digest, By: job.Author, At: job.At,
		URL: fmt.Sprintf("%s/%s/pull/%d#issuecomment-%d", r.Web, job.Repository, job.Number, job.Comment)}
	if err := n.cluster.Say(ctx, n.key(r.repo), word); err != nil {
		return fmt.Errorf("%s %s: %w", verb, n.target, err)
	}
	return r.Queue.Insert(ctx, DeployBranch{Repository: r.repo})
}
