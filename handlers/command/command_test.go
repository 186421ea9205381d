package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// said parses a body and prints what came of it, canonical and short.
func said(body string) []string {
	commands, mistakes := Parse(body)
	all := []string{}
	for _, c := range commands {
		all = append(all, c.String())
	}
	for _, m := range mistakes {
		all = append(all, "mistake: "+m.Message)
	}
	return all
}

func TestParse(t *testing.T) {
	const d = "3f9d0c417be2a8d0"
	for _, test := range []struct {
		body string
		want string // empty: nothing
	}{
		{"/help", "/help"},
		{"/help apply", "/help apply"},
		{"/help /Apply", "/help apply"},
		{"/slipway", "/help"},
		{"/slipway help", "/help"},
		{"/plan", "/plan"},
		{"/PLAN  ", "/plan"},
		{"   /plan", "/plan"},
		{"/slipway plan", "/plan"},
		{"/apply", "/apply"},
		{"/apply production", "/apply production"},
		{"/apply production/web-app staging/api_2", "/apply production/web-app staging/api_2"},
		{"/apply\tproduction\r\n", "/apply production"},
		{"/apply a a b", "/apply a b"},
		{"/ok-to-plan 5b1f8a4", "/ok-to-plan 5b1f8a4"},
		{"/OK-to-plan " + strings.ToUpper(strings.Repeat(d, 2)), "/ok-to-plan " + strings.Repeat(d, 2)},
		{"/status", "/status"},
		{"/status production/web.app", "/status production/web.app"},
		{"/confirm production/web-app " + d, "/confirm production/web-app " + d},
		{"/confirm production " + strings.ToUpper(d), "/confirm production " + d},
		{"/promote staging→production", "/promote staging→production"},
		{"/promote staging -> production", "/promote staging→production"},
		{"/promote staging=>production", "/promote staging→production"},
		{"/promote staging to production web-app api", "/promote staging→production web-app api"},
		{"/promote a-b->c-d e", "/promote a-b→c-d e"},
		{"/promote to to from", "/promote to→from"},
		{"/slipway promote dev→staging", "/promote dev→staging"},
		{"Looks good.\n\n/apply production\n\nThank you!", "/apply production"},
		{"Looks good.\n/apply production\nThank you!", "/apply production"},
		{"/apply production\n---", "/apply production"},
		{"I ran `this`.\n/plan\nAnd `that`.", "/plan"},
		{"1 < 2 `\n/plan", "/plan"},
		{"<b>yes</b>\n/plan", "/plan"},
		{"<p>\n\n/plan", "/plan"},
		{"<details>x</details>\n\n/plan", "/plan"},
		{"<!-- x -->\n\n/plan", "/plan"},
		{"<!-->\n\n/plan", "/plan"},
		{strings.Repeat("-", 40) + "\n/plan", "/plan"},
		{strings.Repeat(">", 40) + "a\n\n/plan", "/plan"},
	} {
		want := []string{}
		if test.want != "" {
			want = append(want, test.want)
		}
		if diff := cmp.Diff(want, said(test.body)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.body, diff)
		}
	}
}

