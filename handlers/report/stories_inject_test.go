package report_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A story is one text for GitHub in which strangers have a say.
type story struct{ name, title, text string }

// hostileStories says s wherever a stranger has a say, n times.
func hostileStories(s string, n int) []story {
	target := render.Target{Environment: render.Environment("production" + s), Application: render.Application("web" + s), Path: "apps/" + s}
	id := render.ObjectID{Group: s, Kind: "Kind" + s, Namespace: s, Name: s}
	problem := &render.Problem{File: s, Line: 3, Message: s, Hint: s}
	stories := []story{{name: "deployment", text: report.Deployment(hostileDeployment(target, id, problem, s, n))}}
	status := report.StatusReport{}
	reply := report.CommandReply{Comment: 7, DetailsURL: s}
	promotion := report.PromotionReport{From: target.Environment, To: render.Environment(s), Application: target.Application, Askers: []report.Asker{{Login: s, At: s}, {Login: s, At: s}}, RepositoryURL: s}
	drift := report.DriftReport{Environment: target.Environment}
	for range n {
		past := &inventory.Deployment{Commit: render.Commit(s), State: inventory.Failed, Reason: s, By: s}
		status.Targets = append(status.Targets, report.TargetStatus{Target: target, Current: past, Health: report.Unhealthy},
			report.TargetStatus{Target: target, Deployed: past, Health: report.Health(report.Progressing), Message: s}, report.TargetStatus{Target: target, Problem: problem})
		promotion.Carried = append(promotion.Carried, report.CarriedApplication{Application: target.Application, Commit: render.Commit(s), HealthySince: at(1),
			Images: []report.CarriedImage{{Containers: []string{s}, Old: s, New: s + ":1"}, {Old: "a:" + s, New: "a@" + s}}, Files: []string{s}, NotCarried: []string{s}})
		objects := []report.DriftedObject{{ID: id, Origin: render.Origin{File: s, Line: 1}, Missing: true}, {ID: id, Origin: render.Origin{File: s, Line: 1}, Fields: []report.DriftedField{
			{Kind: report.DriftChanged, Path: s, Pointer: s, Git: s, Live: "line\n" + s, Manager: s, At: at(2)},
			{Kind: report.DriftExtra, Path: s, Pointer: "/a/" + s, Live: map[string]any{s: s}, Manager: s},
			{Kind: report.DriftChanged, Path: s, Git: s, Live: s + s}}}}
		drift.Parts = append(drift.Parts, report.DriftPart{Target: target, Cluster: s, Commit: render.Commit(s), Digest: s, Objects: objects},
			report.DriftPart{Target: target, Cluster: s, Problem: problem, Objects: objects, LastChecked: at(3), FailingSince: at(4)},
			report.DriftPart{Target: target, Cluster: s, Problem: problem, Objects: objects, Unknown: []render.ObjectID{id}, FailingSince: at(4)})
	}
	for range min(n, 20) {
		reply.Results = append(reply.Results,
			report.CommandResult{Command: s, State: report.CommandRefused, Problem: report.UnknownName("target", s, []string{s + "x", s + "yyyyyyyy"})},
			report.CommandResult{Command: s, State: report.CommandDone, Message: s, Link: s, LinkText: s, Status: &status},
			report.CommandResult{Command: s, State: report.CommandFailed, Problem: problem, Help: []report.VerbHelp{{Usage: s, Does: s, Example: s, Needs: s}}},
			report.CommandResult{Command: s, State: report.CommandRefused, Problem: report.NotAllowed([]string{s, s}, target.Environment, s)},
			report.CommandResult{Command: s, State: report.CommandRefused, Problem: report.StaleDigest(target, s, s)})
	}
	title, body := report.Promotion(promotion)
	driftTitle, driftBody := report.DriftIssue(drift)
	single, _ := report.Promotion(report.PromotionReport{From: "staging", To: "production", Carried: []report.CarriedApplication{{Application: "web", Images: []report.CarriedImage{{Old: "web:1", New: "web:" + s}}}}})
	return append(stories, story{"promotion of one", single, ""}, story{"reply", "", report.Reply(reply)}, story{"promotion", title, body}, story{"drift", driftTitle, driftBody},
		story{"closed", "", report.DriftClosed(target.Environment, 1, 2)})
}

