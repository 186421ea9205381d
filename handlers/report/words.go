package report

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// plural returns "1 target" or "3 targets".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// number prints n with thousands separated.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// agree returns the verb's form for n: 1 target changes, 2 targets change.
func agree(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// some joins the first of names by commas and counts the rest.
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(names[:most], ", "), number(len(names)-most))
}

// place prints file:line, or the file alone.
func place(file string, line int) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return file
}

// withHint joins a message and its hint, which may be empty.
func withHint(message, hint string) string {
	if hint == "" {
		return message
	}
	return message + "; " + hint
}

// command returns the exact command line that prints the plan of one target, or of
// all when there is none.
func (r Report) command(target *render.Target) string {
	line := fmt.Sprintf("slipway plan --repo . --base %s --head %s", r.Base, r.Head)
	if target != nil {
		line += " --target " + quote(target.String())
	}
	return line
}

// quote returns s as one word of a POSIX shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-@:+", r)
	}
	if s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// pageLink returns a Markdown link to the page about the report; empty without one.
func pageLink(address string) string {
	if link := namedLink("More", address); link != "" {
		return link + "."
	}
	return ""
}

// namedLink returns a Markdown link; empty where the address is no page's.
func namedLink(text, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || text == "" {
		return ""
	}
	return "[" + prose(short(text, 120)) + "](<" + strings.NewReplacer("<", "%3C", ">", "%3E", "\\", "%5C").Replace(u.String()) + ">)"
}