// Each of these shows a command and gives none, and nobody is bothered with it.
func TestSilence(t *testing.T) {
	for _, body := range []string{
		"", "\n\n", "nice!", "see /apply", "a /plan", "- /apply", "* /apply x", "1. /apply", "# /apply", "#/apply",
		"> /apply production", ">/apply", "> a\n> /apply", "> > /apply", "- > /apply",
		"```\n/apply\n```", "```\n/apply", "~~~sh\n/apply\n~~~", "    /apply", "\t/apply", "a\n\n    /apply", "x\n     /apply",
		"- ```\n  /apply\n  ```", "> ```\n> /apply\n> ```",
		"`/apply`", "`\n/apply\n`", "``a\n/apply ` b\n``", "\\``\n/apply\n`", "<http://a`b> `\n/apply\n`", "[a](`b) `\n/apply\n`",
		"<!-- /apply -->", "<!--\n/apply\n-->", "a <!--\n/apply\n-->", "a <!--\n\n/apply\n\n-->", "<!--\n\n/apply", "a <!--\n\n/apply",
		"<details>\n\n/apply\n\n</details>", "<details><summary>x</summary>\n\n/apply\n\n</details>", "<details>\n/apply\n</details>",
		"<blockquote>\n\n/apply\n\n</blockquote>", "a <del>\n/apply\n</del>", "<pre>\n/apply\n</pre>", "<pre>\n\n/apply\n</pre>",
		"<details>\n<details>\n\n</details>\n\n/apply", "<div>\n/apply\n</div>", "<a title=\"\n/apply\n\">x</a>", "<?php\n/apply\n?>",
		"[a]: b\n'\n/apply\n'",
		"`\n" + strings.Repeat("-", 40) + " 1\n/apply\n`", strings.Repeat("> ", 40) + "a\n> /apply",
		"/lgtm", "/approve", "/retest", "/hold", "/test all", "/merge", "/assign @bob", "/cc @bob", "/ok-to-test", "/helm upgrade", "> /ok-to-plan 5b1f8a4",
		"/lgtm cancel", "/usr/bin/env", "/plan/x", "/api/v1/status is down", "/", "//", "/ apply", "/-apply", "/план", "!apply", "apply production",
		"Привет", "→ /apply", "/lgtm\u200b",
	} {
		if got := said(body); len(got) > 0 {
			t.Errorf("%q: %q", body, got)
		}
	}
}