func hostileDeployment(target render.Target, id render.ObjectID, problem *render.Problem, s string, n int) report.DeploymentReport {
	d := report.DeploymentReport{Merged: render.Commit("a" + s), Commit: render.Commit(s), Problems: []render.Problem{*problem}, DetailsURL: s}
	for range n {
		var targets []report.TargetDeployment
		for _, state := range []deploy.State{deploy.Applied, deploy.Applying, deploy.Failed, deploy.Waiting, deploy.Refused} {
			targets = append(targets, report.TargetDeployment{Target: target, Command: report.ConfirmCommand(target, s), Receipt: &deploy.Receipt{
				Target: target, State: state, Reason: s, Hint: s, By: s, Started: at(1), Objects: []deploy.ObjectReceipt{
					{ID: id, Action: preview.Update, State: deploy.ObjectFailed, Message: s}, {ID: id, Action: preview.Update, State: deploy.ObjectApplied, Message: s},
					{ID: id, Action: preview.Delete, State: deploy.ObjectKept, Message: s}, {ID: id, Action: preview.Delete, State: deploy.ObjectPruned}}}})
		}
		targets = append(targets, report.TargetDeployment{Target: target, Problem: problem})
		d.Environments = append(d.Environments, report.EnvironmentDeployment{Name: target.Environment, Targets: targets},
			report.EnvironmentDeployment{Name: render.Environment(s), Targets: []report.TargetDeployment{{Target: target}}, StoppedBy: target.Environment})
	}
	return d
}

func TestNothingOfStrangersBecomesMarkupInStories(t *testing.T) {
	for _, attack := range attacks {
		t.Run(fmt.Sprintf("%q", attack), func(t *testing.T) { checkStories(t, attack) })
	}
	for _, a := range attacks {
		for _, b := range []string{"`", "\n\n", "|"} {
			checkStories(t, a+b+a)
		}
	}
}

func FuzzNothingOfStrangersBecomesMarkupInStories(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, s string) { checkStories(t, s) })
}

// ourTables counts the cells of each row, which a stranger's pipe would change.
var ourTables = regexp.MustCompile(`(?s)<tr>.*?</tr>`)

func checkStories(t *testing.T, s string) {
	t.Helper()
	harmless := hostileStories("harmless", 1)
	for i, story := range hostileStories(s, 1) {
		page := toHTML(t, story.text)
		// The addresses are of our own making or of GitHub's answers, not of strangers;
		// nothing that is no page may become a link all the same.
		for _, link := range regexp.MustCompile(`<(a|img|script|iframe|input|del|em|blockquote)\b[^>]*>`).FindAllString(page, -1) {
			if !strings.HasPrefix(link, `<a href="http`) || !isPage(s) {
				t.Fatalf("%s: %q became %q in\n%s", story.name, s, link, story.text)
			}
		}
		checkBalance(t, story.text)
		if rest := outsideCode(comment.ReplaceAllString(page, "")); meaningful.MatchString(rest) {
			t.Fatalf("%s: %q: GitHub would find %q in\n%s", story.name, s, meaningful.FindString(rest), rest)
		}
		if at := strings.IndexFunc(story.text, func(r rune) bool { return r != '\n' && r != '\t' && unprinted(r) }); at >= 0 {
			t.Fatalf("%s: %q: a rune that nobody sees at %q", story.name, s, story.text[at:])
		}
		if n := strings.Count(story.text, "\n<!-- slipway:"); n > 0 {
			t.Fatalf("%s: %q: a forged marker begins a line in\n%s", story.name, s, story.text)
		}
		if meaningful.MatchString(story.title) || strings.ContainsAny(story.title, "@#`\n") || strings.ContainsFunc(story.title, unprinted) {
			t.Fatalf("%s: %q: the title %q", story.name, s, story.title)
		}
		if got, want := cellsOf(page), cellsOf(toHTML(t, harmless[i].text)); got != want && s != "" {
			t.Fatalf("%s: %q: the tables have rows of %s cells, want %s, in\n%s", story.name, s, got, want, story.text)
		}
	}
	for _, text := range hostileTexts(s) {
		if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unprinted(r) }) {
			t.Fatalf("%q: control characters for a terminal in %q", s, text)
		}
	}
}

