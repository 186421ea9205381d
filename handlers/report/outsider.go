package report

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// AllowCommand is the line by which a person lets clusters be asked about an
// outsider's commit. It has the whole commit: an outsider can make two that begin
// alike.
func AllowCommand(commit render.Commit) string { return "/ok-to-plan " + string(commit) }

// outsider says that no cluster was asked, who may change that, and by which line.
func (r Report) outsider(b brevity) string {
	return fmt.Sprintf("This pull request comes from another repository, so no cluster was asked about it. %s may allow exactly this commit, after having looked at it, by a comment with this line:\n\n%s\n",
		brief(whoMay(r.MayAllow), b.notes), fence("", []string{AllowCommand(r.Head)}))
}

// whoMay names those of whom one is needed, of each list.
func whoMay(needs [][]string) string {
	if len(needs) == 0 {
		needs = [][]string{{"write"}}
	}
	words := make([]string, len(needs))
	for i, list := range needs {
		each := make([]string, len(list))
		for j, need := range list {
			each[j] = code(short(need, 100))
		}
		words[i] = strings.Join(each, " or ")
	}
	return "Whoever has " + strings.Join(words, ", and also ")
}

// AllowedCheckName is the name of the check run that keeps who allowed an
// outsider's commit of a pull request.
func AllowedCheckName(pull int) string { return fmt.Sprintf("%s / ok-to-plan (#%d)", GateName, pull) }

// AllowedCheck is that check run. It judges nothing.
func AllowedCheck(pull int, by string) Check {
	return Check{
		Name:       AllowedCheckName(pull),
		Conclusion: Neutral,
		Title:      fmt.Sprintf("%s allowed this commit to be planned", visible(short(by, 100))),
		Summary:    fmt.Sprintf("Pull request #%d comes from another repository. %s looked at this commit and allowed Slipway to ask the clusters about it. The word holds for this commit alone.", pull, code(short(by, 100))),
	}
}

// AllowedNotice is a report's notice of the same.
func AllowedNotice(by string) string {
	return "This pull request comes from another repository; " + named(by) + " allowed this commit to be planned."
}

// unsandboxed says why nothing of an outsider's pull request was rendered.
const unsandboxed = "This pull request comes from another repository, and this installation of Slipway has no sandbox in which what an outsider wrote could be rendered: nothing of it was rendered, and no cluster was asked. Whoever runs Slipway may mend that; or somebody who has looked at the commits may push them to a branch of this repository.\n\n"

// NotYourCommit is the refusal of a word for a commit that is not the head.
func NotYourCommit(said string, head render.Commit) *render.Problem {
	return &render.Problem{
		Message: fmt.Sprintf("%s is not the head of this pull request", named(said)),
		Hint:    "look at what is there now, then comment " + named(AllowCommand(head)),
	}
}

// NotShown is the refusal of an abbreviated word that was written before the
// comment showed the commit.
func NotShown(said string, head render.Commit) *render.Problem {
	return &render.Problem{
		Message: fmt.Sprintf("%s is short, and Slipway's comment did not show that commit when you wrote it; an outsider can make two commits that begin alike", named(said)),
		Hint:    "look at what is there now, then comment " + named(AllowCommand(head)),
	}
}

// NoOutsider is the refusal of a word that nobody needs.
func NoOutsider() *render.Problem {
	return &render.Problem{Message: "this pull request comes from a branch of this repository, and is planned without a word", Hint: "`/plan` plans it again"}
}