// Each of these is not obeyed, and is told.
func TestMistakes(t *testing.T) {
	for _, test := range []struct{ body, message, hint string }{
		{"/promot a→b", `there is no verb "promot"`, "did you mean /promote?"},
		{"/aply", `there is no verb "aply"`, "did you mean /apply?"},
		{"/appyl x", `there is no verb "appyl"`, "did you mean /apply?"},
		{"/pormoet a→b", `there is no verb "pormoet"`, "did you mean /promote?"},
		{"/ok-to-paln 5b1f8a4", `there is no verb "ok-to-paln"`, "did you mean /ok-to-plan?"},
		{"/oktoplan 5b1f8a4", `there is no verb "oktoplan"`, "did you mean /ok-to-plan?"},
		{"/ok-to-plan", "/ok-to-plan needs one commit: the one that was looked at", verbs[OkToPlan].hint()},
		{"/ok-to-plan 5b1f8a4 5b1f8a5", "/ok-to-plan needs one commit: the one that was looked at", verbs[OkToPlan].hint()},
		{"/ok-to-plan 5b1f8a", `/ok-to-plan needs a commit, and "5b1f8a" is none: 7 to 64 digits 0-9 and a-f, best all of them`, verbs[OkToPlan].hint()},
		{"/ok-to-plan feature", `/ok-to-plan needs a commit, and "feature" is none: 7 to 64 digits 0-9 and a-f, best all of them`, verbs[OkToPlan].hint()},
		{"/plan?", `there is no verb "plan?"`, "did you mean /plan?"},
		{"/slipway aply", `there is no verb "aply"`, "did you mean /apply?"},
		{"/slipway frobnicate", `there is no verb "frobnicate"`, "the verbs are /plan, /ok-to-plan, /apply, /confirm, /promote, /status, /help"},
		{"/slipway rollback production", `there is no verb "rollback"`, "the verbs are /plan, /ok-to-plan, /apply, /confirm, /promote, /status, /help"},
		{"/slipway @all`<b>", `there is no verb "�all��b�"`, "the verbs are /plan, /ok-to-plan, /apply, /confirm, /promote, /status, /help"},
		{"/plan --offline", `"--offline" looks like a flag, and commands have none`, "write /plan"},
		{"/plan again", "/plan takes nothing after it", "write /plan"},
		{"/apply production; rm -rf /", "; means nothing in a command", "write names alone: no shell, no wildcards, no punctuation"},
		{"/apply $(id)", "$ means nothing in a command", "write names alone: no shell, no wildcards, no punctuation"},
		{"/apply production/*", "* means nothing in a command", "write names alone: no shell, no wildcards, no punctuation"},
		{"/apply `production`", "there is a backtick after the verb", "write names as they are, without backticks"},
		{"/apply a, b", "there is a comma after the verb", "put spaces between the names"},
		{"/apply a→b", "there is an arrow where none belongs", "arrows are for /promote staging→production"},
		{"/apply -var-file=/etc/passwd", `"-var-file=/etc/passwd" looks like a flag, and commands have none`, verbs[Apply].hint()},
		{"/apply a/b/c", `/apply needs targets like production/web-app or production, and "a/b/c" is none`, verbs[Apply].hint()},
		{"/apply ../x", `/apply needs targets like production/web-app or production, and "../x" is none`, verbs[Apply].hint()},
		{"/apply production.", `/apply needs targets like production/web-app or production, and "production." is none`, verbs[Apply].hint()},
		{"/apply pro\u200bduction", "there is a character after the verb that cannot be seen (U+200B)", "type the command instead of pasting it"},
		{"/apply prоduction", "U+043E after the verb is none of the characters of a name, though it may look like one", "type the command instead of pasting it"},
		{"/apply \u202eproduction", "there is a character after the verb that cannot be seen (U+202E)", "type the command instead of pasting it"},
		{"/apply a\x00b", "there is a control character after the verb (U+0000)", "type the command instead of pasting it"},
		{"/аpply production", "this looks like /apply and is written with other characters (U+0430)", "type the command instead of pasting it"},
		{"/slipway аpply", "this looks like /apply and is written with other characters (U+0430)", "type the command instead of pasting it"},
		{"/ѕlipway apply", "this looks like /apply and is written with other characters (U+0455)", "type the command instead of pasting it"},
		{"/ap\u200bply", "this looks like /apply and is written with other characters (U+200B)", "type the command instead of pasting it"},
		{"\u200b/apply", "this looks like /apply and is written with other characters (U+200B)", "type the command instead of pasting it"},
		{"/apply\u00a0production", "this looks like /apply and is written with other characters (U+00A0)", "type the command instead of pasting it"},
		{"／apply", "this looks like /apply and is written with other characters (U+FF0F)", "type the command instead of pasting it"},
		{"/promote", "/promote needs to know from where and to where", verbs[Promote].hint()},
		{"/promote staging production", "/promote needs to know from where and to where", verbs[Promote].hint()},
		{"/promote a→a", "/promote goes from one environment to another, not to itself", verbs[Promote].hint()},
		{"/promote a→b→c", `/promote needs names of letters, digits, dots and hyphens, and "→" is none`, verbs[Promote].hint()},
		{"/promote a⇒b", "U+21D2 after the verb is none of the characters of a name, though it may look like one", "type the command instead of pasting it"},
		{"/promote a-->b", `/promote needs names of letters, digits, dots and hyphens, and "a-" is none`, verbs[Promote].hint()},
		{"/confirm production", "/confirm needs one target and the digest of its plan", verbs[Confirm].hint()},
		{"/confirm production abc", `/confirm needs a plan's digest after the target, and "abc" is none: 12 to 64 digits 0-9 and a-f`, verbs[Confirm].hint()},
		{"/status a b", "/status takes one environment or target at most", verbs[Status].hint()},
		{"/help me", "/help takes one verb at most: /plan, /ok-to-plan, /apply, /confirm, /promote, /status, /help", verbs[Help].hint()},
		{"> are we done?\n/apply production", "stands inside the quote above it", "leave an empty line before the command"},
		{strings.Repeat(">", 40) + "done\n/apply production", "stands inside the quote above it", "leave an empty line before the command"},
		{"- done\n/apply production", "stands inside the list above it", "leave an empty line before the command"},
	} {
		commands, mistakes := Parse(test.body)
		if len(commands) > 0 || len(mistakes) != 1 {
			t.Errorf("%q: %v, %v", test.body, commands, mistakes)
			continue
		}
		if diff := cmp.Diff([]string{test.message, test.hint}, []string{mistakes[0].Message, mistakes[0].Hint}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.body, diff)
		}
		if want := strings.Contains(test.hint, "the verbs are"); mistakes[0].Help != want {
			t.Errorf("%q: help %v, want %v", test.body, mistakes[0].Help, want)
		}
	}
}