// comment matches the marker, in which GitHub looks for nothing.
var comment = regexp.MustCompile(`(?s)^<!--.*?-->`)

func isPage(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

func cellsOf(page string) string {
	widths := map[int]bool{}
	for _, row := range ourTables.FindAllString(page, -1) {
		widths[strings.Count(row, "<td")+strings.Count(row, "<th")] = true
	}
	return fmt.Sprint(widths)
}

func hostileTexts(s string) []string {
	target := render.Target{Environment: render.Environment("production" + s), Application: render.Application(s)}
	id := render.ObjectID{Kind: s, Namespace: s, Name: s}
	problem := &render.Problem{File: s, Message: s, Hint: s}
	d := hostileDeployment(target, id, problem, s, 1)
	past := inventory.Deployment{Commit: render.Commit(s), State: inventory.Failed, Reason: s, By: s}
	return []string{
		report.ReceiptText(receiptsOf(d), false), report.ProgressText(receiptsOf(d)[1], false),
		report.StatusText(report.StatusReport{Targets: []report.TargetStatus{{Target: target, Current: &past, Deployed: &past, Behind: true}, {Target: target, Problem: problem}, {Target: target, Message: s}}}, false),
		report.HistoryText(report.HistoryReport{Target: target, Deployments: []inventory.Deployment{past}}, false),
		report.DriftText([]report.DriftReport{{Parts: []report.DriftPart{{Target: target, Commit: render.Commit(s), Problem: problem, LastChecked: at(1), Objects: []report.DriftedObject{
			{ID: id, Origin: render.Origin{File: s}, Fields: []report.DriftedField{{Path: s, Git: s, Live: map[string]any{s: s}, Manager: s}}}}}}}}, false),
	}
}

// TestStoriesFit asks of stories of all sizes that they stay within GitHub's limits
// and are whole Markdown.
func TestStoriesFit(t *testing.T) {
	for s, sizes := range map[string][]int{
		"x": {1, 40, 300}, "@`|<界\u202e\n": {40}, strings.Repeat("@`|<界\u202e\n", 3000): {1, 8}, strings.Repeat("`", 4000): {1, 8}, strings.Repeat("@|", 400): {1, 20},
	} {
		for _, n := range sizes {
			for _, story := range hostileStories(s, n) {
				if got := utf8.RuneCountInString(story.text); got > report.MaxComment {
					t.Errorf("%s of %d times %.10q has %d characters", story.name, n, s, got)
				}
				if got := utf8.RuneCountInString(story.title); got > 256 {
					t.Errorf("%s has a title of %d characters", story.name, got)
				}
				checkBalance(t, story.text)
			}
		}
	}
}

// TestEveryTargetOfADeploymentIsCounted adds up the rows of a large table.
func TestEveryTargetOfADeploymentIsCounted(t *testing.T) {
	for _, n := range []int{1, 25, 26, 300, 900} {
		comment := report.Deployment(manyDeployments(n))
		if got := targetsInTable(t, comment); got != n {
			t.Errorf("the table stands for %d targets, want %d", got, n)
		}
		if size := utf8.RuneCountInString(comment); size > report.MaxComment {
			t.Errorf("%d targets: %d characters", n, size)
		}
		if waits := strings.Count(comment, "\n/apply staging/"); waits != min(10, n/7) {
			t.Errorf("%d targets: %d commands", n, waits)
		}
	}
}