func TestLinesAndTexts(t *testing.T) {
	body := "Hello\r\n\r\n> /apply\r\n\r\n```\r\n/plan\r\n```\r\n/apply production/web-app  \r\n/lgtm\r\n/aply\r\n/promote dev => staging api"
	commands, mistakes := Parse(body)
	wantCommands := []Command{
		{Verb: Apply, Targets: []Target{"production/web-app"}, Line: 8, Text: "/apply production/web-app"},
		{Verb: Promote, From: "dev", To: "staging", Applications: []Application{"api"}, Line: 11, Text: "/promote dev => staging api"},
	}
	wantMistakes := []Mistake{{Line: 10, Text: "/aply", Message: `there is no verb "aply"`, Hint: "did you mean /apply?"}}
	if diff := cmp.Diff(wantCommands, commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantMistakes, mistakes); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestBounded(t *testing.T) {
	commands, mistakes := Parse(strings.Repeat("/plan\n", 12))
	if len(commands) != MaxCommands || len(mistakes) != 1 || mistakes[0].Line != 11 {
		t.Errorf("%d commands, mistakes %v", len(commands), mistakes)
	}
	commands, mistakes = Parse(strings.Repeat("/aply\n", 50) + strings.Repeat("/plan\n", 11))
	if len(commands) != MaxCommands || len(mistakes) != MaxCommands || mistakes[9].Line != 61 {
		t.Errorf("%d commands, %d mistakes, the last %v", len(commands), len(mistakes), mistakes[9])
	}
	_, mistakes = Parse("/slipway " + strings.Repeat("ü", 60_000))
	if len(mistakes) != 1 || len(mistakes[0].Text) > 250 || len(mistakes[0].Message) > 250 {
		t.Errorf("%v", mistakes)
	}
}

// hostile are texts that make careless parsers take the square of their length.
var hostile = []string{
	">", "> ", "- ", "1. ", "[", "![", "](", "<", "<!--", "<!-- ", "<a ", "<a b=\"", "<a b='", "<?", "<![CDATA[", "`", "` `` ", "*a _", "**a", "\\`", "&", "<details>",
	"</details>", "<details></q>", "/apply\n", "/apply x\n", "> \n", ">>\n", "- a\n", " -\n", "[a]: b\n", "[a]:\n", "[a", "/", "/\u200b", "\u200b", "а\n", "a\n", "\n", "```\n", "~~~\n    \n", "<pre>\n",
	"  - a\n", "-\n\n", "a|b\n", "=\n", "](`", "](a ", "\t", "*\t", "1234567890", "a-", "/plan\n```\n```\n", "`\n/plan\n", "<x@",
}

// Nothing that fits a comment keeps the parser busy: one that takes the square of
// the length needs minutes for some of these.
func TestHostileTexts(t *testing.T) {
	for _, part := range hostile {
		done := make(chan struct{})
		go func() {
			defer close(done)
			Parse(strings.Repeat(part, 60_000/len(part)))
			Parse(strings.Repeat(part, 30_000/len(part)) + "\n" + strings.Repeat(part, 30_000/len(part)))
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%q repeated keeps the parser busy", part)
		}
	}
}

// BenchmarkParse shows that the time grows with the length: compare the lines of
// one text.
func BenchmarkParse(b *testing.B) {
	for _, part := range append(hostile, "Looks good to me, thank you!\n\n/apply production\n") {
		for _, length := range []int{15_000, 60_000} {
			body := strings.Repeat(part, length/len(part))
			b.Run(fmt.Sprintf("%q/%d", part, length), func(b *testing.B) {
				for b.Loop() {
					Parse(body)
				}
			})
		}
	}
}
